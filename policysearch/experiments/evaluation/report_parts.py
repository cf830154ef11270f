"""What the reports of all judgements on a test part have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console

from policysearch.reports.html.markup import heading, listed, table
from policysearch.reports.table import Grid
from policysearch.reports.terminal import say, show_grid


def readings(title: str, ledger: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A table of the lines of a ledger; nothing for an empty one."""
    heads = ("when", "data", "policies", "seeds", "command")
    rows = tuple(tuple(_word(line.get(head, "")) for head in heads) for line in ledger)
    if rows:
        yield table(Grid(title, heads, rows))


def _word(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def how_it_was_made(about: Mapping[str, Any]) -> Iterator[str]:
    """A list of what `about` holds, under its heading; the worker's seconds are rounded."""
    about = {**about, "worker_seconds": round(about["worker_seconds"], 1)}
    facts = {name.replace("_", " "): value for name, value in about.items() if value not in (None, "")}
    yield heading(2, "How it was made")
    yield listed(facts)


def show_results(console: Console, grids: Iterable[Grid], notes: Iterable[str], sentence: str) -> None:
    """Print the tables, what limits them, and the sentence."""
    for grid in grids:
        show_grid(console, grid)
    for text in notes:
        say(console, f"{text}.", style="dim")
    say(console, f"\n{sentence}.", style="bold")
