"""A table for the terminal."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from policysearch.reports.table import Grid

_NAME = 16


def rich_table(grid: Grid, console_is_wide: bool) -> Table:
    """Names are folded, never cut short; numbers stand to the right, and in one line where there is room."""
    table = Table(title=escape(grid.title), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1))
    for i, head in enumerate(grid.heads):
        lines = escape(head.replace(" [", "\n["))
        side: dict[str, Any] = (
            {"justify": "right", "no_wrap": console_is_wide} if i else {"justify": "left", "min_width": _NAME}
        )
        table.add_column(lines, overflow="fold", **side)
    for row in grid.rows:
        table.add_row(*(escape(cell) for cell in row), style="bold" if row[0] in grid.bold else "")
    return table
