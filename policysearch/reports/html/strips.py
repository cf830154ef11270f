"""Points along rows, one row for each value of something: what a value comes to, and how far its points are apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from policysearch.reports.html.chart import Frame, Panel, drawn, frame, mark, path, short, text
from policysearch.reports.html.scales import Scale, opened

_ROW = 30
_LONGEST = 62  # letters of a row's name


@dataclass(frozen=True)
class Strip:
    """A row.

    Attributes:
        label: of the row.
        values: [N] of the points that are drawn.
        tips: [N] what is said over each.
        mean: of all of its points, drawn or not.
        count: how many these are.
    """

    label: str
    values: Sequence[float]
    tips: Sequence[str]
    mean: float
    count: int


def strips(panel: Panel, rows: Sequence[Strip]) -> str:
    """Rows of points as SVG, each with its name above it and a stroke at its mean, the first on top."""
    values = [value for row in rows for value in (row.mean, *row.values)]
    x = Scale(*opened(min(values), max(values)), 0, 1)
    field = frame(panel, x, Scale(0, len(rows), 0, 1), _ROW * len(rows) + 6, names_y=False)
    parts = [*field.parts]
    parts += [part for place, row in enumerate(rows) for part in _strip(field, row, field.y.end + _ROW * place)]
    listed = ", ".join(f"{row.label} {row.mean:.4g}" for row in rows)
    return drawn(parts, field.height, f"{panel.title}, {panel.x}, means: {listed}")


def _strip(field: Frame, row: Strip, top: float) -> Iterator[str]:
    y = top + 22
    yield text(row.label if len(row.label) <= _LONGEST else f"{row.label[: _LONGEST - 1]}…", 0, top + 13, "halo")
    for value, tip in zip(row.values, row.tips, strict=True):
        yield mark(0, (field.x.place(value), y), tip, 3.5, "dot faint")
    tip = f"{row.label}: mean {row.mean:.4g} of {row.count} arms"
    yield path(f"M{short(field.x.place(row.mean))} {short(y - 7)}v14", "mean c1", tip)
