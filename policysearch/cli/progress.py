"""TODO docstring."""

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

from policysearch.experiments.progress import Listener, Status

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
