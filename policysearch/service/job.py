"""A job of the service: what was asked for, its state, and which states may follow which."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """Where a job is. The scheduler alone moves a job on; a resume queues one that rests."""

    CHECKING = "checking"
    REFUSED = "refused"
    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    DONE = "done"
    DELETING = "deleting"


class Intent(StrEnum):
    """What the owner of a job wants of it: written by requests, and by the scheduler at a limit."""

    RUN = "run"
    STOP = "stop"
    CANCEL = "cancel"
    DELETE = "delete"


AT_REST = frozenset(
    {State.REFUSED, State.STOPPED, State.CANCELLED, State.INTERRUPTED, State.FAILED, State.DONE},
)
"""States that a job does not leave by itself."""
WAITING = (State.CHECKING, State.QUEUED)
"""States in which a job waits for its turn."""
WITH_RUNNER = frozenset({State.STARTING, State.RUNNING, State.STOPPING, State.CANCELLING})
"""States in which a job holds workers of a place, and may have a process."""

_ENDS = frozenset({State.DONE, State.FAILED, State.STOPPED, State.CANCELLED, State.INTERRUPTED})
NEXT_STATES: Mapping[State, frozenset[State]] = {
    State.CHECKING: frozenset({State.QUEUED, State.REFUSED, State.CANCELLED, State.FAILED}),
    State.REFUSED: frozenset({State.DELETING}),
    State.QUEUED: frozenset({State.STARTING, State.STOPPED, State.CANCELLED, State.FAILED}),
    State.STARTING: _ENDS | {State.RUNNING, State.STOPPING, State.CANCELLING, State.QUEUED},
    State.RUNNING: _ENDS | {State.STOPPING, State.CANCELLING},
    State.STOPPING: _ENDS | {State.CANCELLING},
    State.STOPPED: frozenset({State.QUEUED, State.DELETING}),
    State.CANCELLING: frozenset({State.CANCELLED, State.DONE, State.FAILED, State.STOPPED}),
    State.CANCELLED: frozenset({State.QUEUED, State.DELETING}),
    State.INTERRUPTED: frozenset({State.QUEUED, State.DELETING}),
    State.FAILED: frozenset({State.QUEUED, State.DELETING}),
    State.DONE: frozenset({State.QUEUED, State.DELETING}),
    State.DELETING: frozenset(),
}
"""The states that may follow a state; after `deleting` the job is gone."""

_ACCEPTED: Mapping[Intent, frozenset[State]] = {
    Intent.STOP: frozenset({State.CHECKING, State.QUEUED, State.STARTING, State.RUNNING, State.STOPPING}),
    Intent.CANCEL: frozenset({State.CHECKING, State.QUEUED}) | WITH_RUNNER,
    Intent.RUN: AT_REST - {State.REFUSED},
    Intent.DELETE: AT_REST | {State.DELETING},
}
_REFUSALS: Mapping[Intent, str] = {
    Intent.STOP: "only a job that waits or is at work can be stopped",
    Intent.CANCEL: "only a job that waits or is at work can be cancelled",
    Intent.RUN: "only a job that has stopped, been cancelled, been interrupted, failed or ended can be resumed",
    Intent.DELETE: "cancel it first, and delete it when it rests",
}


class WrongState(Exception):
    """What is wanted of a job makes no sense in its state.

    Attributes:
        state: the job's state.
        sentence: why not, and what to do.
    """

    def __init__(self, state: State, sentence: str) -> None:
        super().__init__(sentence)
        self.state = state
        self.sentence = sentence


def must_accept(state: State, intent: Intent) -> None:
    """Check that a job in this state can be asked for that.

    Raises:
        WrongState: it cannot.

    Example:
        >>> must_accept(State.RUNNING, Intent.STOP)
        >>> must_accept(State.DONE, Intent.STOP)
        Traceback (most recent call last):
        ...
        policysearch.service.job.WrongState: the job is done: only a job that waits or is at work can be stopped
    """
    if state not in _ACCEPTED[intent]:
        raise WrongState(state, f"the job is {state}: {_REFUSALS[intent]}")


@dataclass(frozen=True)
class Job:
    """One search, calibration or evaluation in the service.

    Attributes:
        id: 26 characters, in order of time.
        kind: "search", "calibrate" or "evaluate".
        owner: name of the user whose job it is.
        name, note, labels: what the owner calls it and says of it.
        shared: whether all users may look at it.
        request: the settings that were asked for, as JSON.
        changes: settings that a resume has changed since: trials, confirm.
        state, intent: where it is, and what its owner wants of it ("wanted" in JSON and in the database).
        reason: why it is in its state, one sentence; may be empty.
        field: the setting that a refusal is about; may be empty.
        attempt: how often it has been started.
        choice: the place that its owner chose; empty for any.
        place: the place of its last start; empty before the first.
        workers: how many workers it gets.
        idle_attempts: interruptions in a row without a new pull in between.
        created, changed, started, ended: seconds since the epoch; the start and end are those of the last attempt.
        order: place in its owner's own queue; the smallest is next.
        progress: the fields of its last `progress` event.
        revision: grows at every change of any job, so that changes can be followed.
    """

    id: str
    kind: str
    owner: str
    name: str
    request: Mapping[str, Any]
    state: State
    intent: Intent
    workers: int
    created: float
    changed: float
    order: float
    revision: int
    note: str = ""
    labels: tuple[str, ...] = ()
    shared: bool = False
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    reason: str = ""
    field: str = ""
    attempt: int = 0
    choice: str = ""
    place: str = ""
    idle_attempts: int = 0
    started: float | None = None
    ended: float | None = None
    progress: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def title(self) -> str:
        """What it is called: its name, or what it is."""
        return self.name or f"{self.kind} on {self.request.get('data') or 'fashion-small'}"

    @property
    def at_rest(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.state in AT_REST

    @property
    def at_work(self) -> bool:
        """Whether it holds workers of a place."""
        return self.state in WITH_RUNNER


@dataclass(frozen=True)
class Change:
    """One step in a job's history: when it came into which state, and why."""

    time: float
    state: State
    reason: str
