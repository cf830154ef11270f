"""A comparison in the terminal: tables a budget, best first, and the verdicts last."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from policysearch.comparison.runs import Comparison
from policysearch.comparison.statistics import Summary
from policysearch.comparison.tables import Grid, budget_grids, pair_grid, sensitivity_grid

__all__ = ["rich_table", "show"]

_NAME = 16
_WIDE = 100


def show(summary: Summary, comparison: Comparison, console: Console) -> None:
    """Print every budget's tables, the sensitivity table, the cautions, and a verdict a budget as the last lines."""
    grids = [grid for at in summary.budgets for grid in (*budget_grids(at), pair_grid(at))]
    for grid in (*grids, sensitivity_grid(summary)):
        if grid.rows:
            console.print(rich_table(grid, console.width >= _WIDE))
    told = f"δ = {comparison.delta:g}; – is not known or never reached; the JSON and the page say what columns mean."
    for text in (told, *summary.cautions):
        console.print(text, markup=False, highlight=False, style="dim")
    for at in summary.budgets:
        console.print(f"\n{at.verdict.sentence}", markup=False, highlight=False, style="bold")


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
