"""A test-time policy as one page that needs nothing besides itself, as Markdown, and in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from rich.console import Console

from policysearch.core.errors import UserError
from policysearch.core.files import write_whole
from policysearch.experiments.evaluation.ledger import NAME, reads
from policysearch.experiments.evaluation.report_parts import how_it_was_made, readings, show_results
from policysearch.experiments.tta.plot import in_page
from policysearch.experiments.tta.summary import Summary
from policysearch.experiments.tta.text import NOTES, conditions_in_words, grids
from policysearch.experiments.tta.verdict import ACCURACY, LIKELIHOOD
from policysearch.reports.html.markup import document, figure, heading, paragraph, plots, statement, table
from policysearch.reports.markdown import escaped, section
from policysearch.reports.terminal import output_console, say

PAGE, TEXT, PICTURE = "tta.html", "tta.md", "tta.png"


def must_agree_with_ledger(result: Summary, folder: Path) -> None:
    """Check that the learned views are those that were settled before the test part was read.

    Raises:
        UserError: no line of the folder's ledger names them: they were chosen, or changed, afterwards.
    """
    policy_hash = result.hashes.get("learned", "")
    named = [name for line in reads(folder) for name in line.get("policies", [])]
    if not any(policy_hash and name.endswith(policy_hash) for name in named):
        raise UserError(
            f"{folder}: no line of {NAME} names the learned views {policy_hash}, so nothing says that they were chosen "
            "before the test part was read: what the test part says of them is worth nothing"
        )


def write_page(result: Summary, folder: Path, path: Path) -> None:
    """Write the page as UTF-8; an old file is replaced when the new one is whole."""
    must_agree_with_ledger(result, folder)
    write_whole(path, page(result, reads(folder)))


def page(result: Summary, ledger: Sequence[Mapping[str, Any]]) -> str:
    """The sentence first, then the picture, the tables, the ledger, and how it was made."""
    trust, origin = _trust(result, ledger), how_it_was_made(result.about)
    parts = (_opening(result), _pictures(result), _tables(result), trust, origin)
    return document("A test-time policy", chain.from_iterable(parts))


def _opening(result: Summary) -> Iterator[str]:
    yield heading(1, "A test-time policy on the test part")
    yield statement(f"Use {result.verdict.use}", [f"{result.sentence}.", f"{conditions_in_words(result)}."])
    yield from (paragraph(f"{text}.", "caution") for text in result.cautions)


def _pictures(result: Summary) -> Iterator[str]:
    yield heading(2, "By number of views")
    yield plots([figure(in_page(result, metric)) for metric in (ACCURACY, LIKELIHOOD)])


def _tables(result: Summary) -> Iterator[str]:
    yield heading(2, "Everything that was judged")
    yield from (table(grid) for grid in grids(result))
    yield from (paragraph(f"{text}.", "note") for text in NOTES)


def _trust(result: Summary, ledger: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield heading(2, "Readings of the test part")
    yield paragraph(result.looks.words)
    yield from readings("Readings", ledger)


def write_text(result: Summary, path: Path) -> None:
    """Write tta.md."""
    parts = ["# A test-time policy", f"**{escaped(result.sentence)}.**"]
    parts += [escaped(f"{conditions_in_words(result)}. {result.looks.words}")]
    parts += [f"![accuracy and log-likelihood by number of views]({PICTURE})", *map(section, grids(result))]
    parts += ["\n".join(f"- {escaped(sentence)}." for sentence in (*NOTES, *result.cautions))]
    parts += [f"    {result.about['command']}"] if result.about["command"] else []
    write_whole(path, "\n\n".join(parts) + "\n")


def show_tta(result: Summary, folder: Path, console: Console | None = None) -> None:
    """Print the tables, what limits them, the sentence, and where the files are."""
    console = console or output_console()
    show_results(console, grids(result), (*NOTES, *result.cautions), result.sentence)
    files = sorted(path.name for path in folder.iterdir() if path.is_file() and path.stem != "controller")
    cost = f"Cost: {result.about['worker_seconds']:.0f} worker-seconds of training. {result.looks.words}"
    say(console, f"\n{cost} Files in {folder}: {', '.join(files)}.")
