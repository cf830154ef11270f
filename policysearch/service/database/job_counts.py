"""Numbers about the table of jobs."""

from __future__ import annotations

from sqlalchemy import func, select

from policysearch.service.database.connection import Database
from policysearch.service.database.tables import JOBS
from policysearch.service.job import WAITING, State


def count_by_state(database: Database, owner: str | None = None) -> dict[State, int]:
    """How many jobs are in each state, of one user or of all; states without a job are left out."""
    query = select(JOBS.c.state, func.count()).group_by(JOBS.c.state)
    if owner is not None:
        query = query.where(JOBS.c.owner == owner)
    with database.reading() as connection:
        return {State(state): count for state, count in connection.execute(query)}


def ids_of(database: Database, owner: str) -> list[str]:
    """The ids of one user's jobs."""
    with database.reading() as connection:
        return list(connection.execute(select(JOBS.c.id).where(JOBS.c.owner == owner)).scalars())


def oldest_waiting(database: Database) -> float | None:
    """When the job was last changed that has waited longest, in seconds since the epoch; None where none waits."""
    query = select(func.min(JOBS.c.changed)).where(JOBS.c.state.in_(WAITING))
    with database.reading() as connection:
        time: float | None = connection.execute(query).scalar_one()
    return time


def pulls_done(database: Database) -> int:
    """Pulls of all jobs that are in the table, as they last reported them."""
    with database.reading() as connection:
        rows = connection.execute(select(JOBS.c.progress)).scalars()
        return sum(int(progress.get("done") or 0) for progress in rows)
