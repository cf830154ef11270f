"""What to do about a job at work, by what is seen of its process and its files. Nothing is done here."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from policysearch.service.exit_codes import ANOTHER_HOLDS_IT, NO_FILES
from policysearch.service.job import Intent, Job, State
from policysearch.service.runner.exit_record import CANCELLED, DONE, FAILED, STOPPED, ExitRecord
from policysearch.service.scheduler.processes import Sight

IDLE_ATTEMPTS = 3
"""As often in a row is a job queued again that was interrupted without a new pull."""
LOCK_SECONDS = 30.0
"""As long may a process that this server did not start take to lock its job."""
LAUNCH_SECONDS = 180.0
"""As long may a process that this server started take to lock its job; a busy machine may need it."""
LINGER_SECONDS = 5.0
"""As long may a process live on after its record, the last that it writes."""
_CRASHES = frozenset({-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGILL, -signal.SIGFPE})
NOT_THE_PLACE = (ANOTHER_HOLDS_IT, NO_FILES)


class Act(Enum):
    """What to do about a job at work."""

    WAIT = "wait"
    ENTER = "enter"
    INTERRUPT = "interrupt"
    KILL = "kill"
    END = "end"


@dataclass(frozen=True)
class Decision:
    """What to do about a job at work.

    Attributes:
        act: nothing, enter a state, send SIGINT, send SIGKILL to all its processes, or book the end of the attempt.
        state: to enter, or in which the attempt ended.
        reason: why.
        again: why the job is queued again at once; empty if it is not.
        at_fault: whether the place was at fault.
        columns: what else changes in the job.
    """

    act: Act
    state: State = State.RUNNING
    reason: str = ""
    again: str = ""
    at_fault: bool = False
    columns: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """What is known of a job at work.

    Attributes:
        job: its row.
        sight: its process.
        record: how its attempt ended, or None.
        pulls: that have ended in this attempt.
        grace: seconds between SIGINT and SIGKILL.
        age: seconds for which something has been so, by its name; asked only while it is.
    """

    job: Job
    sight: Sight
    record: ExitRecord | None
    pulls: int
    grace: float
    age: Callable[[str], float]


_WAIT = Decision(Act.WAIT)
_KILL = Decision(Act.KILL)


def decide(seen: Seen) -> Decision:
    """What to do about a job at work, and what its end is once nothing of it is alive."""
    job, sight = seen.job, seen.sight
    if seen.record is not None:
        if sight.gone:
            return _booked(seen, seen.record)
        return _WAIT if sight.lock and seen.age("lingers") <= LINGER_SECONDS else _KILL
    if not sight.identity:
        return _before_it_began(seen)
    if not sight.lock:
        return _died(seen) if sight.gone else _KILL
    if job.intent is Intent.CANCEL:
        return _cancelling(seen)
    if job.intent is Intent.STOP and job.state is not State.STOPPING:
        return Decision(Act.ENTER, State.STOPPING, "the pulls in flight end, and no other begins")
    return Decision(Act.ENTER, State.RUNNING) if job.state is State.STARTING else _WAIT


def _cancelling(seen: Seen) -> Decision:
    if seen.job.state is not State.CANCELLING:
        sentence = f"interrupted; what is still alive in {seen.grace:g} s is killed"
        return Decision(Act.ENTER, State.CANCELLING, sentence)
    age = seen.age("interrupted")
    if age == 0.0:
        return Decision(Act.INTERRUPT)
    return _KILL if age > seen.grace else _WAIT


def _before_it_began(seen: Seen) -> Decision:
    """Of a process that has not written down that it has the job."""
    job, sight = seen.job, seen.sight
    if sight.lock:  # a moment later it has, or an earlier attempt is still there
        return _KILL if seen.age("other") > LOCK_SECONDS else _WAIT
    if job.intent is Intent.CANCEL and sight.launch:
        return _KILL if sight.processes else Decision(Act.END, State.CANCELLED, "cancelled before it began")
    if sight.processes:
        return _KILL if seen.age("launch") > LAUNCH_SECONDS else _WAIT
    if not sight.launch and seen.age("launch") <= LOCK_SECONDS:
        return _WAIT
    if job.intent is Intent.CANCEL:
        return Decision(Act.END, State.CANCELLED, "cancelled before it began")
    code = "" if sight.code is None else f" (exit code {sight.code})"
    reason = f"its process ended before it began{code}" if sight.launch else "its process never began"
    if job.state is not State.STARTING:
        return _interrupted(seen, reason)
    return Decision(Act.END, State.QUEUED, reason, at_fault=sight.launch and sight.code not in NOT_THE_PLACE)


def _died(seen: Seen) -> Decision:
    """Of an attempt whose process ended without a record: killed, out of memory, or the machine went down."""
    job, code = seen.job, seen.sight.code
    if job.intent is Intent.CANCEL:
        return Decision(Act.END, State.CANCELLED, _cause("cancelled: its process was killed", code))
    crash = code in _CRASHES and not seen.pulls
    return _interrupted(seen, _cause("its process was killed, or the machine went down", code), at_fault=crash)


def _booked(seen: Seen, record: ExitRecord) -> Decision:
    """Of an attempt that has left a record."""
    job = seen.job
    if record.end == DONE:
        return Decision(Act.END, State.DONE, record.sentence, columns={"idle_attempts": 0})
    if job.intent is Intent.CANCEL:
        return Decision(Act.END, State.CANCELLED, record.sentence if record.end == FAILED else "cancelled")
    if record.end == CANCELLED:
        return _interrupted(seen, "its process was interrupted by a signal")
    state = {STOPPED: State.STOPPED, FAILED: State.FAILED}[record.end]
    return Decision(Act.END, state, record.sentence, at_fault=record.place_at_fault, columns={"field": record.field})


def _interrupted(seen: Seen, reason: str, *, at_fault: bool = False) -> Decision:
    """Of an attempt that did not end by itself: queued again, unless that has not helped before."""
    job = seen.job
    idle = 0 if seen.pulls else job.idle_attempts + 1
    columns = {"idle_attempts": idle}
    if job.intent is Intent.STOP:
        reason += "; it is not queued again, since it was to stop"
        return Decision(Act.END, State.INTERRUPTED, reason, at_fault=at_fault, columns=columns)
    if idle > IDLE_ATTEMPTS:
        reason += f"; it was queued again {IDLE_ATTEMPTS} times without a new pull, and rests now"
        return Decision(Act.END, State.INTERRUPTED, reason, at_fault=at_fault, columns=columns)
    again = f"queued again after its attempt {job.attempt} was interrupted"
    return Decision(Act.END, State.INTERRUPTED, reason, again, at_fault, columns)


def _cause(sentence: str, code: int | None) -> str:
    if code is None or code >= 0:
        return sentence
    return f"{sentence} ({signal.Signals(-code).name})"
