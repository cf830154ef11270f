"""Progress in the terminal: a bar that is redrawn, or a line now and then where output goes elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from policysearch.core.command import command
from policysearch.core.interrupts import ctrl_c
from policysearch.core.readable import readable
from policysearch.experiments.progress import Listener, Status
from policysearch.reports.terminal import say

Result = TypeVar("Result")

_UNITS = {
    "decode": "images",
    "record": "thousand images",
    "replay": "searches",
    "online": "stretches",
    "views": "networks on validation",
    "test": "networks on the test part",
}
"""What is counted in phases that have no best arm."""
_RECORDED_UNITS = {
    "search": "pulls",
    "confirm": "trainings of the confirmation",
    "record": "thousand trained images",
    "replay": "searches",
    "online": "stretches",
    "views": "predictions",
    "test": "predictions",
}
"""What has been recorded in each phase; trainings in all others."""
_LINE_EVERY = 15.0
"""Seconds between lines where there is no terminal to redraw."""


class _Watcher:
    """A listener that redraws a bar in a terminal, and elsewhere prints a line now and then."""

    def __init__(self, console: Console, check_ctrl_c: Callable[[], None]) -> None:
        self._console = console
        self._check_ctrl_c = check_ctrl_c
        self._last_line = 0.0
        self.reached: Status | None = None
        self._started: dict[str, tuple[float, int]] = {}
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            speed_estimate_period=float("inf"),
            console=console,
        )

    def __call__(self, status: Status) -> None:
        self._check_ctrl_c()
        if status.note:
            say(self._console, status.note, style="dim")
            return
        if status.phase != "decode":
            self.reached = status

        state = _UNITS.get(status.phase, "no result yet")
        if status.best:
            name, value = status.best
            state = f"best {name} {value:.4f}"
        if status.failed:
            state += f", {status.failed} failed"
        if status.pruned:
            state += f", {status.pruned} pruned"

        if self._console.is_terminal:
            self._bar(status, state)
        elif self._due(status):
            self._last_line = time.monotonic()
            line = f"{status.phase} {status.done}/{status.total}, {state}{self._left(status)}"
            say(self._console, line)

    def _due(self, status: Status) -> bool:
        if status.phase == "decode":  # soon over, as a rule
            self._last_line = self._last_line or time.monotonic()
            return time.monotonic() - self._last_line > _LINE_EVERY
        return status.done == status.total or time.monotonic() - self._last_line > _LINE_EVERY

    def _bar(self, status: Status, state: str) -> None:
        """Trials that cost otherwise than the others have a bar of their own, so that both tell what time is left."""
        early = status.done < status.first
        name, total = ("folds", status.first) if early else (status.phase, status.total)
        tasks = {task.description: task.id for task in self.progress.tasks}
        if name not in tasks:
            begun = 0 if early else status.first
            tasks[name] = self.progress.add_task(name, total=total, completed=begun, state=state)
        self.progress.update(tasks[name], completed=status.done, total=total, state=state)

    def _left(self, status: Status) -> str:
        if status.done < status.first:
            return ""
        since, done_before = self._started.setdefault(status.phase, (time.monotonic(), status.done))
        done_since = status.done - done_before
        if not done_since or status.done == status.total:
            return ""
        seconds = (time.monotonic() - since) / done_since * (status.total - status.done)
        return f", about {seconds:.0f} s left"


def watched(start: Callable[[Listener], Result], folder: str, again: str = "") -> Result:
    """Run something long with progress in the terminal. Ctrl-C ends the program and says how to go on.

    Args:
        start: what to run; it is given the listener that shows the progress.
        folder: where its record is kept.
        again: what continues it after Ctrl-C; by default `policysearch resume` with the folder.

    Returns:
        What `start` returned.

    Raises:
        SystemExit: 130, after Ctrl-C.
    """
    console = Console()
    watcher: _Watcher | None = None
    try:
        with ctrl_c() as check:
            watcher = _Watcher(console, check)
            with Live(watcher.progress, console=console, transient=True) if console.is_terminal else nullcontext():
                return start(watcher)
    except KeyboardInterrupt:
        recorded = any((Path(folder) / name).exists() for name in ("config.toml", "searches"))
        again = again or command("resume", Path(folder))
        advice = (
            f"{_recorded(watcher.reached if watcher else None)}{again} goes on from here"
            if recorded
            else "nothing was recorded yet"
        )
        print(f"policysearch: stopped; {readable(advice)}", file=sys.stderr)
        raise SystemExit(130) from None


def _recorded(reached: Status | None) -> str:
    """What a command that was stopped has recorded, as the beginning of a sentence."""
    if reached is None:
        return ""
    search = "the search and " if reached.phase == "confirm" else ""
    return f"{search}{reached.done} of {reached.total} {_RECORDED_UNITS.get(reached.phase, 'trainings')} are kept; "


@contextmanager
def decoding() -> Iterator[Callable[[int, int], None]]:
    """A bar in the terminal while images are decoded; call what it gives with the number decoded and the total."""
    console = Console(stderr=True)
    columns = (TextColumn("decode"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("decode", visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)
