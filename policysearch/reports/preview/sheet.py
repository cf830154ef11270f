"""A sheet of pictures with lines of text under each, laid out by hand in inches so that no text meets another."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

DPI = 100
SIDE = 1.4  # inches, a picture's longer side
GAP, MARGIN, ASIDE = 0.14, 0.16, 0.14  # between pictures, around the sheet, after the first column
INDENT = 0.07  # of what follows of a broken line
WIDTH = SIDE + GAP - INDENT - 0.02  # of the text under a picture
SPACING = 1.35  # a line's height in letters' sizes
TITLE = FontProperties(size=12, weight="bold")
NOTE = FontProperties(size=9)
FIRST = FontProperties(size=8, weight="bold")
OTHER = FontProperties(size=8)


@dataclass(frozen=True)
class Picture:
    """An image, [H, W] (grey) or [H, W, 3] uint8, and what stands under it, the first line in bold."""

    image: NDArray[np.uint8]
    lines: tuple[str, ...]


def pixels(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[C, H, W] -> [H, W] grey or [H, W, 3]."""
    return image[0] if len(image) == 1 else image.transpose(1, 2, 0)


def sheet(title: str, notes: Sequence[str], rows: Sequence[Sequence[Picture]]) -> Figure:
    """A figure of pictures in rows and columns, the first column set apart.

    Args:
        title: stands above, in bold.
        notes: lines below the title.
        rows: the same number of pictures in each; all images of one size. Small ones are enlarged pixel by pixel.
    """
    paper = _Paper(len(rows[0]))
    y = MARGIN
    for text, font in ((title, TITLE), *((note, NOTE) for note in notes)):
        y = paper.write(text, font, MARGIN, y, paper.width - 2 * MARGIN)
    for row in rows:
        y = max(paper.place(picture, column, y + GAP) for column, picture in enumerate(row))
    return paper.finished(y + MARGIN)


class _Paper:
    """A figure whose height is known when all is on it; places are in inches from the upper left corner."""

    def __init__(self, columns: int) -> None:
        self.width = 2 * MARGIN + ASIDE * (columns > 1) + columns * SIDE + (columns - 1) * GAP
        self.figure = Figure(figsize=(self.width, 1), dpi=DPI)
        canvas: Any = FigureCanvasAgg(self.figure)
        self._letters = canvas.get_renderer()
        self._axes: Axes = self.figure.add_axes((0, 0, 1, 1))
        self._axes.axis("off")
        self._axes.set_xlim(0, self.width)

    def place(self, picture: Picture, column: int, top: float) -> float:
        """Put a picture and its lines; returns where they end."""
        left = MARGIN + column * (SIDE + GAP) + ASIDE * (column > 0)
        first, *others = picture.lines
        y = self.write(first, FIRST, left, self._show(picture.image, left, top) + 0.05, WIDTH)
        for line in others:
            y = self.write(line, OTHER, left, y, WIDTH, INDENT)
        return y

    def _show(self, image: NDArray[np.uint8], left: float, top: float) -> float:
        scale = SIDE / max(image.shape[:2])
        height, width = (float(round(max(side * scale, 0.1), 2)) for side in image.shape[:2])
        extent = (left, left + width, top + height, top)
        how = "nearest" if scale * DPI >= 1 else "antialiased"
        self._axes.imshow(image, cmap="gray", vmin=0, vmax=255, extent=extent, interpolation=how, aspect="auto")
        frame = Rectangle((left, top), width, height, fill=False, edgecolor="0.6", linewidth=0.6)
        self._axes.add_patch(frame)
        return top + height

    def write(
        self, text: str, font: FontProperties, left: float, top: float, width: float, indent: float = 0.0
    ) -> float:
        """Put a line, broken where it is wider than `width` and what follows indented; returns where it ends."""
        height = float(font.get_size_in_points()) / 72 * SPACING

        def fits(part: str) -> bool:
            letters = self._letters.get_text_width_height_descent(part.rstrip(), font, False)[0]
            return bool(letters <= width * DPI)

        for i, line in enumerate(_broken(" ".join(text.split()), fits)):
            place = (left + indent * (i > 0), top + height / 2)
            self._axes.text(*place, line.rstrip(), va="center_baseline", fontproperties=font, parse_math=False)
            top += height
        return top

    def finished(self, height: float) -> Figure:
        self.figure.set_size_inches(self.width, height)
        self._axes.set_ylim(height, 0)
        return self.figure


def _broken(text: str, fits: Callable[[str], bool], after: tuple[str, ...] = (", ", " ", "")) -> Iterator[str]:
    """The text in lines that fit: broken at commas, a part that alone is too wide at spaces, a word between letters."""
    if fits(text) or not after:
        yield text
        return
    line = ""
    for piece in re.split(f"(?<={after[0]})", text) if after[0] else text:
        if line and not fits(line + piece):
            yield line
            line = ""
        *full, last = _broken(piece, fits, after[1:])
        yield from full
        line += last
    yield line
