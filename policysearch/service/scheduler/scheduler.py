"""The scheduler: looks at every job that is not at rest, and does the next thing about it.

What a job is doing is read from its files and from the lock that its process holds, never remembered, so that a server
that was killed goes on where it was.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Sequence

from policysearch.core.errors import UserError
from policysearch.service.database.attempts import Attempts
from policysearch.service.database.connection import DatabaseAway
from policysearch.service.database.jobs import Jobs
from policysearch.service.job import AT_REST, WITH_RUNNER, Intent, Job, State
from policysearch.service.limits import Limits
from policysearch.service.scheduler.ages import Ages
from policysearch.service.scheduler.at_work import JobsAtWork
from policysearch.service.scheduler.checks import CHECK, Checks
from policysearch.service.scheduler.deletion import delete, empty_trash
from policysearch.service.scheduler.means import Means, SettingsOf
from policysearch.service.scheduler.places import Place, PlaceUse
from policysearch.service.scheduler.processes import Processes, SystemProcesses
from policysearch.service.scheduler.starts import Starts
from policysearch.service.state_folder import StateFolder

_LOG = logging.getLogger(__name__)
_STEP_SECONDS = 1.0
_LOOK_SECONDS = 0.05


class Scheduler:
    """Starts, follows, interrupts and books jobs; every method may be called from any thread.

    Args:
        folder: of the service's state.
        jobs: the table of jobs.
        places: where jobs may run.
        limits: how much users may ask for.
        clock: gives seconds since the epoch.
        settings_of: gives what a job's process is to do, from its row, its folder and its place.
        processes: starts and signals processes.
        timer: gives seconds that never run backwards.
    """

    def __init__(
        self,
        folder: StateFolder,
        jobs: Jobs,
        places: Sequence[Place],
        limits: Limits,
        clock: Callable[[], float] = time.time,
        *,
        settings_of: SettingsOf,
        processes: Processes | None = None,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._means = Means(
            folder,
            jobs,
            Attempts(jobs.database, clock),
            tuple(places),
            limits,
            processes or SystemProcesses(folder),
            settings_of,
            Ages(timer),
            clock,
        )
        self._lock = jobs.database.scheduler_lock()
        self._checks = Checks(self._means)
        self._at_work = JobsAtWork(self._means)
        self._starts = Starts(self._means)
        self._trouble = ""
        self._one_step = threading.Lock()
        self._ended = False
        self._call = threading.Event()

    @property
    def trouble(self) -> str:
        """Why the last step could not be made, such as a database that is away; empty if it was."""
        return self._trouble

    def waiting(self) -> dict[str, tuple[int, str]]:
        """For each job that waits its position in the line, from 1, and what it waits for."""
        notes = self._means.notes
        return {w.job.id: (w.position, notes.get(w.job.id, w.sentence)) for w in self._starts.line}

    def usage(self) -> list[PlaceUse]:
        """The places, and who uses them."""
        return list(self._starts.uses)

    def note(self, job_id: str) -> str:
        """What keeps a job from its turn, as a full disk, or that it has been silent for too long; otherwise empty."""
        return self._means.notes.get(job_id, "")

    def open_place(self, name: str) -> None:
        """Open a place that was closed since its last starts failed.

        Raises:
            UserError: there is no such place.
        """
        names = [place.name for place in self._means.places]
        if name not in names:
            raise UserError(f"there is no place {name!r}; there are {', '.join(names)}")
        self._means.attempts.open(name)
        self.poke()

    def poke(self) -> None:
        """Make the next step at once."""
        self._call.set()

    def run_until(self, stop: threading.Event) -> None:
        """Make steps, one a second and one after each `poke`, until `stop` is set and the scheduler poked."""
        while not stop.is_set():
            self.step()
            self._call.wait(_STEP_SECONDS)
            self._call.clear()
        self.close()

    def close(self) -> None:
        """Let another server schedule."""
        self._lock.release()

    def step(self) -> None:
        """Look at every job once. What fails for want of the database or a disk is tried again in the next step."""
        with self._one_step:
            if self._ended:
                return
            try:
                holds = self._lock.holds()
                if holds:
                    self._step()
                self._report("" if holds else "another server schedules the jobs of this database")
            except (DatabaseAway, OSError) as error:
                self._report(str(error))

    def _step(self) -> None:
        means = self._means
        empty_trash(means.folder)
        self._checks.step()
        if self._at_work.step():
            self.poke()
        for job in self._deletions():
            with means.about(job):
                delete(means.folder, means.jobs, job)
        self._starts.step()

    def _deletions(self) -> list[Job]:
        jobs = self._means.jobs
        return [*jobs.in_states(AT_REST, Intent.DELETE), *jobs.in_states([State.DELETING])]

    def _report(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            _LOG.warning("%s", trouble)
        self._trouble = trouble

    def end_jobs(self) -> None:
        """Interrupt the processes of all jobs and wait until they are gone; the next server queues the jobs again.

        No step is made any more. Where the database is away, jobs go on, and a warning says so.
        """
        means = self._means
        with self._one_step:
            self._ended = True
            try:
                at_work = means.jobs.in_states([*WITH_RUNNER, State.CHECKING])
            except DatabaseAway as error:
                _LOG.warning("jobs at work are not interrupted: %s", error)
                return
        for job in at_work:
            means.processes.signal(means.folder.job(job.id), signal.SIGINT)
        end = time.monotonic() + means.limits.grace
        while at_work := [job for job in at_work if not self._is_gone(job)]:
            if time.monotonic() > end:
                for job in at_work:
                    means.processes.signal(means.folder.job(job.id), signal.SIGKILL)
            time.sleep(_LOOK_SECONDS)

    def _is_gone(self, job: Job) -> bool:
        attempt = CHECK if job.state is State.CHECKING else str(job.attempt)
        return self._means.processes.see(self._means.folder.job(job.id), attempt).gone
