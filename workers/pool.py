"""What all pools of replaceable workers have in common: slots, a queue, deadlines, and what happens when one dies."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from policysearch.core.errors import RunFailed
from policysearch.core.trial import Curve, Judge, Outcome, Trial

_log = logging.getLogger("policysearch.workers")

_STARTS_IN_A_ROW = 3
Handle = TypeVar("Handle")


class WorkersCannotStart(RunFailed):
    """Workers died or failed before they were ready, several times in a row, or found no place."""


@dataclass(frozen=True)
class Ready:
    """A worker has been set up."""


@dataclass(frozen=True)
class Died:
    """A worker is no more, or could not be set up.

    Attributes:
        reason: in one line.
    """

    reason: str


@dataclass(frozen=True)
class Checkpoint:
    """A worker's trial has come to a checkpoint, and waits for an answer.

    Attributes:
        curve: so far.
    """

    curve: Curve


Event = Ready | Died | Outcome | Checkpoint


@dataclass(eq=False)
class Worker(Generic[Handle]):
    """One worker: a pool's handle on it, whether it is set up, its trial, and since when (monotonic seconds)."""

    handle: Handle
    ready: bool = False
    trial: Trial | None = None
    since: float = field(default_factory=time.monotonic)


class WorkerPool(ABC, Generic[Handle]):
    """Workers that are replaced when they die. A trial goes to whichever worker is ready first.

    A pool says how a worker is started, given a trial, listened to and killed; it fills `_workers` itself.

    Args:
        deadline: seconds a trial may take, the worker's start not counted; past it the worker is killed.
    """

    def __init__(self, deadline: float = float("inf")) -> None:
        self._deadline = deadline
        self._failed_starts = 0
        self._last_failed_start = 0.0
        self._queue: deque[Trial] = deque()
        self._workers: list[Worker[Handle]] = []
        self._judge: Judge | None = None

    @abstractmethod
    def _start(self) -> Worker[Handle]:
        """Begin to start a worker, without waiting for it."""

    @abstractmethod
    def _send(self, worker: Worker[Handle], trial: Trial) -> bool:
        """Give a ready worker a trial; False if it is known to be dead."""

    @abstractmethod
    def _reply(self, worker: Worker[Handle], reason: str) -> None:
        """Answer a worker that waits at a checkpoint: the reason why its trial is to stop, empty if it goes on."""

    @abstractmethod
    def _events(self, timeout: float) -> list[tuple[Worker[Handle], Event]]:
        """What happened to the workers; waits up to `timeout` seconds for the first event."""

    @abstractmethod
    def _end(self, workers: list[Worker[Handle]]) -> None:
        """Kill workers, dead ones too."""

    def _tend(self) -> None:
        """Called whenever the pool is waited for."""

    @property
    def _slots(self) -> int:
        return len(self._workers)

    @property
    def free_slots(self) -> int:
        busy = sum(worker.trial is not None for worker in self._workers)
        return max(0, self._slots - busy - len(self._queue))

    def submit(self, trial: Trial) -> None:
        """Give a trial to an idle worker, or to the first that is ready.

        Raises:
            RuntimeError: no slot is free.
        """
        if not self.free_slots:
            raise RuntimeError("submit needs a free slot")
        self._queue.append(trial)
        self._hand_out()

    def follow(self, judge: Judge | None) -> None:
        """From now on ask at each checkpoint of a trial whether it goes on; None asks nobody.

        A trial that is to stop ends by itself; its worker lives on.
        """
        self._judge = judge

    def _hand_out(self) -> None:
        for worker in list(self._workers):
            if self._queue and worker.ready and worker.trial is None:
                if self._send(worker, self._queue[0]):
                    worker.trial, worker.since = self._queue.popleft(), time.monotonic()
                else:
                    self._replace(worker)

    def wait(self, timeout: float) -> list[tuple[Trial, Outcome]]:
        """Outcomes that arrive within `timeout` seconds; returns as soon as there is one.

        Raises:
            WorkersCannotStart: workers were never ready, nor their successors, nor theirs.
        """
        end = time.monotonic() + timeout
        done: list[tuple[Trial, Outcome]] = []
        while not done:
            self._tend()
            pause = min([end, *self._deadlines()]) - time.monotonic()
            for worker, event in self._events(max(0.0, pause)):
                done += self._handle(worker, event)
            done += self._overdue()
            self._hand_out()
            if time.monotonic() >= end:
                break
        return done

    def _handle(self, worker: Worker[Handle], event: Event) -> list[tuple[Trial, Outcome]]:
        match event:
            case Ready():
                worker.ready, self._failed_starts = True, 0
            case Died():
                return self._died(worker, event)
            case Checkpoint():
                trial = worker.trial
                self._reply(worker, self._judge(trial, event.curve) if self._judge and trial else "")
            case Outcome():
                trial, worker.trial = worker.trial, None
                return [(trial, event)] if trial is not None else []
        return []

    def _died(self, worker: Worker[Handle], event: Died) -> list[tuple[Trial, Outcome]]:
        if worker.ready:
            return self._abandon(worker, event.reason)
        if worker.since >= self._last_failed_start:  # those that fail together count once: a node may be gone
            self._failed_starts, self._last_failed_start = self._failed_starts + 1, time.monotonic()
        if self._failed_starts >= _STARTS_IN_A_ROW:
            raise WorkersCannotStart(f"workers cannot start: {event.reason}")
        _log.info("a worker could not be set up, and another is started: %s", event.reason)
        self._replace(worker)
        return []

    def _abandon(self, worker: Worker[Handle], reason: str) -> list[tuple[Trial, Outcome]]:
        _log.info("a worker is replaced: %s", reason)
        self._replace(worker)
        if worker.trial is None:
            return []
        return [(worker.trial, Outcome(error=reason, seconds=time.monotonic() - worker.since))]

    def _replace(self, worker: Worker[Handle]) -> None:
        self._end([worker])
        self._workers[self._workers.index(worker)] = self._start()

    def _deadlines(self) -> list[float]:
        return [w.since + self._deadline for w in self._workers if w.trial is not None]

    def _overdue(self) -> list[tuple[Trial, Outcome]]:
        now = time.monotonic()
        late = [w for w in self._workers if w.trial is not None and now >= w.since + self._deadline]
        return [pair for worker in late for pair in self._abandon(worker, f"deadline of {self._deadline:g} s passed")]

    def close(self) -> None:
        """Kill every worker; trials under way are abandoned."""
        self._end(self._workers)
        self._workers = []
        self._queue.clear()
