"""A comparison in the terminal: tables a budget, best first, and the verdicts last."""

from __future__ import annotations

from rich.console import Console

from policysearch.experiments.comparison.outcomes import Comparison
from policysearch.experiments.comparison.statistics import Summary
from policysearch.experiments.comparison.text import budget_grids, pair_grid, sensitivity_grid
from policysearch.reports.terminal import rich_table

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
