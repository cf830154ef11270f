"""An evaluation as one page that needs nothing besides itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from policysearch.core.files import write_whole
from policysearch.experiments.evaluation.files import FILES, checked_in_words, conditions_in_words
from policysearch.experiments.evaluation.ledger import reads
from policysearch.experiments.evaluation.metrics import ACCURACY, OCCLUSION
from policysearch.experiments.evaluation.report_parts import how_it_was_made, readings, show_results
from policysearch.experiments.evaluation.summary import Summary
from policysearch.experiments.evaluation.text import NOTES, grids, has_occlusion
from policysearch.reports.class_effects import CAPTION, NOTE, drawn_against, effects_dots, effects_panel, share_title
from policysearch.reports.curves import Curve
from policysearch.reports.html.chart import Panel
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
from policysearch.reports.html.plots import Dot, dots, lines
from policysearch.reports.numbers import PERCENT
from policysearch.reports.terminal import output_console, say
from policysearch.stats.paired import PairedTest

_DRAWN = 8  # curves of a plot
_NO_NULL = "There is no null check: it takes two replicates that every policy finished."


def write_page(summary: Summary, folder: Path, path: Path) -> None:
    """Write the page as UTF-8; an old file is replaced when the new one is whole.

    Args:
        summary: the evaluation's results.
        folder: the evaluation's, whose ledger is listed.
        path: the file.
    """
    write_whole(path, page(summary, reads(folder)))


def page(summary: Summary, ledger: Sequence[Mapping[str, Any]]) -> str:
    """The sentence first, then plots, tables, the null check, the ledger, and how it was made."""
    parts = (_opening(summary), _plots(summary), _tables(summary), _trust(summary, ledger), _how_it_was_made(summary))
    return document(f"{summary.measured.searched} evaluated", chain.from_iterable(parts))


def _opening(summary: Summary) -> Iterator[str]:
    yield heading(1, f"{summary.measured.searched} on the test part")
    yield statement(f"Use {summary.verdict.use}", [f"{summary.sentence}.", conditions_in_words(summary)])
    yield from (paragraph(f"{text}.", "caution") for text in summary.cautions)


def _plots(summary: Summary) -> Iterator[str]:
    scores = summary.metrics[ACCURACY].scores
    panels = {name: Panel(name, *words) for name, words in _PANELS.items()}
    rows = [Dot(score.policy, PERCENT.scaled(score.interval), 0 if i == 0 else 4) for i, score in enumerate(scores)]
    yield heading(2, f"Test {summary.titles[ACCURACY].title}")
    yield plots(
        [
            figure(dots(panels["accuracy"], rows), "Intervals are 95 %, over seeds, each policy by itself."),
            *_differences(summary, panels["difference"]),
            *_under_patches(summary, panels["occlusion"]),
        ]
    )


_PANELS: dict[str, tuple[Any, ...]] = {
    "accuracy": ("Test accuracy by policy", "test accuracy [%]", ""),
    "difference": ("Paired differences", "difference of test accuracy [points], right is better", ""),
    "occlusion": ("Under a square patch", "share of each image hidden [%]", "accuracy [%]", (None, None)),
}


def _differences(summary: Summary, panel: Panel) -> Iterator[str]:
    pairs = [pair for pair in (*summary.metrics[ACCURACY].searched, *summary.metrics[ACCURACY].fixed) if pair.n]
    if pairs:
        caption = "Intervals are 95 %, paired within seeds; one that contains 0 shows no difference."
        yield figure(dots(panel, [_dot(pair, summary) for pair in pairs]), caption)


def _dot(pair: PairedTest, summary: Summary) -> Dot:
    series = 0 if pair.name == summary.measured.searched else 4
    return Dot(f"{pair.name} − {pair.other}", PERCENT.scaled(pair.difference), series)


def _under_patches(summary: Summary, panel: Panel) -> Iterator[str]:
    if has_occlusion(summary):
        yield figure(lines(panel, _occlusion(summary), list(summary.measured.names)))


def _occlusion(summary: Summary) -> list[Curve]:
    shares = np.array(list(OCCLUSION), dtype=np.float64)
    curves = []
    for i, name in enumerate(summary.measured.names[:_DRAWN]):
        intervals = [PERCENT.scaled(summary.metrics[metric].scores[i].interval) for metric in OCCLUSION.values()]
        columns = np.array([(interval.mean, interval.low, interval.high) for interval in intervals]).T
        curves.append(Curve(name, shares, *columns))
    return curves


def _tables(summary: Summary) -> Iterator[str]:
    yield from _classes(summary)
    yield heading(2, "Everything that was measured")
    yield from (table(grid) for grid in grids(summary) if grid.rows)
    yield from (paragraph(f"{text}.", "note") for text in NOTES)


def _classes(summary: Summary) -> Iterator[str]:
    """A picture of every class against the fixed policy to which most lose; its table is among the others."""
    effects = summary.by_class
    if effects is None:
        return
    other = drawn_against(effects)
    panel = effects_panel(effects, other, f"test {share_title(effects)}")
    yield heading(2, "Class by class")
    yield plots([figure(dots(panel, effects_dots(effects, other)), CAPTION)])
    yield paragraph(f"{NOTE}.", "note")


def _trust(summary: Summary, ledger: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield heading(2, "How far this can be trusted")
    yield paragraph(checked_in_words(summary.null).replace("*", "") if summary.null else _NO_NULL)
    yield paragraph(summary.looks.words)
    yield from readings("Readings of the test part", ledger)


def _how_it_was_made(summary: Summary) -> Iterator[str]:
    about = {name: value for name, value in summary.about.items() if name not in ("policy", "policies")}
    yield from how_it_was_made(about)
    yield folded("The policies", listed({name: entry["hash"] for name, entry in summary.about["policies"].items()}))


def show_evaluation(summary: Summary, folder: Path, console: Console | None = None) -> None:
    """Print everything: the tables, what limits them, the sentence, the cost, and where the files are."""
    console = console or output_console()
    show_results(console, grids(summary), (*NOTES, *summary.cautions), summary.sentence)
    cost = f"Cost: {summary.about['worker_seconds']:.0f} worker-seconds. {summary.looks.words}"
    say(console, f"\n{cost} Files in {folder}: {', '.join(FILES)}.")
