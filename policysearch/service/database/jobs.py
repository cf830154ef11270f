"""The table of jobs. Every method is one short transaction, to be called from any thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from policysearch.service.database.job_queries import JobQueries
from policysearch.service.database.job_rows import (
    NoSuchJob,
    columns_of,
    enter,
    job_of,
    job_row,
    next_revision,
    note_state,
    update_row,
)
from policysearch.service.database.tables import HISTORY, JOBS, KEYS
from policysearch.service.ids import new_id
from policysearch.service.job import WAITING, Intent, Job, State, WrongState, must_accept

_IN_SETTINGS = ("trials", "confirm")
"""Settings that a resume may change."""


class QueueFull(RuntimeError):
    """The user has as many jobs waiting as a user may have; the message says how many."""


class Jobs(JobQueries):
    """The jobs of the service.

    Args:
        database: holds them.
        clock: gives seconds since the epoch.
    """

    def add(
        self,
        owner: str,
        kind: str,
        request: Mapping[str, Any],
        *,
        workers: int,
        name: str = "",
        place: str = "",
        key: str = "",
        most_waiting: int | None = None,
    ) -> tuple[Job, bool]:
        """Add a job, to be checked.

        Args:
            owner: name of a user.
            kind: "search", "calibrate" or "evaluate".
            request: settings as JSON.
            workers: how many it gets.
            name: what the owner calls it.
            place: the name of a place, or empty for any.
            key: of the request; the same owner's second request with that key gives the first one's job.
            most_waiting: as many jobs may the owner have waiting, this one included.

        Returns:
            the job, and whether it is new.

        Raises:
            QueueFull: the owner has as many jobs waiting as allowed.
        """
        with self.database.writing() as connection:
            revision = next_revision(connection)
            earlier = _job_of_key(connection, owner, key) if key else None
            if earlier is not None:
                return earlier, False
            _must_have_room(connection, owner, most_waiting)
            now = self.clock()
            job = Job(
                id=new_id(self.clock),
                kind=kind,
                owner=owner,
                name=name,
                request=dict(request),
                state=State.CHECKING,
                intent=Intent.RUN,
                workers=workers,
                choice=place,
                created=now,
                changed=now,
                order=now,
                revision=revision,
            )
            connection.execute(insert(JOBS).values(**columns_of(job)))
            note_state(connection, job.id, now, job.state, "")
            if key:
                connection.execute(insert(KEYS).values(owner=owner, key=key, job=job.id, time=now))
            return job, True

    def want(self, job_id: str, intent: Intent, *, most_waiting: int | None = None, **changes: Any) -> Job:
        """Write down what is wanted of a job; a resume also queues it.

        The same intent twice is accepted twice.

        Args:
            job_id: of a job.
            intent: what is wanted.
            most_waiting: of a resume: as many jobs may the owner have waiting, this one included.
            changes: of a resume: `trials`, `confirm`, `workers`; those that are None stay as they are.

        Raises:
            NoSuchJob: there is none.
            WrongState: that makes no sense in the job's state.
            QueueFull: of a resume: the owner has as many jobs waiting as allowed.
        """
        with self.database.writing() as connection:
            revision = next_revision(connection)
            job = job_row(connection, job_id)
            must_accept(job.state, intent)
            columns: dict[str, Any] = {"wanted": intent}
            if intent is Intent.RUN:
                _must_have_room(connection, job.owner, most_waiting)
                columns |= _resumed(job, changes) | {"order": self.clock()}
                note_state(connection, job_id, self.clock(), State.QUEUED, "resumed")
            return update_row(connection, job_id, revision, columns, self.clock())

    def describe(
        self,
        job_id: str,
        *,
        name: str | None = None,
        note: str | None = None,
        labels: Sequence[str] | None = None,
        shared: bool | None = None,
    ) -> Job:
        """Change what a job is called and who may look at it; what is None stays.

        Raises:
            NoSuchJob: there is none.
        """
        texts = {"name": name, "note": note, "labels": None if labels is None else list(labels), "shared": shared}
        columns = {key: value for key, value in texts.items() if value is not None}
        return self.update(job_id, **columns)

    def move(self, job_id: str, before: str) -> Job:
        """Change a waiting job's place in its owner's own queue.

        Args:
            job_id: of a job that waits.
            before: the job of the same owner that it is to come before; empty for the end of the queue.

        Raises:
            NoSuchJob: there is none, or `before` is no waiting job of the same owner.
            WrongState: it does not wait.
        """
        with self.database.writing() as connection:
            next_revision(connection)  # other writers wait
            job = job_row(connection, job_id)
            if job.state not in WAITING:
                raise WrongState(job.state, f"the job is {job.state}: only a job that waits has a place in the queue")
            query = select(JOBS).where(JOBS.c.owner == job.owner, JOBS.c.state.in_(WAITING)).order_by(JOBS.c.order)
            queue = [job_of(row) for row in connection.execute(query).mappings()]
            ids = [waiting.id for waiting in queue if waiting.id != job_id]
            if before and before not in ids:
                raise NoSuchJob(before)
            ids.insert(ids.index(before) if before else len(ids), job_id)
            for moved, order in zip(ids, sorted(waiting.order for waiting in queue), strict=True):
                update_row(connection, moved, next_revision(connection), {"order": order}, self.clock())
            return job_row(connection, job_id)

    def enter(self, job_id: str, state: State, reason: str = "", **columns: Any) -> Job:
        """Move a job to its next state: for the scheduler alone.

        Args:
            job_id: of a job.
            state: the next one.
            reason: why, one sentence.
            columns: what else changes.

        Raises:
            NoSuchJob: there is none.
            WrongState: the state cannot follow the job's.
        """
        with self.database.writing() as connection:
            return enter(connection, job_id, state, self.clock(), reason, **columns)

    def update(self, job_id: str, **columns: Any) -> Job:
        """Change columns of a job, but not its state.

        Raises:
            NoSuchJob: there is none.
        """
        with self.database.writing() as connection:
            return update_row(connection, job_id, next_revision(connection), columns, self.clock())

    def remove(self, job_id: str) -> None:
        """Remove a job's row and history; what its owner used stays in the attempts."""
        with self.database.writing() as connection:
            connection.execute(delete(HISTORY).where(HISTORY.c.job == job_id))
            connection.execute(delete(KEYS).where(KEYS.c.job == job_id))
            connection.execute(delete(JOBS).where(JOBS.c.id == job_id))


def _resumed(job: Job, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a job that is resumed."""
    settings = {name: changes[name] for name in _IN_SETTINGS if changes.get(name) is not None}
    if job.state is State.DONE and not settings:
        sentence = "the job is done: give more trials or more confirm for it to go further"
        raise WrongState(job.state, sentence)
    return {
        "state": State.QUEUED,
        "reason": "",
        "field": "",
        "idle_attempts": 0,
        "changes": {**job.changes, **settings},
        "workers": changes.get("workers") or job.workers,
    }


def _job_of_key(connection: Connection, owner: str, key: str) -> Job | None:
    query = select(JOBS).join(KEYS, KEYS.c.job == JOBS.c.id).where(KEYS.c.owner == owner, KEYS.c.key == key)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else job_of(row)


def _must_have_room(connection: Connection, owner: str, most: int | None) -> None:
    query = select(func.count()).select_from(JOBS).where(JOBS.c.owner == owner, JOBS.c.state.in_(WAITING))
    waiting = connection.execute(query).scalar_one()
    if most is not None and waiting >= most:
        raise QueueFull(f"{waiting} of your jobs wait, and {most} may: cancel one, or wait until one has started")
