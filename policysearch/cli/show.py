"""Results in the terminal: tables, the verdict in words, the cost, and where the files are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from policysearch.core.command import command
from policysearch.experiments.search.report.data import Material
from policysearch.experiments.search.result import SearchResult
from policysearch.experiments.search.tables import arm_grid, arm_notes, confirmation_grid
from policysearch.policy.describe import in_words
from policysearch.policy.losses import Loss, loss_in_words
from policysearch.reports.terminal import output_console, say, show_grid

if TYPE_CHECKING:
    from policysearch.experiments.comparison.outcomes import Comparison
    from policysearch.experiments.comparison.statistics import Summary
    from policysearch.experiments.tabular.record import Recorded


def _trained_with(loss: Loss | None) -> list[str]:
    return [f"trained with {loss_in_words(loss)} (without it, this is not what was searched)"] if loss else []


def show_result(result: SearchResult, console: Console | None = None) -> None:
    """Print a search: its tables, the policy in words, the cost, and where the files are."""
    console = console or output_console()
    show_grid(console, arm_grid(result.summaries, result.config))
    for note in arm_notes(result.summaries):
        say(console, note, style="dim")
    if result.verdict is None or result.policy is None:
        say(console, _unfinished(result))
    else:
        if result.confirmation:
            show_grid(console, confirmation_grid(result.confirmation, result.verdict, result.config))
        say(console, f"\n{result.verdict.sentence}.", style="bold")
        words = "\n".join([in_words(result.policy), *_trained_with(result.verdict.winner.loss)])
        say(console, f"\nThe policy ({result.policy.name}):\n{words}")
    for text in result.warnings:
        say(console, f"\nWarning: {text}.", style="bold")
    files = ", ".join(sorted(path.name for path in result.folder.iterdir() if path.stem != "controller"))
    again = f", {result.repeated} failed attempts made again (trials.csv says why)" if result.repeated else ""
    cost = f"\nCost: {result.seconds:.0f} worker-seconds{again}. Files in {result.folder}: {files}."
    say(console, cost)


def _unfinished(result: SearchResult) -> str:
    """How far a search is that has not come to its end, and what continues it."""
    pulls = sum(arm.pulls + arm.failures for arm in result.summaries)
    goes_on = f"{command('resume', result.folder)} goes on."
    if pulls < result.config.trials:
        return f"Not finished: {pulls} of {result.config.trials} pulls; {goes_on}"
    confirmed = sum(arm.pulls + arm.failures for arm in result.confirmation)
    return (
        f"Not finished: the search is complete ({pulls} of {result.config.trials}), its confirmation is not "
        f"({confirmed} trainings so far); {goes_on}"
    )


def show_run(result: SearchResult, material: Material, console: Console | None = None) -> None:
    """Print a search that ended earlier: the headline and what mattered, then all of `show_result`."""
    from policysearch.experiments.search.report.headline import found_on
    from policysearch.experiments.search.report.importance_section import mattered_in_words
    from policysearch.experiments.search.report.reliability import calibration_in_words

    console = console or output_console()
    verdict = f"{result.verdict.sentence}." if result.verdict else f"{material.name}: a search that is not finished."
    page = result.folder / "report.html"
    paragraphs = [
        verdict,
        found_on(material),
        mattered_in_words(material),
        calibration_in_words(material),
        f"The page: {page}" if page.exists() else f"{command('report', result.folder)} makes a page of this.",
    ]
    say(console, "\n\n".join([*filter(None, paragraphs), ""]))
    show_result(result, console)


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
