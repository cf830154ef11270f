"""Where children on Ray ask, at their checkpoints, whether to go on: an actor takes no call while it trains."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import count
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from policysearch.core.trial import Curve, Trial
from workers.stops import Ask


@dataclass(frozen=True)
class Question:
    """A child that waits at a checkpoint.

    Attributes:
        key: of the answer.
        number, attempt: of its trial.
        curve: so far.
    """

    key: int
    number: int
    attempt: int
    curve: Curve


class _Mailbox:
    """What lives in the actor; all of it waits at once."""

    def __init__(self) -> None:
        self._questions: asyncio.Queue[Question] = asyncio.Queue()
        self._answers: dict[int, asyncio.Future[str]] = {}
        self._keys = count()

    async def ask(self, number: int, attempt: int, curve: Curve) -> str:
        """Called by a child; waits for the answer."""
        key = next(self._keys)
        self._answers[key] = asyncio.get_running_loop().create_future()
        await self._questions.put(Question(key, number, attempt, curve))
        try:
            return await self._answers[key]
        finally:
            del self._answers[key]

    async def question(self) -> Question:
        """Called by the controller; waits for the next question."""
        return await self._questions.get()

    async def answer(self, key: int, reason: str) -> None:
        """Called by the controller, once for each question; a child that has died needs none."""
        future = self._answers.get(key)
        if future is not None and not future.done():
            future.set_result(reason)


class Mailbox:
    """The controller's end: the next question, as a reference that can be waited for with others.

    It runs on the controller's node. Where it is lost, the children of its time go on unasked, and another is opened.
    """

    def __init__(self) -> None:
        node = ray.get_runtime_context().get_node_id()
        strategy = NodeAffinitySchedulingStrategy(node, soft=True)
        kind: Any = ray.remote(_Mailbox).options(num_cpus=0, max_restarts=0, scheduling_strategy=strategy)
        self.actor: Any = kind.remote()
        self.next: Any = self.actor.question.remote()

    def take(self) -> Question | None:
        """The question that has come; None if the mailbox is lost."""
        try:
            question: Question = ray.get(self.next)
        except RayError:
            return None
        self.next = self.actor.question.remote()
        return question

    def answer(self, key: int, reason: str) -> None:
        """Let a child go on, or stop it with a reason."""
        self.actor.answer.remote(key, reason)

    def close(self) -> None:
        """End the actor."""
        ray.kill(self.actor)


def asking(mailbox: Any, trial: Trial) -> Ask | None:
    """How the child of a trial asks; None without a mailbox."""
    if mailbox is None:
        return None

    def ask(curve: Curve) -> str:
        try:
            answer: str = ray.get(mailbox.ask.remote(trial.number, trial.attempt, curve))
        except RayError:  # it is lost, and nobody will answer
            return ""
        return answer

    return ask
