"""Starts and ends of jobs: what each used, and whether its place was at fault. Written by the scheduler alone."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from sqlalchemy import delete, insert, or_, select, update

from policysearch.service.database.connection import Database
from policysearch.service.database.job_rows import enter
from policysearch.service.database.tables import ATTEMPTS, PLACES
from policysearch.service.job import Job, State

DAY = 24 * 3600.0
FAULTS = 3
"""A place whose last so many starts failed is closed."""


class Attempts:
    """The starts of all jobs; each method is one transaction together with the change of the job's state.

    Args:
        database: holds them.
        clock: gives seconds since the epoch.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def start(self, job: Job, place: str) -> Job:
        """Book the next attempt of a job, before its process is made."""
        now, attempt = self._clock(), job.attempt + 1
        with self._database.writing() as connection:
            columns = {"attempt": attempt, "place": place, "started": now, "ended": None}
            entered = enter(connection, job.id, State.STARTING, now, f"attempt {attempt} at {place}", **columns)
            row = {"job": job.id, "attempt": attempt, "owner": job.owner, "place": place, "workers": job.workers}
            connection.execute(insert(ATTEMPTS).values(**row, started=now, end="", reason="", at_fault=False))
            return entered

    def end(
        self, job: Job, state: State, reason: str = "", *, again: str = "", at_fault: bool = False, **columns: Any
    ) -> Job:
        """Book the end of a job's attempt.

        Args:
            job: as it was last seen.
            state: what it is now.
            reason: why, one sentence.
            again: why it is queued again at once, as its next state; empty if it is not.
            at_fault: whether the place failed, rather than the job.
            columns: what else changes in the job.
        """
        now = self._clock()
        with self._database.writing() as connection:
            entered = enter(connection, job.id, state, now, reason, **{"ended": now, **columns})
            ended = {"ended": now, "end": state, "reason": reason, "at_fault": at_fault}
            connection.execute(_attempt(job).values(**ended))
            return enter(connection, job.id, State.QUEUED, now, again) if again else entered

    def spent(self) -> dict[str, float]:
        """Worker-seconds of each user in the last 24 hours."""
        now = self._clock()
        used = (ATTEMPTS.c.owner, ATTEMPTS.c.workers, ATTEMPTS.c.started, ATTEMPTS.c.ended)
        query = select(*used).where(or_(ATTEMPTS.c.ended.is_(None), ATTEMPTS.c.ended > now - DAY))
        spent: dict[str, float] = defaultdict(float)
        with self._database.reading() as connection:
            for row in connection.execute(query).mappings():
                end = now if row["ended"] is None else row["ended"]
                spent[row["owner"]] += row["workers"] * max(0.0, end - max(row["started"], now - DAY))
        return dict(spent)

    def worker_seconds(self, job_id: str) -> float:
        """Worker-seconds of a job, all attempts."""
        query = select(ATTEMPTS).where(ATTEMPTS.c.job == job_id)
        now = self._clock()
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return float(sum(int(row["workers"]) * max(0.0, (row["ended"] or now) - row["started"]) for row in rows))

    def closed(self, place: str) -> str:
        """Why a place is closed: its last starts failed since it was opened last. Empty if it is open."""
        with self._database.reading() as connection:
            opened = connection.execute(select(PLACES.c.opened).where(PLACES.c.name == place)).scalar_one_or_none()
            ended = (ATTEMPTS.c.place == place, ATTEMPTS.c.ended.is_not(None), ATTEMPTS.c.started > (opened or 0.0))
            last = select(ATTEMPTS).where(*ended).order_by(ATTEMPTS.c.started.desc()).limit(FAULTS)
            rows = connection.execute(last).mappings().all()
        if len(rows) < FAULTS or not all(row["at_fault"] for row in rows):
            return ""
        return f"its last {FAULTS} starts failed, the last one because {rows[0]['reason']}"

    def open(self, place: str) -> None:
        """Open a place that was closed."""
        with self._database.writing() as connection:
            connection.execute(delete(PLACES).where(PLACES.c.name == place))
            connection.execute(insert(PLACES).values(name=place, opened=self._clock()))


def _attempt(job: Job) -> Any:
    return update(ATTEMPTS).where(ATTEMPTS.c.job == job.id, ATTEMPTS.c.attempt == job.attempt)
