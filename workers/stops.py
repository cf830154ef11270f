"""How a stop reaches a child: at each checkpoint it asks whether to go on, and ends by itself where it is not to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from policysearch.core.trial import Curve, Trial

Ask = Callable[[Curve], str]
"""From the curve so far to the reason why the child is to stop; empty if it goes on."""

_ASK: ContextVar[Ask | None] = ContextVar("_ASK", default=None)


class Stopped(Exception):
    """A child ends at a checkpoint since it is not worth finishing.

    Attributes:
        reason: why, in words.
        curve: as far as it came.
    """

    def __init__(self, reason: str, curve: Curve) -> None:
        super().__init__(reason)
        self.reason = reason
        self.curve = curve


class JudgeFailed(BaseException):
    """What went wrong in a judge in the child's own process: no fault of the child, so it passes all its handlers."""


class ControllerGone(BaseException):
    """Nobody is left to answer a child: as after a kill, what it has written must stay for whoever resumes."""


@contextmanager
def asked_by(ask: Ask | None) -> Iterator[None]:
    """Children of this context ask at their checkpoints; None: they ask nobody."""
    token = _ASK.set(ask)
    try:
        yield
    finally:
        _ASK.reset(token)


def at_checkpoint(trial: Trial, curve: Curve) -> None:
    """Ask whether the child is to go on.

    Nobody is asked at its last checkpoint, where it has ended, nor at those that its parent came through already: a
    child whose checkpoint was lost passes them again, and must end as if it had not.

    Args:
        trial: that is trained.
        curve: so far; it is not changed.

    Raises:
        Stopped: it is not.
    """
    ask = _ASK.get()
    if ask is None or not curve or not trial.begin < curve[-1]["epoch"] < trial.epochs:
        return
    snapshot = [dict(point) for point in curve]
    reason = ask(snapshot)
    if reason:
        raise Stopped(reason, snapshot)
