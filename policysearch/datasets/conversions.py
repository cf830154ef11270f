"""How images became pixels: bits, darkness, transparency and frames over all images of the data."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from policysearch.core.readable import counted
from policysearch.datasets.pixels import Pixels

BITS = 16
"""Of a grey image in a file of 16 bits."""
_DARK = 64
"""Data whose brightest pixel is below this are nearly black, and most likely not meant so."""
_MANY_BITS = 3
"""Between a typical image and the brightest one: where so many are lost, most images become nearly black."""


class Conversions:
    """What is gathered of all images as they come.

    Attributes:
        peaks: the largest value of each image of 16 bits, by its row.
    """

    def __init__(self) -> None:
        self.peaks: dict[int, int] = {}
        self._brightest = 0
        self._transparent = 0
        self._several_frames = 0

    def add(self, row: int, image: Pixels) -> None:
        """Take note of an image."""
        self._brightest = max(self._brightest, image.brightest)
        self._transparent += image.transparent
        self._several_frames += image.several_frames
        if image.peak is not None:
            self.peaks[row] = image.peak

    def brighten(self, image: Pixels) -> None:
        """Take note of an image of 16 bits that was converted again, by the bits in use."""
        self._brightest = max(self._brightest, image.brightest)

    @property
    def bits_in_use(self) -> int:
        """Bits of the largest value of the images of 16 bits, 8 to 16; 16 where there are no such images."""
        return max(8, max(self.peaks.values()).bit_length()) if self.peaks else BITS

    def warnings(self, background: str) -> Iterator[str]:
        """What a person should know, a sentence each.

        Args:
            background: what transparent places were put on.
        """
        if self.peaks:
            yield from self._on_sixteen_bits(sorted(self.peaks.values()))
        if self._brightest < _DARK:
            yield (
                f"no pixel is brighter than {self._brightest} of 255: the images are nearly black; "
                "if their values have another range, scale them to 0 to 255"
            )
        if self._transparent:
            yield (
                f"{counted(self._transparent, 'image is', 'images are')} transparent in places: a {background} "
                "background is put behind (--background)"
            )
        if self._several_frames:
            yield (
                f"{counted(self._several_frames, 'image has', 'images have')} several frames or pages: "
                "the first of each is read"
            )

    def _on_sixteen_bits(self, peaks: list[int]) -> Iterator[str]:
        bits, highest, typical = self.bits_in_use, peaks[-1], int(np.median(peaks))
        if bits < BITS:
            yield (
                f"{counted(len(peaks), 'image', 'images')} of 16 bits with values up to {highest:,} only: read as "
                f"images of {bits} bits"
            )
        if bits - typical.bit_length() >= _MANY_BITS:
            yield (
                f"most images of 16 bits have values up to {typical:,} only, one up to {highest:,}: "
                f"as images of {bits} bits most are nearly black; scale them to 8 bits yourself"
            )
