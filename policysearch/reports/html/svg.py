"""Figures as SVG that stands inside a page: its colours follow the page's, its text stays text, its ids are its own."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#010203"
"""Stands for the page's text colour; `inline` puts `currentColor` in its place."""
SERIES = tuple(f"#0a0b{k:02x}" for k in range(8))
"""Stand for the page's colours --s0 to --s7, which differ between a light and a dark page."""
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "policysearch",
    "text.parse_math": False,  # a name may hold $
    "font.size": 11,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "axes.titlesize": 12,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.alpha": 0.18,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    **{
        name: INK
        for name in ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "grid.color")
    },
}
"""rcParams to draw with."""
_COLOURS = {INK: "currentColor", **{token: f"var(--s{k})" for k, token in enumerate(SERIES)}}
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


@contextmanager
def drawing(width: float, height: float) -> Iterator[Figure]:
    """An empty figure in the page's style, to draw on and to give to `inline` before the context ends.

    Args:
        width: in inches.
        height: in inches.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        yield Figure(figsize=(width, height), layout="constrained")


def inline(figure: Figure, name: str, label: str) -> str:
    """The figure as an `<svg>` element; call it inside `drawing`.

    Args:
        name: letters, digits and hyphens, another for every figure of a page: its ids begin with it.
        label: what a screen reader says instead of the picture.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    FigureCanvasSVG(figure)
    file = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters that the font at hand lacks; the browser's has them
        figure.savefig(file, format="svg", metadata=_NO_METADATA, transparent=True)
    svg = re.search(r"<svg.*</svg>", file.getvalue(), re.DOTALL)
    assert svg
    body = re.sub(r'\bd="[^"]*"', lambda match: re.sub(r"(\.\d\d)\d+", r"\1", match[0]), svg[0])
    body = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", body)
    body = re.sub("|".join(_COLOURS), lambda match: _COLOURS[match[0]], body)
    opening = f'<svg role="img" aria-label="{escape(label)}"'
    return re.sub(r' (width|height)="[\d.]+pt"', "", body.replace("<svg", opening, 1), count=2)
