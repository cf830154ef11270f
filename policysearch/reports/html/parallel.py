"""Parallel coordinates: an axis for each parameter, a thread for each arm, the best ones in front and in colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from policysearch.reports.html.chart import drawn, path, polyline, short, text
from policysearch.reports.html.scales import Scale

_APART, _LEFT, _RIGHT = 104, 10, 100
_NARROWEST = 400  # from the first axis to the last
_TOP, _HEIGHT = 52, 230
_LONGEST = 15  # letters of a name
_FEW = 8  # numbers that are all named
_SPREAD = 0.03  # of the height, over which threads of one value are spread
_GOLDEN = 0.618034


@dataclass(frozen=True)
class Axis:
    """What is drawn along one axis.

    Attributes:
        name: of the parameter.
        values: [N] one of each thread, all numbers or any values without an order.
        continuous: whether round numbers are named along it, however few values there are.
    """

    name: str
    values: Sequence[Any]
    continuous: bool = False

    @property
    def is_number(self) -> bool:
        """Whether its values have an order and distances."""
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)


def parallel(title: str, axes: Sequence[Axis], tips: Sequence[str], best: int) -> str:
    """The threads as SVG, wider the more axes there are.

    Args:
        title: of the chart.
        axes: two or more.
        tips: [N] what is said over each thread.
        best: how many threads, the first ones, are in colour.
    """
    apart = max(_APART, _NARROWEST / (len(axes) - 1))
    lefts = [_LEFT + apart * k for k in range(len(axes))]
    places = [_placed(axis, x) for axis, x in zip(axes, lefts, strict=True)]
    threads = [[column[i] for column, _ in places] for i in range(len(tips))]
    order = [*range(best, len(tips)), *reversed(range(best))]  # what comes last is in front
    parts = [text(title, 0, 13, "title")]
    parts += [path(polyline(threads[i]), "thread best c1" if i < best else "thread c0", tips[i]) for i in order]
    for axis, x, (_, ticks) in zip(axes, lefts, places, strict=True):
        parts += _axis(axis, x, ticks)
    names = ", ".join(axis.name for axis in axes)
    return drawn(parts, _TOP + _HEIGHT + 14, f"{title}: {len(tips)} threads over {names}", lefts[-1] + _RIGHT)


Tick = tuple[float, str]
"""Height and name."""


def _placed(axis: Axis, x: float) -> tuple[list[tuple[float, float]], list[Tick]]:
    """Where each thread crosses an axis, threads of one value a little apart, and the axis's ticks."""
    if axis.is_number and len(set(axis.values)) > 1:
        scale = Scale(min(axis.values), max(axis.values), _TOP + _HEIGHT, _TOP)
        distinct = sorted(set(axis.values))
        few = len(distinct) <= _FEW and not axis.continuous
        ticks = distinct if few else scale.ticks()
        names = [f"{tick:g}" for tick in ticks] if few else scale.named(ticks)
        heights = [scale.place(value) for value in axis.values]
        marks = [(scale.place(tick), name) for tick, name in zip(ticks, names, strict=True)]
    else:
        distinct = sorted(set(map(str, axis.values)))
        step = _HEIGHT / max(1, len(distinct) - 1)
        place_of = {name: _TOP + _HEIGHT - step * k for k, name in enumerate(distinct)}
        heights = [place_of[str(value)] for value in axis.values]
        marks = [(height, name) for name, height in place_of.items()]
    jitter = _SPREAD * _HEIGHT if len(distinct) < len(heights) else 0.0
    return [(x, height + jitter * (i * _GOLDEN % 1 - 0.5)) for i, height in enumerate(heights)], marks


def _axis(axis: Axis, x: float, ticks: Sequence[Tick]) -> Iterator[str]:
    """The line, its name above it, and the names of ticks that do not meet."""
    yield path(f"M{short(x)} {_TOP - 4}V{_TOP + _HEIGHT + 4}", "axis", axis.name)
    yield text(_cut(axis.name), x - 4, _TOP - 10, "soft")
    free = float("inf")
    for height, name in sorted(ticks, reverse=True):
        if free - height >= 13:
            yield text(_cut(name), x + 5, height + 4, "halo")
            free = height


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
