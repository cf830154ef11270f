"""A search as seen in the terminal: progress while it runs, tables and the verdict at its end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from policysearch.comparison.recording import Recorded
from policysearch.comparison.runs import Comparison
from policysearch.comparison.statistics import Summary
from policysearch.comparison.terminal import show
from policysearch.loss import Loss, loss_in_words
from policysearch.report import arm_table, confirmation_table
from policysearch.reporting.material import Material
from policysearch.results import SearchResult
from policysearch.runs import Listener, Status
from policysearch.words import in_words

__all__ = ["decoding", "show_comparison", "show_recorded", "show_result", "show_run", "watched"]

Result = TypeVar("Result")
_NOTHING = {"decode": "images", "record": "thousand images", "replay": "searches"}
_LINE_EVERY = 15.0  # seconds between lines where there is no terminal to redraw


class _Watcher:
    """Redraws a bar in a terminal; elsewhere prints a line now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = 0.0
        self._task = None
        self._started: dict[str, tuple[float, int]] = {}
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[best]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            speed_estimate_period=float("inf"),
            console=console,
        )

    def __call__(self, status: Status) -> None:
        best = (
            f"best {escape(status.best[0])} {status.best[1]:.4f}"
            if status.best
            else _NOTHING.get(status.phase, "no result yet")
        )
        best += f", {status.failed} failed" if status.failed else ""
        if self._console.is_terminal:
            self._bar(status, best)
        elif self._due(status):
            self._last = time.monotonic()
            self._console.print(
                f"{status.phase} {status.done}/{status.total}, {best}{self._left(status)}", highlight=False
            )

    def _due(self, status: Status) -> bool:
        if status.phase == "decode":  # soon over, as a rule
            self._last = self._last or time.monotonic()
            return time.monotonic() - self._last > _LINE_EVERY
        return status.done == status.total or time.monotonic() - self._last > _LINE_EVERY

    def _bar(self, status: Status, best: str) -> None:
        tasks = {task.description: task.id for task in self.progress.tasks}
        if status.phase not in tasks:
            tasks[status.phase] = self.progress.add_task(status.phase, total=status.total, best=best)
        self.progress.update(tasks[status.phase], completed=status.done, total=status.total, best=best)

    def _left(self, status: Status) -> str:
        since, had = self._started.setdefault(status.phase, (time.monotonic(), status.done))
        gained = status.done - had
        if not gained or status.done == status.total:
            return ""
        seconds = (time.monotonic() - since) / gained * (status.total - status.done)
        return f", about {seconds:.0f} s left"


def watched(start: Callable[[Listener], Result], folder: str, again: str = "") -> Result:
    """Run something that takes a listener, with progress, and return its result.

    Ctrl-C ends it with exit code 130 and says how to go on: by `again`, or by `policysearch resume`.
    """
    console = Console()
    watcher = _Watcher(console)
    with Live(watcher.progress, console=console, transient=True) if console.is_terminal else _Nothing():
        try:
            return start(watcher)
        except KeyboardInterrupt:
            begun = any((Path(folder) / mark).exists() for mark in ("config.toml", "searches"))
            again = again or f"`policysearch resume {folder}`"
            then = f"{again} goes on from here" if begun else "nothing was recorded yet"
            print(f"policysearch: stopped; {then}", file=sys.stderr)
            raise SystemExit(130) from None


@contextmanager
def decoding() -> Iterator[Callable[[int, int], None]]:
    """What tells, on a terminal, how many images are decoded."""
    console = Console(stderr=True)
    columns = (TextColumn("decode"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("decode", visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)


class _Nothing:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def _trained_with(loss: Loss | None) -> list[str]:
    return [f"trained with {loss_in_words(loss)} (without it, this is not what was searched)"] if loss else []


def show_result(result: SearchResult, console: Console | None = None) -> None:
    """The tables, the chosen policy in words, the cost, and where the files are."""
    console = console or Console()
    console.print(arm_table(result.summaries, result.config))
    if result.verdict is None or result.policy is None:
        pulls = sum(s.pulls + s.failures for s in result.summaries)
        tell = f"Not finished: {pulls} of {result.config.trials} pulls; `policysearch resume {result.folder}` goes on."
        console.print(tell, markup=False, soft_wrap=True)
    else:
        if result.confirmation:
            console.print(confirmation_table(result.confirmation, result.verdict, result.config))
        console.print(f"\n{result.verdict.sentence}", style="bold", markup=False, highlight=False)
        words = "\n".join([in_words(result.policy), *_trained_with(result.verdict.winner.loss)])
        console.print(f"\nThe policy ({result.policy.name}):\n{words}", markup=False, highlight=False)
    files = ", ".join(sorted(path.name for path in result.folder.iterdir() if path.stem != "controller"))
    again = f", {result.repeated} failed attempts made again (trials.csv says why)" if result.repeated else ""
    cost = f"\nCost: {result.seconds:.0f} worker-seconds{again}. Files in {result.folder}: {files}."
    console.print(cost, markup=False, highlight=False, soft_wrap=True)


def show_run(result: SearchResult, material: Material, console: Console | None = None) -> None:
    """What was found and on what first, then all of `show_result`, what mattered, and where the page is."""
    from policysearch.reporting.calibration import calibration_in_words
    from policysearch.reporting.mattered import mattered_in_words
    from policysearch.reporting.statement import found_on

    console = console or Console()
    found = f"{result.verdict.sentence}." if result.verdict else f"{material.name}: a search that is not finished."
    told = [found, found_on(material), mattered_in_words(material), calibration_in_words(material)]
    page = result.folder / "report.html"
    told += [f"The page: {page}" if page.exists() else f"`policysearch report {result.folder}` makes a page of this."]
    console.print("\n\n".join(filter(None, told)), markup=False, highlight=False)
    console.print()
    show_result(result, console)


def show_recorded(recorded: Recorded) -> None:
    """Where a table is and what it cost."""
    failed = f"; {recorded.failed} failed, and the same command tries them again" if recorded.failed else ""
    print(f"{recorded.path}: {recorded.pulls} pulls, {recorded.seconds:.0f} worker-seconds{failed}")


def show_comparison(found: Summary, comparison: Comparison, folder: Path) -> None:
    """The tables, the verdict, and where the files are."""
    console = Console()
    console = console if console.is_terminal else Console(width=110)
    show(found, comparison, console)
    console.print(f"Files in {folder}: compare.html, compare.json, runs.npz.", highlight=False, soft_wrap=True)
