"""Actors on a Ray cluster. An actor or node that dies is one failed attempt; new nodes are used as they join."""

from __future__ import annotations

import time
import warnings
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from policysearch.core.errors import in_one_line
from policysearch.core.trial import Judge, Outcome, Trial
from policysearch.core.user_code import current_folder_importable
from workers.cluster import room, totals
from workers.evaluate import Evaluate, Setup, attempt
from workers.pool import Checkpoint, Died, Event, Ready, Worker, WorkerPool, WorkersCannotStart
from workers.ray_mailbox import Mailbox, asking

_LOOK_EVERY = 1.0  # seconds between looks at the cluster
_ANSWER_WITHIN = 10.0  # seconds for an idle actor to say that it is there
_MOST = 1024

_NODE_GONE = "worker died: its node left the cluster"
_DEATHS = {
    "running low on memory": "worker died: killed because its node ran out of memory",
    "node has died": _NODE_GONE,
    "actor's node was": _NODE_GONE,
    "actor never ran": "worker never ran: the cluster refused it (where one asks for no token, RAY_AUTH_MODE=disabled)",
    "temporarily unavailable": "worker lost: its node cannot be reached",
    "worker process has died": "worker died: its process was killed or crashed",
}
"""A part of Ray's message -> the reason that is reported."""


class _Child:
    """What lives in an actor."""

    def __init__(self) -> None:
        self._evaluate: Evaluate | None = None
        self._imports = ExitStack()  # for the actor's life: the user's network may import in the middle of a training
        self._imports.enter_context(current_folder_importable(last=True))

    def here(self) -> None:
        """Its answer shows that the actor has a place, and is alive."""

    def start(self, setup: Setup) -> str | None:
        """Set up; the error, if it cannot be."""
        try:
            self._evaluate = setup()
        except (Exception, SystemExit) as error:  # reported to the controller, which gives up after a few
            return in_one_line(error)
        return None

    def evaluate(self, trial: Trial, mailbox: Any) -> Outcome:
        assert self._evaluate is not None
        return attempt(self._evaluate, trial, asking(mailbox, trial))


@dataclass(eq=False)
class _Actor:
    """An actor, the reference that shows it found a place, and that to what it is doing (None when idle).

    `question` is the key of the question whose answer its child waits for, if it waits.
    """

    actor: Any
    placed: Any
    pending: Any
    question: int = -1


