"""Plots drawn as SVG by hand: colours are classes of the stylesheet, all text is text, and nothing is inline."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from policysearch.service.pages.elements import Html, joined, tag

_WIDTH, _HEIGHT = 480, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 12, 40
_ROOM_FOR_NAMES, _NAME_HEIGHT = 66, 13
MOST_POINTS = 2_000
Point = tuple[float, float]
Form = Callable[[float], str]


class Axes:
    """From values to places in the picture.

    Args:
        x, y: lowest and highest value of each axis.
        right: room on the right, for names of lines.

    Attributes:
        x, y: lowest and highest value of each axis, with some room.
        right: where the picture's grid ends.
    """

    def __init__(self, x: tuple[float, float], y: tuple[float, float], right: int = _RIGHT) -> None:
        self.x, self.y = _opened(*x, share=0.0), _opened(*y, share=0.06)
        self.right = _WIDTH - right

    def across(self, value: float) -> float:
        """Where a value of `x` is."""
        return _LEFT + (value - self.x[0]) / (self.x[1] - self.x[0]) * (self.right - _LEFT)

    def down(self, value: float) -> float:
        """Where a value of `y` is."""
        return _HEIGHT - _BOTTOM - (value - self.y[0]) / (self.y[1] - self.y[0]) * (_HEIGHT - _TOP - _BOTTOM)


def _opened(low: float, high: float, share: float) -> tuple[float, float]:
    """A range with some room, and never empty."""
    room = (high - low) * share or (0.0 if high > low else max(abs(high), 1.0) * 0.05)
    return low - room, high + room


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round values within a range.

    Example:
        >>> ticks(0.0, 1.0)
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
        >>> ticks(3.0, 41.0, 4)
        [10.0, 20.0, 30.0, 40.0]
    """
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def plot(axes: Axes, titles: tuple[str, str], marks: Iterable[str], label: str, form: Form) -> Html:
    """A picture with its axes.

    Args:
        axes: where values are.
        titles: of x and y.
        marks: what is drawn, as `line` and `dots` give it.
        label: what a screen reader says instead.
        form: a value of y as text.
    """
    grid = [*_across(axes), *_up(axes, form)]
    names = (
        tag("text", titles[0], x=(_LEFT + axes.right) // 2, y=_HEIGHT - 6, class_="middle"),
        tag("text", titles[1], x=4, y=_TOP - 1, class_="axis-title"),
    )
    return tag(
        "svg",
        *grid,
        *names,
        *marks,
        viewBox=f"0 -8 {_WIDTH} {_HEIGHT + 8}",
        role="img",
        aria_label=label,
        class_="plot",
    )


def _across(axes: Axes) -> Iterable[Html]:
    for value in ticks(*axes.x):
        if value == int(value):
            yield tag("text", f"{value:,.0f}", x=_short(axes.across(value)), y=_HEIGHT - _BOTTOM + 17, class_="middle")


def _up(axes: Axes, form: Form) -> Iterable[Html]:
    for value in ticks(*axes.y):
        y = axes.down(value)
        if y < _TOP + 6:  # the title is there
            continue
        yield tag("path", d=f"M{_LEFT} {_short(y)}H{axes.right}", class_="grid")
        yield tag("text", form(value), x=_LEFT - 6, y=_short(y + 4), class_="end")


def line(axes: Axes, points: Sequence[Point], series: int, steps: bool = False) -> Html:
    """A line; one of steps keeps its height until the next point."""
    places = [(_short(axes.across(x)), _short(axes.down(y))) for x, y in points]
    first, *rest = places
    between = "".join(f"H{x}V{y}" if steps else f"L{x} {y}" for x, y in rest)
    return tag("path", d=f"M{first[0]} {first[1]}{between}", class_=f"line s{series}")


def dots(axes: Axes, points: Sequence[Point], series: int) -> Html:
    """Round dots, all in one path: thousands of elements would make a page slow."""
    path = "".join(f"M{_short(axes.across(x))} {_short(axes.down(y))}h0" for x, y in points)
    return tag("path", d=path, class_=f"dots s{series}")


def spread(heights: Sequence[float], apart: float) -> list[float]:
    """Heights moved down as little as keeps each so far below the one above it.

    Example:
        >>> spread([50.0, 20.0, 22.0], 10)
        [50.0, 20.0, 30.0]
    """
    moved = list(heights)
    above = -math.inf
    for place in sorted(range(len(heights)), key=lambda place: heights[place]):
        moved[place] = above = max(heights[place], above + apart)
    return moved


def _names(axes: Axes, lines: Mapping[str, Sequence[Point]]) -> Iterable[Html]:
    """The names of lines behind their ends, none on another."""
    heights = spread([axes.down(rows[-1][1]) + 4 for rows in lines.values()], _NAME_HEIGHT)
    for place, (name, height) in enumerate(zip(lines, heights, strict=True)):
        yield tag("text", name, x=axes.right + 6, y=_short(height), class_=f"name s{place % 8}")


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def thinned(points: Sequence[Sequence[float]], most: int = MOST_POINTS) -> list[Sequence[float]]:
    """At most so many points, evenly taken, the last among them."""
    if len(points) <= most:
        return list(points)
    step = len(points) / most
    return [points[len(points) - 1 - int(place * step)] for place in range(most)][::-1]


def rewards(points: Sequence[Sequence[float]], total: int, reward: str, form: Form) -> Html:
    """Rewards over the pulls, and the best mean so far.

    Args:
        points: (number of the pull from 0, its reward, best mean until then) each.
        total: pulls that there will be.
        reward: what y is.
        form: a reward as text.
    """
    rows = [row for row in thinned(points) if all(value is not None for value in row[:2])]
    values = [row[1] for row in rows] + [row[2] for row in rows if row[2] is not None]
    axes = Axes((0.0, max(float(total), rows[-1][0] + 1)), (min(values), max(values)))
    best = [(row[0] + 1, row[2]) for row in rows if row[2] is not None]
    marks = [dots(axes, [(row[0] + 1, row[1]) for row in rows], 2), line(axes, best, 0, steps=True) if best else None]
    label = f"{reward} of {len(points):,} pulls; the best mean so far is {form(best[-1][1]) if best else 'not known'}"
    return plot(axes, ("pulls", reward), filter(None, marks), label, form)


def curves(lines: Mapping[str, Sequence[Sequence[float]]], title: str, form: Form) -> Html:
    """Learning curves, one line a pull, its number at the end."""
    usable = {name: [(row[0], row[1]) for row in rows] for name, rows in lines.items() if rows}
    xs = [x for rows in usable.values() for x, _ in rows]
    ys = [y for rows in usable.values() for _, y in rows]
    axes = Axes((0.0, max(xs)), (min(ys), max(ys)), _ROOM_FOR_NAMES)
    marks = []
    for place, rows in enumerate(usable.values()):
        marks += [line(axes, rows, place % 8), dots(axes, rows, place % 8)]
    marks += _names(axes, usable)
    ends = ", ".join(f"{name} at {form(rows[-1][1])}" for name, rows in usable.items())
    return plot(axes, ("epochs", title), marks, f"Learning curves: {ends}", form)


def interval_bar(low: float, mean: float, high: float, span: tuple[float, float], zero: bool = False) -> Html:
    """An interval as a bar with its mean, on a scale that is shared by all bars with this `span`.

    Args:
        low, mean, high: of the interval; low and high may be nan.
        span: the ends of the scale.
        zero: whether the place of 0 is marked.
    """
    width, height = 160, 16
    axis = _opened(*span, share=0.04)

    def place(value: float) -> str:
        return _short((value - axis[0]) / (axis[1] - axis[0]) * width)

    whole = math.isfinite(low) and math.isfinite(high)
    parts = [
        tag("path", d=f"M{place(0)} 0V{height}", class_="zero") if zero and axis[0] <= 0 <= axis[1] else None,
        tag("path", d=f"M{place(low)} 8H{place(high)}", class_="bar") if whole else None,
        tag("path", d=f"M{place(mean)} 8h0", class_="mean"),
    ]
    return tag("svg", joined(parts), viewBox=f"0 0 {width} {height}", class_="interval", aria_hidden="true")
