"""Rows of the table of jobs, as parts of a transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.engine import RowMapping

from policysearch.service.database.tables import COUNTER, HISTORY, JOBS
from policysearch.service.job import NEXT_STATES, Intent, Job, State, WrongState


class NoSuchJob(LookupError):
    """There is no job of that id, or none that this user may see."""


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
    job = job_row(connection, job_id)
    if state not in NEXT_STATES[job.state]:
        raise WrongState(job.state, f"a job that is {job.state} cannot be {state} next")
    note_state(connection, job_id, now, state, reason)
    return update_row(connection, job_id, revision, {"state": state, "reason": reason, "field": "", **columns}, now)


def job_of(row: RowMapping) -> Job:
    """The job of a row."""
    columns = dict(row)
    intent = Intent(columns.pop("wanted"))
    state, labels = State(columns.pop("state")), tuple(columns.pop("labels"))
    return Job(**columns, state=state, intent=intent, labels=labels)


def columns_of(job: Job) -> dict[str, Any]:
    """The columns of a job."""
    columns = {column.name: getattr(job, column.name) for column in JOBS.columns if column.name != "wanted"}
    return {**columns, "labels": list(job.labels), "wanted": job.intent}


def job_row(connection: Connection, job_id: str) -> Job:
    """The job of that id, as the transaction sees it.

    Raises:
        NoSuchJob: there is none.
    """
    row = connection.execute(select(JOBS).where(JOBS.c.id == job_id)).mappings().one_or_none()
    if row is None:
        raise NoSuchJob(job_id)
    return job_of(row)


def update_row(connection: Connection, job_id: str, revision: int, columns: Mapping[str, Any], now: float) -> Job:
    """Change columns of a job as part of a transaction.

    Raises:
        NoSuchJob: there is none.
    """
    values = {**columns, "revision": revision, "changed": now}
    changed = update(JOBS).where(JOBS.c.id == job_id).values({JOBS.c[name]: value for name, value in values.items()})
    row = connection.execute(changed.returning(*JOBS.columns)).mappings().one_or_none()
    if row is None:
        raise NoSuchJob(job_id)
    return job_of(row)


def note_state(connection: Connection, job_id: str, now: float, state: State, reason: str) -> None:
    """Add a state to a job's history."""
    connection.execute(insert(HISTORY).values(job=job_id, time=now, state=state, reason=reason))
