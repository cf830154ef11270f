"""An evaluation in the terminal: tables, what to be careful of, and the sentence last."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from policysearch.experiments.evaluation.files import FILES, looks_told
from policysearch.experiments.evaluation.summary import Summary
from policysearch.experiments.evaluation.text import NOTES, grids
from policysearch.reports.terminal import rich_table

_WIDE = 120


def show_evaluation(summary: Summary, folder: Path, console: Console | None = None) -> None:
    """Print everything; elsewhere than in a terminal at a width at which tables stay whole."""
    console = console or Console()
    console = console if console.is_terminal else Console(width=_WIDE, file=console.file)
    for grid in grids(summary):
        console.print(rich_table(grid, console.width >= _WIDE))
    for text in (*NOTES, *summary.cautions):
        console.print(f"{text}.", markup=False, highlight=False, style="dim", soft_wrap=True)
    console.print(f"\n{summary.sentence}.", markup=False, highlight=False, style="bold")
    cost = f"Cost: {summary.about['worker_seconds']:.0f} worker-seconds. {looks_told(summary)}"
    files = f"Files in {folder}: {', '.join(FILES)}."
    console.print(f"\n{cost} {files}", markup=False, highlight=False, soft_wrap=True)
