"""Wide residual networks for small images."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class _Block(nn.Module):
    """Norm, ReLU and 3×3 convolution, twice (Zagoruyko & Komodakis 2016, figure 1c, without dropout).

    The shortcut of a block that changes shape starts after the first ReLU.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.shortcut = None if inputs == outputs else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(x))
        shortcut = x if self.shortcut is None else self.shortcut(y)
        out: Tensor = shortcut + self.conv2(F.relu(self.norm2(self.conv1(y))))
        return out


class WideResNet(nn.Module):
    """WRN-depth-width of Zagoruyko & Komodakis 2016 (table 1), for images of 28 to 64 pixels.

    [B, channels, H, W] float32 -> logits [B, classes]. A 3×3 stem of 16 channels, three groups of (depth − 4) / 6
    blocks with 16, 32 and 64 times `width` channels, the last two halving the sides, then the mean over all places.
    Convolutions start as in He et al. 2015 (fan-out).
    """

    def __init__(self, depth: int, width: int, channels: int, classes: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, 16, 3, 1, 1, bias=False)
        sides = [16, 16 * width, 32 * width, 64 * width]
        groups = zip(sides[:-1], sides[1:], (1, 2, 2), strict=True)
        self.groups = nn.Sequential(*(_group(i, o, stride, (depth - 4) // 6) for i, o, stride in groups))
        self.norm = nn.BatchNorm2d(sides[-1])
        self.head = nn.Linear(sides[-1], classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(F.relu(self.norm(self.groups(self.stem(x)))).mean((2, 3)))
        return logits


def _group(inputs: int, outputs: int, stride: int, blocks: int) -> nn.Sequential:
    rest = (_Block(outputs, outputs, 1) for _ in range(blocks - 1))
    return nn.Sequential(_Block(inputs, outputs, stride), *rest)
