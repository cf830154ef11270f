"""Results in the terminal: tables, the verdict in words, the cost, and where the files are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from policysearch.core.command import command
from policysearch.experiments.search.brief import Brief, saved_brief
from policysearch.reports.terminal import output_console, say, show_grid

if TYPE_CHECKING:
    from policysearch.experiments.comparison.outcomes import Comparison
    from policysearch.experiments.comparison.statistics import Summary
    from policysearch.experiments.search.result import SearchResult
    from policysearch.experiments.tabular.record import Recorded


def show_result(result: SearchResult, console: Console | None = None) -> None:
    """Print a search: its tables, the policy in words, the cost, and where the files are."""
    from policysearch.experiments.search.text import brief_of

    _show(brief_of(result), result.folder, console or output_console())


def show_run(folder: Path, console: Console | None = None) -> None:
    """Print a search that ended earlier: the headline and what mattered, then all of `show_result`.

    Raises:
        UserError: the folder holds no run.
    """
    brief = saved_brief(folder) or _computed(folder)
    console = console or output_console()
    page = folder / "report.html"
    where = f"The page: {page}" if page.exists() else f"{command('report', folder)} makes a page of this."
    say(console, "\n\n".join([*brief.opening, where, ""]))
    _show(brief, folder, console)


def _computed(folder: Path) -> Brief:
    from policysearch.experiments.search.result import read_both
    from policysearch.experiments.search.text import brief_of

    return brief_of(*read_both(folder))


def _show(brief: Brief, folder: Path, console: Console) -> None:
    show_grid(console, brief.arms)
    for note in brief.notes:
        say(console, note, style="dim")
    if brief.confirmation is not None:
        show_grid(console, brief.confirmation)
    if brief.policy:
        say(console, f"\n{brief.statement}", style="bold")
        say(console, f"\n{brief.policy}")
    else:
        say(console, brief.statement)
    for warning in brief.warnings:
        say(console, f"\n{warning}", style="bold")
    files = ", ".join(sorted(path.name for path in folder.iterdir() if path.stem != "controller"))
    say(console, f"\n{brief.cost} Files in {folder}: {files}.")


def show_recorded(recorded: Recorded) -> None:
    """Print where a recorded table is and what it cost."""
    failed = f"; {recorded.failed} failed, and the same command tries them again" if recorded.failed else ""
    print(f"{recorded.path}: {recorded.pulls} pulls, {recorded.seconds:.0f} worker-seconds{failed}")


def show_comparison(summary: Summary, comparison: Comparison, folder: Path) -> None:
    """Print a comparison: its tables, the verdict, and where the files are."""
    from policysearch.experiments.comparison.report import show

    console = output_console()
    show(summary, comparison, console)
    say(console, f"Files in {folder}: compare.html, compare.json, runs.npz.")
