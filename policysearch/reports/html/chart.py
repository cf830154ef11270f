"""A chart drawn by hand as SVG: its frame, and the marks in it.

Colours are classes of the stylesheet, text is text, and what a mark stands for is its `<title>`, which browsers show
over it and the page's script shows at once.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from policysearch.reports.html.scales import Scale

WIDTH = 440
"""Of a chart, in units of which its letters have 12: about a phone's width with letters as large as the page's."""
SERIES = 8
"""Colours, and shapes of marks."""
_LETTER = 6.6
_LINE = 16
_RIGHT = 14
_TITLE_LETTERS, _AXIS_LETTERS = 54, 64
Place = tuple[float, float]


@dataclass(frozen=True)
class Panel:
    """Titles of one plot; `name` is another for every plot of a page, `limits` are those of `y`."""

    name: str
    title: str
    x: str
    y: str
    limits: tuple[float | None, float | None] = (0.0, None)


@dataclass(frozen=True)
class Frame:
    """Where the marks of a chart go.

    Attributes:
        x, y: its axes.
        parts: grid, ticks and titles, as SVG.
        height: down to the end of the title of x.
    """

    x: Scale
    y: Scale
    parts: tuple[str, ...]
    height: float


def frame(panel: Panel, x: Scale, y: Scale, height: float, *, names_y: bool = True) -> Frame:
    """The frame of a chart.

    Args:
        panel: its titles.
        x, y: values at the ends of the axes; their places are set here.
        height: of the field that marks are drawn in.
        names_y: whether values of y are named.
    """
    y_ticks = y.ticks() if names_y else []
    y_names = y.named(y_ticks)
    left = 12 + _LETTER * max(map(len, y_names), default=0)
    title = textwrap.wrap(panel.title, _TITLE_LETTERS)
    top = 8 + _LINE * (len(title) + bool(panel.y))
    x = _placed(x, left, WIDTH - _RIGHT)
    y = _placed(y, top + height, top)
    x_ticks = x.ticks()
    parts = [text(line, 0, 13 + _LINE * place, "title") for place, line in enumerate(title)]
    parts += [text(panel.y, 0, 13 + _LINE * len(title), "soft")] if panel.y else []
    parts += [path(f"M{short(x.place(tick))} {short(top)}v{short(height)}", "grid") for tick in x_ticks]
    parts += [path(f"M{short(left)} {short(y.place(tick))}H{WIDTH - _RIGHT}", "grid") for tick in y_ticks]
    bottom = top + height
    parts += _names_of_x(x, x_ticks, bottom + _LINE)
    parts += [text(name, left - 6, y.place(tick) + 4, "end") for name, tick in zip(y_names, y_ticks, strict=True)]
    below = textwrap.wrap(panel.x, _AXIS_LETTERS)
    middle = (left + WIDTH - _RIGHT) / 2
    parts += [text(line, middle, bottom + (2.2 + place) * _LINE, "middle soft") for place, line in enumerate(below)]
    return Frame(x, y, tuple(parts), bottom + (1.6 + len(below)) * _LINE)


def _placed(scale: Scale, start: float, end: float) -> Scale:
    return Scale(scale.low, scale.high, start, end, scale.logarithmic, scale.whole)


def _names_of_x(x: Scale, ticks: Sequence[float], y: float) -> Iterable[str]:
    """The names of ticks, none on another: of two that would meet the first is left out."""
    free: float = WIDTH + _RIGHT
    names = []
    for name, tick in reversed([*zip(x.named(ticks), ticks, strict=True)]):
        place, half = x.place(tick), len(name) * _LETTER / 2
        if place + half < free - 6:
            centre = min(place, WIDTH - half)
            names.append(text(name, centre, y, "middle"))
            free = centre - half
    return reversed(names)


def drawn(parts: Iterable[str], height: float, label: str, width: float = WIDTH) -> str:
    """An `<svg>` of these parts; `label` is what a screen reader says instead."""
    box = f'viewBox="0 0 {short(width)} {short(height)}"'
    return f'<svg class="chart" role="img" aria-label="{escape(label)}" {box}>{"".join(parts)}</svg>'


def text(words: str, x: float, y: float, kind: str = "") -> str:
    """Words at a place; `kind` is of the stylesheet: title, soft, middle, end."""
    return f'<text x="{short(x)}" y="{short(y)}"{_class(kind)}>{escape(words, quote=False)}</text>'


def path(data: str, kind: str, tip: str = "", dashes: str = "") -> str:
    """A line or an area; `tip` is shown over it."""
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return tipped("path", f'd="{data}"{_class(kind)}{dashed}', tip)


def tipped(tag: str, attributes: str, tip: str) -> str:
    """An element with its tip."""
    if not tip:
        return f"<{tag} {attributes}/>"
    return f"<{tag} {attributes}><title>{escape(tip, quote=False)}</title></{tag}>"


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def polyline(places: Iterable[Place]) -> str:
    """The data of a path through places."""
    return "M" + "L".join(f"{short(x)} {short(y)}" for x, y in places)


def steps(places: Sequence[Place]) -> str:
    """The data of a path that keeps its height until the next place."""
    (x, y), *rest = places
    return f"M{short(x)} {short(y)}" + "".join(f"H{short(x)}V{short(y)}" for x, y in rest)


def mark(series: int, at: Place, tip: str = "", size: float = 4.0, kind: str = "dot") -> str:
    """A mark whose shape and colour are by its series: a circle, a square, a triangle, ..."""
    x, y = at
    colour = f"{kind} c{series % SERIES}"
    if series % SERIES == 0:
        return tipped("circle", f'cx="{short(x)}" cy="{short(y)}" r="{short(size)}" class="{colour}"', tip)
    corners = _SHAPES[series % SERIES]
    outline = " ".join(f"{short(x + size * dx)} {short(y + size * dy)}" for dx, dy in corners)
    return path(f"M{outline}z", colour, tip)


def _star(points: int, inner: float, turn: float = 0.0) -> tuple[Place, ...]:
    angles = [math.pi * (k / points + turn) for k in range(2 * points)]
    radii = [1.3 if k % 2 == 0 else inner for k in range(2 * points)]
    return tuple((r * math.sin(a), -r * math.cos(a)) for a, r in zip(angles, radii, strict=True))


_SHAPES: tuple[tuple[Place, ...], ...] = (
    (),
    ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    ((0, -1.2), (1.1, 0.8), (-1.1, 0.8)),
    ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
    ((0, 1.2), (1.1, -0.8), (-1.1, -0.8)),
    _star(4, 0.5),
    _star(4, 0.5, 0.25),
    _star(5, 0.6),
)
"""Corners by series; a circle has none."""


def legend(names: Sequence[tuple[int, str, str]], top: float, columns: int = 1) -> tuple[list[str], float]:
    """Names with their marks.

    Args:
        names: the series, the name, and the dashes of a line; "-" for marks alone, and
            a "_" at the end for a line without marks.
        top: where it begins.
        columns: side by side.

    Returns:
        the parts, and where they end.
    """
    width = WIDTH / columns
    parts = []
    for place, (series, name, dashes) in enumerate(names):
        x, y = 6 + width * (place % columns), top + _LINE * (place // columns) + 10
        if dashes != "-":
            line = f"curve c{series % SERIES}"
            parts.append(path(f"M{short(x)} {short(y)}h30", line, dashes=dashes.strip("_")))
        if not dashes.endswith("_"):
            parts.append(mark(series, (x + 15, y)))
        parts.append(text(name, x + 38, y + 4))
    return parts, top + _LINE * math.ceil(len(names) / columns) + 4


def short(value: float) -> str:
    """A place with one digit after the point, or none.

    Example:
        >>> short(12.04), short(3.26)
        ('12', '3.3')
    """
    return f"{value:z.1f}".removesuffix(".0")
