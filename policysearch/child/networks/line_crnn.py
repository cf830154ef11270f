"""The convolutional-recurrent net that reads lines of text on a CPU core."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from policysearch.datasets.text_lines.fit import pixels_per_step

_ROWS = 2


class LineCRNN(nn.Module):
    """Convolutions that collapse the height of a line, and a bidirectional GRU along it (Shi et al. 2017, in small).

    [B, channels, H, W] float32 -> logits [B, T, classes], one step per 2 pixels of width, or per 4 where lines are 24
    pixels high or more; T is rounded up. Three 3×3 convolutions of 8, 16 and 32 channels with batch norm, each followed
    by max pooling that halves the height; 2 rows remain and are joined. The last layer sees the convolutions' features
    beside the GRU's: without that shortcut CTC needs several times as many steps until it writes anything but blanks.

    Args:
        channels: of an image.
        height: of an image, in pixels.
        classes: characters and the blank.
        widths: channels of the convolutions.
        hidden: units of the GRU in each direction.
    """

    def __init__(
        self, channels: int, height: int, classes: int, widths: tuple[int, ...] = (8, 16, 32), hidden: int = 32
    ) -> None:
        super().__init__()
        along = [2] * (pixels_per_step(height) // 2) + [1] * len(widths)
        self.halvings = tuple((2, step) for step in along[: len(widths)])
        inputs = (channels, *widths[:-1])
        self.convolutions = nn.ModuleList(
            nn.Sequential(nn.Conv2d(i, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU())
            for i, o in zip(inputs, widths, strict=True)
        )
        features = widths[-1] * _ROWS
        self.recurrence = nn.GRU(features, hidden, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden + features, classes)

    def forward(self, x: Tensor) -> Tensor:
        for convolution, halving in zip(self.convolutions, self.halvings, strict=True):
            x = F.max_pool2d(convolution(x), halving, ceil_mode=True)
        if x.shape[2] != _ROWS:
            x = F.adaptive_max_pool2d(x, (_ROWS, x.shape[3]))
        features = x.flatten(1, 2).transpose(1, 2).contiguous()
        along, _ = self.recurrence(features)
        logits: Tensor = self.head(torch.cat([features, along], 2))
        return logits
