"""The table of jobs. Every method is one short transaction, to be called from any thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, Text, cast, delete, func, insert, or_, select, update
from sqlalchemy.engine import RowMapping

from policysearch.service.database.accounts import Viewer
from policysearch.service.database.connection import Database
from policysearch.service.database.tables import COUNTER, HISTORY, JOBS, KEYS
from policysearch.service.ids import new_id
from policysearch.service.job import NEXT_STATES, Change, Intent, Job, State, WrongState, must_accept

_WAITING = (State.CHECKING, State.QUEUED)
_IN_SETTINGS = ("trials", "confirm")
"""Settings that a resume may change."""


class NoSuchJob(LookupError):
    """There is no job of that id, or none that this user may see."""


class QueueFull(RuntimeError):
    """The user has as many jobs waiting as a user may have; the message says how many."""


class Jobs:
    """The jobs of the service.

    Args:
        database: holds them.
        clock: gives seconds since the epoch.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self.database = database
        self.clock = clock

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
            connection.execute(insert(JOBS).values(**_columns(job)))
            _note(connection, job.id, now, job.state, "")
            if key:
                connection.execute(insert(KEYS).values(owner=owner, key=key, job=job.id, time=now))
            return job, True

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
            job = _job(connection, job_id)
        if not _may(viewer, job, to_change):
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
        query = _visible(select(JOBS), viewer).order_by(JOBS.c.id.desc()).limit(limit)
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

    def since(self, viewer: Viewer | None, revision: int, limit: int = 500) -> list[Job]:
        """Jobs that the viewer may see and that have changed after a revision, in the order of their changes."""
        query = _visible(select(JOBS), viewer).where(JOBS.c.revision > revision)
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

    def want(self, job_id: str, intent: Intent, **changes: Any) -> Job:
        """Write down what is wanted of a job; a resume also queues it.

        The same intent twice is accepted twice.

        Args:
            job_id: of a job.
            intent: what is wanted.
            changes: of a resume: `trials`, `confirm`, `workers`; those that are None stay as they are.

        Raises:
            NoSuchJob: there is none.
            WrongState: that makes no sense in the job's state.
        """
        with self.database.writing() as connection:
            revision = next_revision(connection)
            job = _job(connection, job_id)
            must_accept(job.state, intent)
            columns: dict[str, Any] = {"wanted": intent}
            if intent is Intent.RUN:
                columns |= _resumed(job, changes) | {"order": self.clock()}
                _note(connection, job_id, self.clock(), State.QUEUED, "resumed")
            return _update(connection, job_id, revision, columns, self.clock())

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
            job = _job(connection, job_id)
            if job.state not in _WAITING:
                raise WrongState(job.state, f"the job is {job.state}: only a job that waits has a place in the queue")
            query = select(JOBS).where(JOBS.c.owner == job.owner, JOBS.c.state.in_(_WAITING)).order_by(JOBS.c.order)
            queue = [job_of(row) for row in connection.execute(query).mappings()]
            ids = [waiting.id for waiting in queue if waiting.id != job_id]
            if before and before not in ids:
                raise NoSuchJob(before)
            ids.insert(ids.index(before) if before else len(ids), job_id)
            for moved, order in zip(ids, sorted(waiting.order for waiting in queue), strict=True):
                _update(connection, moved, next_revision(connection), {"order": order}, self.clock())
            return _job(connection, job_id)

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
            return _update(connection, job_id, next_revision(connection), columns, self.clock())

    def remove(self, job_id: str) -> None:
        """Remove a job's row and history; what its owner used stays in the attempts."""
        with self.database.writing() as connection:
            connection.execute(delete(HISTORY).where(HISTORY.c.job == job_id))
            connection.execute(delete(KEYS).where(KEYS.c.job == job_id))
            connection.execute(delete(JOBS).where(JOBS.c.id == job_id))

    def _all(self, query: Select[Any]) -> list[Job]:
        with self.database.reading() as connection:
            return [job_of(row) for row in connection.execute(query).mappings()]


def next_revision(connection: Connection) -> int:
    """Take the next revision; other writers wait until this transaction has ended, so that numbers appear in order."""
    grown = update(COUNTER).where(COUNTER.c.name == "jobs").values(value=COUNTER.c.value + 1)
    return int(connection.execute(grown.returning(COUNTER.c.value)).scalar_one())


def enter(connection: Connection, job_id: str, state: State, now: float, reason: str = "", **columns: Any) -> Job:
    """Move a job to its next state as part of a transaction.

    Raises:
        NoSuchJob: there is none.
        WrongState: the state cannot follow the job's.
    """
    revision = next_revision(connection)
    job = _job(connection, job_id)
    if state not in NEXT_STATES[job.state]:
        raise WrongState(job.state, f"a job that is {job.state} cannot be {state} next")
    _note(connection, job_id, now, state, reason)
    return _update(connection, job_id, revision, {"state": state, "reason": reason, "field": "", **columns}, now)


def job_of(row: RowMapping) -> Job:
    """The job of a row."""
    columns = dict(row)
    intent = Intent(columns.pop("wanted"))
    state, labels = State(columns.pop("state")), tuple(columns.pop("labels"))
    return Job(**columns, state=state, intent=intent, labels=labels)


def _columns(job: Job) -> dict[str, Any]:
    columns = {column.name: getattr(job, column.name) for column in JOBS.columns if column.name != "wanted"}
    return {**columns, "labels": list(job.labels), "wanted": job.intent}


def _job(connection: Connection, job_id: str) -> Job:
    row = connection.execute(select(JOBS).where(JOBS.c.id == job_id)).mappings().one_or_none()
    if row is None:
        raise NoSuchJob(job_id)
    return job_of(row)


def _update(connection: Connection, job_id: str, revision: int, columns: Mapping[str, Any], now: float) -> Job:
    values = {**columns, "revision": revision, "changed": now}
    changed = update(JOBS).where(JOBS.c.id == job_id).values({JOBS.c[name]: value for name, value in values.items()})
    row = connection.execute(changed.returning(*JOBS.columns)).mappings().one_or_none()
    if row is None:
        raise NoSuchJob(job_id)
    return job_of(row)


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
    query = select(func.count()).select_from(JOBS).where(JOBS.c.owner == owner, JOBS.c.state.in_(_WAITING))
    waiting = connection.execute(query).scalar_one()
    if most is not None and waiting >= most:
        raise QueueFull(f"{waiting} of your jobs wait, and {most} may: cancel one, or wait until one has started")


def _note(connection: Connection, job_id: str, now: float, state: State, reason: str) -> None:
    connection.execute(insert(HISTORY).values(job=job_id, time=now, state=state, reason=reason))


def _visible(query: Select[Any], viewer: Viewer | None) -> Select[Any]:
    if viewer is None or viewer.is_admin:
        return query
    return query.where(or_(JOBS.c.owner == viewer.name, JOBS.c.shared))


def _may(viewer: Viewer | None, job: Job, to_change: bool) -> bool:
    if viewer is None or viewer.is_admin or job.owner == viewer.name:
        return True
    return job.shared and not to_change
