"""The residual net that costs about a third of the default child's time."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn


class _Residual(nn.Sequential):
    """Layers with a shortcut around them. The sum is a module's output, so that activation maps see it."""

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for layer in self:
            y = layer(y)
        return x + y


class QuickResNet(nn.Module):
    """A residual net of about 24,000 weights for 28 to 64 pixels, for pulls that cost little.

    [B, channels, H, W] float32 -> logits [B, classes]. It is wide and of low resolution from the start, as the fastest
    trainings on CIFAR-10 are (Page 2018): overlapping patches of 6×6 pixels, one every 4, give 16 channels; a 3×3
    convolution of stride 2 gives 32; two more have a shortcut around them, added after the last ReLU; then the mean
    over all places. Convolutions of 16 and 32 channels fill the vectors of a CPU; those of 8 leave most of them empty.
    """

    def __init__(self, channels: int, classes: int, widths: tuple[int, int] = (16, 32)) -> None:
        super().__init__()
        first, last = widths
        self.patches = _layer(channels, first, kernel=6, stride=4)
        self.down = _layer(first, last, kernel=3, stride=2)
        self.residual = _Residual(*(_layer(last, last, kernel=3, stride=1) for _ in range(2)))
        self.head = nn.Linear(last, classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.residual(self.down(self.patches(x))).mean((2, 3)))
        return logits


def _layer(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    """A convolution with batch norm and ReLU."""
    padding = (kernel - 1) // 2
    return nn.Sequential(
        OrderedDict(
            convolution=nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False),
            norm=nn.BatchNorm2d(outputs),
            relu=nn.ReLU(),
        )
    )
