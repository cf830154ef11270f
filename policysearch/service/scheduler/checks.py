"""Jobs whose settings are checked: a process tries them, as a search does before it writes anything."""

from __future__ import annotations

import signal

from policysearch.core.errors import UserError
from policysearch.service.job import Intent, Job, State
from policysearch.service.runner.exit_record import CheckRecord, read_check
from policysearch.service.scheduler.decisions import LINGER_SECONDS, LOCK_SECONDS
from policysearch.service.scheduler.means import Means
from policysearch.service.scheduler.places import most_workers
from policysearch.service.scheduler.processes import Sight

CHECK = "check"
"""The attempt of a process that only checks."""
_AT_ONCE = 2
_TRIES = 3


class Checks:
    """Checks new jobs, a few at a time.

    Args:
        means: what the scheduler works with.
    """

    def __init__(self, means: Means) -> None:
        self._means = means
        self._tries: dict[str, int] = {}
        self._late: set[str] = set()

    def step(self) -> None:
        """Look at every job that is being checked."""
        at_work = 0
        for job in self._means.jobs.in_states([State.CHECKING]):
            with self._means.about(job):
                at_work += self._look_at(job, at_work < _AT_ONCE)

    def _look_at(self, job: Job, may_start: bool) -> bool:
        """Do the next thing about a job; whether a process is at work on it."""
        means, folder = self._means, self._means.folder.job(job.id)
        sight = means.processes.see(folder, CHECK)
        record = read_check(folder.check)
        with means.ages.look(job.id) as age:
            comes = sight.gone and self._may_be_on_its_way(job, sight) and age("launch") <= LOCK_SECONDS
            seconds = 0.0 if sight.gone else age("checks")
            lingers = not sight.gone and record is not None and age("lingers") > LINGER_SECONDS
        if not sight.gone:
            self._follow(job, seconds, lingers)
            return True
        if job.intent is Intent.CANCEL:
            self._enter(job, State.CANCELLED, "cancelled before it began")
        elif record is not None:
            self._book(job, record)
        elif job.id in self._late:
            self._enter(job, State.REFUSED, f"its check took longer than {means.limits.checker_seconds:g} s")
        else:
            return comes or (may_start and self._start(job))
        return False

    def _follow(self, job: Job, seconds: float, lingers: bool) -> None:
        """End a process that is not wanted any more, or takes too long."""
        means = self._means
        late = seconds > means.limits.checker_seconds
        if late or lingers or job.intent is Intent.CANCEL:
            means.processes.signal(means.folder.job(job.id), signal.SIGKILL)
        if late:
            self._late.add(job.id)

    def _may_be_on_its_way(self, job: Job, sight: Sight) -> bool:
        """Whether a server that was killed may have started a process that has not locked the job so far."""
        return not (sight.launch or sight.identity) and self._means.folder.job(job.id).job.exists()

    def _start(self, job: Job) -> bool:
        means = self._means
        places = [place for place in means.places if job.choice in ("", place.name)]
        if not places:
            names = ", ".join(place.name for place in means.places)
            self._enter(job, State.REFUSED, f"there is no place {job.choice!r}; there are {names}", "place")
            return False
        if job.workers > most_workers(places):
            where = f"at {job.choice}" if job.choice else "here"
            sentence = f"workers must be at most {most_workers(places)} {where}, got {job.workers}"
            self._enter(job, State.REFUSED, sentence, "workers")
            return False
        tries = self._tries.get(job.id, 0)
        if tries == _TRIES:
            self._enter(job, State.FAILED, f"the process that checks it ended {_TRIES} times without an answer")
            return False
        try:
            means.write_job(job, CHECK, next(place for place in places if place.slots >= job.workers))
        except UserError as error:
            self._enter(job, State.REFUSED, str(error))
            return False
        means.processes.start(means.folder.job(job.id), CHECK, {"CUDA_VISIBLE_DEVICES": ""})
        self._tries[job.id] = tries + 1
        return True

    def _book(self, job: Job, record: CheckRecord) -> None:
        if record.ok:
            self._means.jobs.update(job.id, progress={"forecast": dict(record.forecast)})
            self._enter(job, State.QUEUED)
        else:
            self._enter(job, State.REFUSED, record.sentence, record.field)

    def _enter(self, job: Job, state: State, reason: str = "", field: str = "") -> None:
        self._means.jobs.enter(job.id, state, reason, field=field)
        self._means.notes.pop(job.id, None)
        self._means.ages.forget(job.id)
        self._tries.pop(job.id, None)
        self._late.discard(job.id)
