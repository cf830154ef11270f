"""A calibration in the terminal: the forecast before, the table and the sentence after."""

from __future__ import annotations

from rich.console import Console

from policysearch.core.command import command
from policysearch.experiments.calibration.advice import Advice
from policysearch.experiments.calibration.analysis import Analysis, Candidate
from policysearch.experiments.calibration.files import files_of
from policysearch.experiments.calibration.plan import cut_in_words
from policysearch.experiments.calibration.run import Calibrated, Start
from policysearch.experiments.calibration.text import (
    NOTES,
    advice_in_words,
    estimated,
    misleading_in_words,
    reliability_in_words,
)
from policysearch.reports.numbers import PERCENT, duration, share
from policysearch.reports.table import Grid
from policysearch.reports.terminal import output_console, say, show_grid


def show_start(start: Start, console: Console | None = None) -> None:
    """Print what will be trained, and what it should cost."""
    console = console or output_console()
    draft = start.draft
    what = f"{draft.arms} arms, {draft.seeds} replicates of cheap pulls, {draft.long_seeds} of {draft.long}"
    if start.forecast is None:
        say(console, f"Going on with {what}.")
        return
    rows = [(f, pulls, pulls * start.forecast.seconds(f)) for f, pulls in draft.pulls.items()]
    heads = ("fidelity", "pulls", "worker time", "on the clock")
    lines = [(str(f), str(pulls), duration(s), duration(start.forecast.wall(s))) for f, pulls, s in rows]
    total = sum(s for _, _, s in rows)
    pulls = str(sum(n for _, n, _ in rows))
    lines.append(("all", pulls, duration(total), duration(start.forecast.wall(total))))
    show_grid(console, Grid("Forecast, from a cheap pull on each worker", heads, tuple(lines), ("all",)))
    cut = cut_in_words(start.full, draft)
    say(console, f"{what}; {start.forecast.workers} at once. {cut}".strip())


def show_calibration(calibrated: Calibrated, console: Console | None = None) -> None:
    """Print every candidate, what misleads, the recommendation, and how to search with it."""
    console = console or output_console()
    show_grid(console, _grid(calibrated.analysis, calibrated.advice))
    for note in NOTES:
        say(console, f"{note}.", style="dim")
    for text in _remarks(calibrated):
        say(console, text)
    say(console, f"\n{advice_in_words(calibrated.analysis, calibrated.advice)}", style="bold")
    files = f"Files in {calibrated.folder}: {', '.join(files_of(calibrated.advice))}."
    cost = f"Cost: {calibrated.recorded.seconds:.0f} worker-seconds. {files}"
    say(console, f"\n{cost}")
    if calibrated.advice.recommended:
        say(console, command("search", "--calibrated", calibrated.folder))


def _remarks(calibrated: Calibrated) -> list[str]:
    done, planned = calibrated.pulls
    out = [f"{misleading_in_words(pull)}." for pull in calibrated.advice.misleading]
    out += [reliability_in_words(calibrated.analysis)]
    if calibrated.analysis.left_out:
        out.append(f"Not judged, no replicate that all arms have: {', '.join(map(str, calibrated.analysis.left_out))}.")
    if done < planned:
        why = f"; {calibrated.recorded.failed} failed" if calibrated.recorded.failed else ""
        out.append(f"{done} of {planned} pulls were made{why}; the same command with a larger --budget goes on.")
    return out


def _grid(analysis: Analysis, advice: Advice) -> Grid:
    ordered = sorted(analysis.candidates, key=lambda c: (c.share, str(c.fidelity)))
    heads = ("pull", "reward", "cost", "regret, 1 pull", "regret, all pulls [95 %]", "Spearman [95 %]", "inside")
    best = advice.recommended
    rows = tuple(_row(candidate, candidate is best) for candidate in ordered)
    return Grid(f"Cheap pulls against {analysis.long}", heads, rows, (f"→ {best.fidelity}",) if best else ())


def _row(candidate: Candidate, chosen: bool) -> tuple[str, ...]:
    proxy = candidate.proxy
    return (
        f"→ {candidate.fidelity}" if chosen else str(candidate.fidelity),
        f"{candidate.reward} (fitted)" if candidate.correction else candidate.reward,
        share(candidate.share),
        PERCENT.size(proxy.one.value),
        f"{estimated(proxy.all)} ({proxy.replicates})",
        f"{proxy.spearman.value:.2f} [{proxy.spearman.low:.2f}, {proxy.spearman.high:.2f}]",
        "–" if proxy.inside.value != proxy.inside.value else f"{proxy.inside.value:.2f}",
    )