class RayPool(WorkerPool[_Actor]):
    """Long-lived actors on the cluster that this process is connected to.

    Args:
        setup: run once in each actor; put into the object store once, so that arrays in it are shared on a node.
        workers: number of actors; None is as many as the cluster has room for, at any time.
        deadline: seconds a trial may take, the actor's start not counted; past it the actor is killed.
        cpus, gpus: what each actor asks of the cluster; fractions share a GPU.
        patience: seconds after which a warning names the actors without a place; where none has one, the search ends.
    """

    def __init__(
        self,
        setup: Setup,
        workers: int | None = None,
        deadline: float = float("inf"),
        *,
        cpus: float = 1.0,
        gpus: float = 0.0,
        patience: float = 60.0,
    ) -> None:
        super().__init__(deadline)
        self._setup = ray.put(setup)
        self._limit = workers
        self._demand = {"CPU": cpus, "GPU": gpus}
        self._patience = patience
        self._warned = False
        self._look_at = 0.0
        self._mailbox: Mailbox | None = None
        self._kind: Any = ray.remote(_Child).options(num_cpus=cpus, num_gpus=gpus, max_restarts=0, max_task_retries=0)
        self._workers = [self._start() for _ in range(self._target())]

    def _target(self) -> int:
        if self._limit is not None:
            return self._limit
        return max(1, min(room(self._demand["CPU"], self._demand["GPU"]), _MOST))

    @property
    def _slots(self) -> int:
        """Workers that are there or can soon be; at least one, for the trial that waits for the first."""
        now = time.monotonic()
        return max(1, sum(worker.ready or now - worker.since < self._patience for worker in self._workers))

    def _start(self) -> Worker[_Actor]:
        actor = self._kind.remote()
        return Worker(_Actor(actor, actor.here.remote(), actor.start.remote(self._setup)))

    def _send(self, worker: Worker[_Actor], trial: Trial) -> bool:
        if not _answers(worker):
            return False
        mailbox = self._mailbox.actor if self._mailbox and self._judge else None
        worker.handle.pending = worker.handle.actor.evaluate.remote(trial, mailbox)
        return True

    def follow(self, judge: Judge | None) -> None:
        super().follow(judge)
        if judge is not None and self._mailbox is None:
            self._mailbox = Mailbox()

    def _reply(self, worker: Worker[_Actor], reason: str) -> None:
        if self._mailbox is not None:
            self._mailbox.answer(worker.handle.question, reason)

    def _events(self, timeout: float) -> list[tuple[Worker[_Actor], Event]]:
        pending = {worker.handle.pending: worker for worker in self._workers if worker.handle.pending is not None}
        if not pending:
            time.sleep(timeout)
            return []
        waiting = [*pending, *([self._mailbox.next] if self._mailbox else [])]
        ready, _ = ray.wait(waiting, timeout=timeout)
        # All that has come counts before deadlines do: the controller may have waited long for its storage.
        ready, _ = ray.wait(waiting, num_returns=len(waiting), timeout=0) if ready else (ready, [])
        ended = [(pending[reference], _event(pending[reference])) for reference in ready if reference in pending]
        return ended if len(ended) == len(ready) else [*ended, *self._questions()]

    def _questions(self) -> list[tuple[Worker[_Actor], Event]]:
        """The question that has come, if the child that asked is still there."""
        assert self._mailbox is not None
        question = self._mailbox.take()
        if question is None:
            self._mailbox = Mailbox()
            return []
        for worker in self._workers:
            trial = worker.trial
            if trial is not None and (trial.number, trial.attempt) == (question.number, question.attempt):
                worker.handle.question = question.key
                return [(worker, Checkpoint(question.curve))]
        return []

    def close(self) -> None:
        super().close()
        if self._mailbox is not None:
            with suppress(Exception):  # the cluster may be gone
                self._mailbox.close()
            self._mailbox = None

    def _end(self, workers: list[Worker[_Actor]]) -> None:
        for worker in workers:
            with suppress(Exception):  # it is dead, or the cluster is
                ray.kill(worker.handle.actor)

    def _tend(self) -> None:
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + _LOOK_EVERY
        self._resize()
        self._mind_the_wait(now)

    def _resize(self) -> None:
        """New nodes are used; starts and idle workers for which nodes that left had room are given up."""
        more = self._target() - len(self._workers)
        self._workers += [self._start() for _ in range(more)]
        idle = [w for w in self._workers if w.ready and w.trial is None and more < 0 and not _answers(w)]
        spare = [*idle, *(worker for worker in self._workers if not worker.ready)][: max(0, -more)]
        self._end(spare)
        self._workers = [worker for worker in self._workers if worker not in spare]

    def _mind_the_wait(self, now: float) -> None:
        waiting = [w for w in self._workers if now - w.since > self._patience and not _placed(w)]
        if not waiting:
            return
        if len(waiting) == len(self._workers):
            raise WorkersCannotStart(f"no worker found a place within {self._patience:g} s: {self._lack()}")
        if not self._warned:
            self._warned = True
            placed = len(self._workers) - len(waiting)
            message = f"{placed} of {len(self._workers)} workers found a place within {self._patience:g} s"
            warnings.warn(f"{message}, and the search goes on with them: {self._lack()}", UserWarning, stacklevel=2)

    def _lack(self) -> str:
        demand, total = _in_words(self._demand), _in_words(totals())
        return (
            f"each asks for {demand}, the cluster has {total} in all, others' included; "
            "lower --workers, --cpus-per-worker or --gpus-per-worker, or add nodes"
        )


def _in_words(amounts: dict[str, float]) -> str:
    return " and ".join(f"{amount:g} {name}s" for name, amount in amounts.items())


def _answers(worker: Worker[_Actor]) -> bool:
    try:
        ray.get(worker.handle.actor.here.remote(), timeout=_ANSWER_WITHIN)
    except RayError:  # it died, or its node cannot be reached
        return False
    return True


def _placed(worker: Worker[_Actor]) -> bool:
    return worker.ready or bool(ray.wait([worker.handle.placed], timeout=0)[0])


def _event(worker: Worker[_Actor]) -> Event:
    handle = worker.handle
    reference, handle.pending = handle.pending, None
    try:
        message = ray.get(reference)
    except RayTaskError as error:  # a result that cannot be sent, or a setup that cannot be loaded
        reason = _one_line(str(error.cause or error))
        return Outcome(error=reason) if worker.ready else Died(reason)
    except RayError as error:
        return Died(_cause(str(error)))
    if isinstance(message, Outcome):
        return message
    return Ready() if message is None else Died(message)


def _cause(text: str) -> str:
    message = next((message for sign, message in _DEATHS.items() if sign in text), "")
    return message or f"worker died: {_one_line(text)}"


def _one_line(text: str) -> str:
    return " ".join(text.split())[:500]
