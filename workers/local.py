"""Worker processes on this machine. A worker that dies is one failed attempt, and is replaced."""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from policysearch.trials import Outcome, Trial
from workers.evaluate import Setup, attempt

__all__ = ["LocalPool", "WorkersCannotStart"]

_STARTS_IN_A_ROW = 3


class WorkersCannotStart(RuntimeError):
    """Workers died or failed before they were ready, several times in a row."""


def _serve(setup: Setup, connection: Connection) -> None:
    """A worker's life: set up once, then one outcome for each trial, until the controller is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        evaluate = setup()
    except Exception as error:
        connection.send(f"{type(error).__name__}: {error}")
        return
    connection.send(None)
    try:
        while True:
            connection.send(attempt(evaluate, connection.recv()))
    except (EOFError, OSError):
        return


def _die_with_parent() -> None:
    """A controller that was killed closes nothing: leave when it does, in the middle of a training too."""
    parent = mp.parent_process()
    if parent is not None:
        wait([parent.sentinel])
    os._exit(1)


@contextmanager
def _ctrl_c_ignored() -> Iterator[None]:
    """What is started here inherits it, so that Ctrl-C reaches no worker, not even one that is still importing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    ready: bool = False
    trial: Trial | None = None
    since: float = field(default_factory=time.monotonic)


class LocalPool:
    """Long-lived worker processes, started afresh (spawned), so that none inherits a lock or a CUDA context.

    Args:
        setup: run once in each worker; picklable.
        workers: number of processes, 1 or more.
        deadline: seconds a trial may take, the worker's start not counted; past it the worker is killed.
    """

    def __init__(self, setup: Setup, workers: int, deadline: float = float("inf")) -> None:
        self._setup = setup
        self._deadline = deadline
        self._context: Any = mp.get_context("spawn")
        self._failed_starts = 0
        self._workers = [self._start() for _ in range(workers)]

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(self._setup, theirs), daemon=True)
        with _ctrl_c_ignored():
            process.start()
        theirs.close()
        return _Worker(process, ours)

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers."""
        return [worker.process.pid for worker in self._workers if worker.process.pid is not None]

    @property
    def free_slots(self) -> int:
        return sum(worker.trial is None for worker in self._workers)

    def submit(self, trial: Trial) -> None:
        """Give a trial to an idle worker, one that is ready before one that is still starting.

        Raises:
            RuntimeError: no slot is free.
        """
        idle = [i for i, worker in enumerate(self._workers) if worker.trial is None]
        if not idle:
            raise RuntimeError("submit needs a free slot")
        i = min(idle, key=lambda i: not self._workers[i].ready)
        if self._workers[i].ready and not self._workers[i].process.is_alive():
            self._replace(i)
        worker = self._workers[i]
        worker.trial, worker.since = trial, time.monotonic()
        if worker.ready:
            self._send(worker)

    def _send(self, worker: _Worker) -> None:
        worker.since = time.monotonic()
        with suppress(OSError):  # it has just died: `wait` sees that, and tells it
            worker.connection.send(worker.trial)

    def wait(self, timeout: float) -> list[tuple[Trial, Outcome]]:
        """Outcomes that arrive within `timeout` seconds; returns as soon as there is one.

        Raises:
            WorkersCannotStart: three workers in a row were never ready.
        """
        end = time.monotonic() + timeout
        done: list[tuple[Trial, Outcome]] = []
        while not done:
            pause = min([end, *self._deadlines()]) - time.monotonic()
            by_connection = {worker.connection: i for i, worker in enumerate(self._workers)}
            for connection in wait(list(by_connection), max(0.0, pause)):
                done += self._receive(by_connection[connection])  # type: ignore[index]
            done += self._overdue()
            if time.monotonic() >= end:
                break
        return done

    def _deadlines(self) -> list[float]:
        return [w.since + self._deadline for w in self._workers if w.ready and w.trial is not None]

    def _receive(self, i: int) -> list[tuple[Trial, Outcome]]:
        worker = self._workers[i]
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            return self._died(i)
        if worker.ready:
            trial, worker.trial = worker.trial, None
            return [(trial, message)] if trial is not None else []
        if message is not None:
            return self._died(i, message)
        worker.ready, self._failed_starts = True, 0
        if worker.trial is not None:
            self._send(worker)
        return []

    def _died(self, i: int, reason: str = "") -> list[tuple[Trial, Outcome]]:
        worker = self._workers[i]
        worker.process.join(5)
        reason = reason or f"worker died (exit code {worker.process.exitcode})"
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= _STARTS_IN_A_ROW:
                raise WorkersCannotStart(f"workers cannot start: {reason}")
            self._replace(i, worker.trial)  # its trial was never tried: the next worker takes it
            return []
        return self._abandon(i, reason)

    def _abandon(self, i: int, reason: str) -> list[tuple[Trial, Outcome]]:
        trial, since = self._workers[i].trial, self._workers[i].since
        self._replace(i)
        return [(trial, Outcome(error=reason, seconds=time.monotonic() - since))] if trial is not None else []

    def _overdue(self) -> list[tuple[Trial, Outcome]]:
        now = time.monotonic()
        late = [
            i
            for i, w in enumerate(self._workers)
            if w.ready and w.trial is not None and now >= w.since + self._deadline
        ]
        return [pair for i in late for pair in self._abandon(i, f"deadline of {self._deadline:g} s passed")]

    def _replace(self, i: int, trial: Trial | None = None) -> None:
        self._end(self._workers[i])
        self._workers[i] = self._start()
        self._workers[i].trial = trial

    @staticmethod
    def _end(worker: _Worker) -> None:
        worker.connection.close()
        worker.process.kill()
        worker.process.join()

    def close(self) -> None:
        """Kill every worker and wait until it is gone; trials under way are abandoned."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            self._end(worker)
        self._workers = []
