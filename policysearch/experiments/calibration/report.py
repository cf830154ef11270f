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
    """What will be trained, and what it should cost."""
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
    cut = cut_in_words(start.asked, draft)
    told = f"{what}; {start.forecast.workers} at once. {cut}".strip()
    say(console, told)


def show_calibration(found: Calibrated, console: Console | None = None) -> None:
    """Every candidate, what misleads, the recommendation, and how to search with it."""
    console = console or output_console()
    show_grid(console, _grid(found.analysis, found.advice))
    for note in NOTES:
        say(console, f"{note}.", style="dim")
    for text in _remarks(found):
        say(console, text)
    say(console, f"\n{advice_in_words(found.analysis, found.advice)}", style="bold")
    files = f"Files in {found.folder}: {', '.join(files_of(found.advice))}."
    cost = f"Cost: {found.recorded.seconds:.0f} worker-seconds. {files}"
    say(console, f"\n{cost}")
    if found.advice.recommended:
        say(console, command("search", "--calibrated", found.folder))


def _remarks(found: Calibrated) -> list[str]:
    done, planned = found.pulls
    out = [f"{misleading_in_words(each)}." for each in found.advice.misleading]
    out += [reliability_in_words(found.analysis)]
    if found.analysis.left_out:
        out.append(f"Not judged, no replicate that all arms have: {', '.join(map(str, found.analysis.left_out))}.")
    if done < planned:
        why = f"; {found.recorded.failed} failed" if found.recorded.failed else ""
        out.append(f"{done} of {planned} pulls were made{why}; the same command with a larger --budget goes on.")
    return out


def _grid(analysis: Analysis, advice: Advice) -> Grid:
    ordered = sorted(analysis.candidates, key=lambda c: (c.share, str(c.fidelity)))
    heads = ("pull", "reward", "cost", "regret, 1 pull", "regret, all pulls [95 %]", "Spearman [95 %]", "inside")
    best = advice.recommended
    rows = tuple(_row(each, each is best) for each in ordered)
    return Grid(f"Cheap pulls against {analysis.long}", heads, rows, (f"→ {best.fidelity}",) if best else ())


def _row(each: Candidate, chosen: bool) -> tuple[str, ...]:
    proxy = each.proxy
    return (
        f"→ {each.fidelity}" if chosen else str(each.fidelity),
        f"{each.reward} (fitted)" if each.correction else each.reward,
        share(each.share),
        PERCENT.size(proxy.one.value),
        f"{estimated(proxy.all)} ({proxy.replicates})",
        f"{proxy.spearman.value:.2f} [{proxy.spearman.low:.2f}, {proxy.spearman.high:.2f}]",
        "–" if proxy.inside.value != proxy.inside.value else f"{proxy.inside.value:.2f}",
    )
