"""An online search as one page that needs nothing besides itself, and in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from rich.console import Console

from policysearch.core.files import write_whole
from policysearch.experiments.online.plot import MOST_ROWS, accuracy_in_page, choices_in_page, rewards_in_page
from policysearch.experiments.online.shares import shares
from policysearch.experiments.online.summary import Summary
from policysearch.policy.describe import in_words
from policysearch.policy.policy import Policy
from policysearch.reports.html.markup import (
    document,
    figure,
    folded,
    heading,
    listed,
    paragraph,
    plots,
    statement,
    table,
)
from policysearch.reports.numbers import PERCENT, number, share
from policysearch.reports.table import Grid
from policysearch.reports.terminal import output_console, say, show_grid

FILES = ("policy.json", "network.pt", "report.html", "online.png", "online.json", "trials.csv")
_IN_TERMINAL = 12


def write_page(result: Summary, policy: Policy, path: Path) -> None:
    """Write the page as UTF-8; an old file is replaced when the new one is whole."""
    write_whole(path, page(result, policy))


def page(result: Summary, policy: Policy) -> str:
    """The sentence first, then the picture of what was chosen when, tables, the schedule, and how it was made."""
    parts = (_opening(result), _pictures(result), _tables(result), _schedule(policy), _how_it_was_made(result))
    return document("An online search", chain.from_iterable(parts))


def _opening(result: Summary) -> Iterator[str]:
    yield heading(1, "One network, its policy chosen as it trained")
    yield statement(f"{PERCENT.value(result.metrics['accuracy'])} on validation", [f"{result.sentence}."])
    yield from (paragraph(f"{text}.", "caution") for text in result.cautions)


def _pictures(result: Summary) -> Iterator[str]:
    yield heading(2, "What was chosen when")
    yield figure(choices_in_page(result), "Darker: a larger share of that part of the training.")
    yield plots([figure(rewards_in_page(result)), figure(accuracy_in_page(result))])


def _tables(result: Summary) -> Iterator[str]:
    yield heading(2, "Shares and rewards")
    yield table(shares_table(result))
    yield paragraph("Rewards drift as the network learns: means of arms chosen at other times do not compare.", "note")


def shares_table(result: Summary, most: int = MOST_ROWS) -> Grid:
    """What had how much of the training, most first."""
    rows = shares(result)
    chosen = "arm" if result.width == 1 else "parameter"
    heads = (chosen, "times", "share", "first third", "last third", f"mean {result.about['reward']}")
    title = "Shares of the training" + (f", the first {most} of {len(rows)}" if len(rows) > most else "")
    cells = tuple(
        (row.name, str(row.pulls), share(row.whole), share(row.early), share(row.late), number(row.reward))
        for row in rows[:most]
    )
    return Grid(title, heads, cells)


def _schedule(policy: Policy) -> Iterator[str]:
    yield heading(2, "The schedule")
    text = f"policy.json holds it as a policy with {len(policy.stages)} changes, to be trained again or exported."
    yield paragraph(text)
    if len(policy.stages) <= 200:
        lines = "".join(paragraph(line, "note") for line in in_words(policy).split("\n")[:2000])
        yield folded("In words", lines)


def _how_it_was_made(result: Summary) -> Iterator[str]:
    metrics = {name: value for name, value in result.metrics.items() if isinstance(value, int | float)}
    yield heading(2, "How it was made")
    yield listed({name.replace("_", " "): value for name, value in result.about.items()})
    yield folded("All metrics of the network", listed({name: round(value, 6) for name, value in metrics.items()}))


def show_online(result: Summary, folder: Path, console: Console | None = None) -> None:
    """Print the table, the sentence, what limits it, and where the files are."""
    console = console or output_console()
    show_grid(console, shares_table(result, _IN_TERMINAL))
    for text in result.cautions:
        say(console, f"{text}.", style="dim")
    say(console, f"\n{result.sentence}.", style="bold")
    say(console, f"\nCost: {result.about['seconds']:.0f} s. Files in {folder}: {', '.join(FILES)}.")
