"""Jobs that wait: which of them start now, and where."""

from __future__ import annotations

import signal
from collections import Counter
from contextlib import suppress

from policysearch.core.errors import UserError
from policysearch.service.job import WITH_RUNNER, Intent, Job, State
from policysearch.service.scheduler.ages import PAUSE_SECONDS
from policysearch.service.scheduler.means import Means
from policysearch.service.scheduler.places import Place, PlaceUse
from policysearch.service.scheduler.queue import Waiting, fair_order, plan

_AGAIN = "is started again in a moment, since its last start came to nothing"


class Starts:
    """Starts the jobs whose turn it is.

    Args:
        means: what the scheduler works with.

    Attributes:
        line: the jobs that wait, first in line first.
        uses: the places as they are used.
    """

    def __init__(self, means: Means) -> None:
        self._means = means
        self.line: tuple[Waiting, ...] = ()
        self.uses: tuple[PlaceUse, ...] = tuple(PlaceUse(place, 0, ()) for place in means.places)

    def step(self) -> None:
        """Let jobs rest that are not to start, and start those whose turn it is."""
        means = self._means
        queue = [job for job in means.jobs.in_states([State.QUEUED]) if not self._rests(job)]
        at_work = means.jobs.in_states(WITH_RUNNER)
        self.uses = self._uses(at_work)
        workers: Counter[str] = Counter()
        for job in at_work:
            workers[job.owner] += job.workers
        order = fair_order(queue, means.attempts.spent(), workers) if queue else []
        ready = [job for job in order if not means.ages.pauses(job.id)]
        decision = plan(ready, self.uses, Counter(job.owner for job in at_work), means.limits.running)
        for job, place in decision.starts:
            with means.about(job):
                self._start(job, place)
        again = [job for job in order if means.ages.pauses(job.id)]
        before = len(decision.line)
        self.line = (*decision.line, *(Waiting(job, before + k, _AGAIN) for k, job in enumerate(again, 1)))
        if decision.starts:
            self.uses = self._uses(means.jobs.in_states(WITH_RUNNER))

    def _rests(self, job: Job) -> bool:
        """Whether a job is not to start, which it then does not wait for."""
        state = {Intent.STOP: State.STOPPED, Intent.CANCEL: State.CANCELLED}.get(job.intent)
        if state is None:
            return False
        with self._means.about(job):
            self._means.jobs.enter(job.id, state, f"{state} while it waited")
            self._means.notes.pop(job.id, None)
        return True

    def _uses(self, at_work: list[Job]) -> tuple[PlaceUse, ...]:
        uses = []
        for place in self._means.places:
            there = [job for job in at_work if job.place == place.name]
            jobs = tuple((job.id, job.owner, job.workers) for job in there)
            closed = self._means.attempts.closed(place.name)
            uses.append(PlaceUse(place, sum(job.workers for job in there), jobs, closed))
        return tuple(uses)

    def _start(self, job: Job, place: Place) -> None:
        means, folder = self._means, self._means.folder.job(job.id)
        if not means.processes.see(folder, str(job.attempt)).gone:  # of an attempt that was given up
            means.processes.signal(folder, signal.SIGKILL)
            return
        try:
            means.write_job(job, str(job.attempt + 1), place)
        except UserError as error:
            means.jobs.enter(job.id, State.FAILED, str(error))
            return
        with suppress(FileNotFoundError):
            folder.stop.unlink()
        attempt = means.attempts.start(job, place.name)
        means.notes.pop(job.id, None)
        try:
            means.processes.start(folder, str(attempt.attempt), place.environment())
        except OSError as error:
            reason = f"its process could not be started: {error.strerror or error}"
            means.attempts.end(attempt, State.QUEUED, reason, at_fault=True)
            means.ages.pause(job.id, PAUSE_SECONDS)
