"""The table of jobs as it is read. Every method is one short transaction, to be called from any thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from typing import Any

from sqlalchemy import Select, Text, cast, func, or_, select

from policysearch.service.database.connection import Database
from policysearch.service.database.job_rows import NoSuchJob, job_of, job_row
from policysearch.service.database.rights import may, visible
from policysearch.service.database.tables import COUNTER, HISTORY, JOBS
from policysearch.service.database.viewer import Viewer
from policysearch.service.job import Change, Intent, Job, State


class JobQueries:
    """The jobs of the service, for those who look.

    Args:
        database: holds them.
        clock: gives seconds since the epoch.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self.database = database
        self.clock = clock

    def get(self, job_id: str, viewer: Viewer | None = None, *, to_change: bool = False) -> Job:
        """A job by its id.

        Args:
            job_id: the id, or any text.
            viewer: who looks; None sees all.
            to_change: whether the viewer wants to change it, which only its owner and admins may.

        Raises:
            NoSuchJob: there is none, or none that the viewer may see or change.
        """
        with self.database.reading() as connection:
            job = job_row(connection, job_id)
        if not may(viewer, job.owner, shared=job.shared, to_change=to_change):
            raise NoSuchJob(job_id)
        return job

    def page(
        self,
        viewer: Viewer | None,
        *,
        states: Iterable[State] = (),
        owner: str = "",
        text: str = "",
        after: str = "",
        limit: int = 50,
    ) -> list[Job]:
        """Jobs that the viewer may see, newest first.

        Args:
            viewer: who looks; None sees all.
            states: only those in one of these states; all if empty.
            owner: only those of this user.
            text: only those with this in their name, note, labels or id.
            after: the id of the last job of the page before.
            limit: as many at most.
        """
        query = visible(select(JOBS), JOBS, viewer).order_by(JOBS.c.id.desc()).limit(limit)
        if states := list(states):
            query = query.where(JOBS.c.state.in_(states))
        if owner:
            query = query.where(JOBS.c.owner == owner)
        if after:
            query = query.where(JOBS.c.id < after)
        if text:
            texts = (JOBS.c.id, JOBS.c.name, JOBS.c.note, cast(JOBS.c.labels, Text))
            query = query.where(or_(*(func.lower(c).contains(text.lower(), autoescape=True) for c in texts)))
        return self._all(query)

    def of(self, job_ids: Collection[str]) -> list[Job]:
        """The jobs of these ids, those that are gone left out."""
        return self._all(select(JOBS).where(JOBS.c.id.in_(job_ids)))

    def since(self, viewer: Viewer | None, revision: int, limit: int = 500) -> list[Job]:
        """Jobs that the viewer may see and that have changed after a revision, in the order of their changes."""
        query = visible(select(JOBS), JOBS, viewer).where(JOBS.c.revision > revision)
        return self._all(query.order_by(JOBS.c.revision).limit(limit))

    def in_states(self, states: Iterable[State], intent: Intent | None = None) -> list[Job]:
        """All jobs in these states, and of which that is wanted, oldest first."""
        query = select(JOBS).where(JOBS.c.state.in_(list(states))).order_by(JOBS.c.id)
        return self._all(query if intent is None else query.where(JOBS.c.wanted == intent))

    def revision(self) -> int:
        """The revision of the last change of any job."""
        with self.database.reading() as connection:
            return int(connection.execute(select(COUNTER.c.value).where(COUNTER.c.name == "jobs")).scalar_one())

    def history(self, job_id: str) -> list[Change]:
        """The states that a job has been in, oldest first."""
        query = select(HISTORY).where(HISTORY.c.job == job_id).order_by(HISTORY.c.number)
        with self.database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [Change(row["time"], State(row["state"]), row["reason"]) for row in rows]

    def _all(self, query: Select[Any]) -> list[Job]:
        with self.database.reading() as connection:
            return [job_of(row) for row in connection.execute(query).mappings()]
