"""Changes in the table of jobs, asked for once for all who watch."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from itertools import islice

from anyio.to_thread import run_sync

from policysearch.service.database.connection import DatabaseAway
from policysearch.service.database.viewer import Viewer
from policysearch.service.job import Job, State
from policysearch.service.web.event_lines import message
from policysearch.service.web.feeds import Signal
from policysearch.service.web.job_json import Waiting, summary
from policysearch.service.web.state import ServiceState

_log = logging.getLogger("policysearch.service")

PERIOD = 0.5
"""Seconds between two looks at the table."""
_REMEMBERED = 2_000
_AFTER_ERROR = 10.0
_PAGE = 200
"""Jobs that are asked for at a time."""


@dataclass(frozen=True)
class Row:
    """One change of one job.

    Attributes:
        job_id: of the job.
        owner, shared: who may see it.
        revision: of the change; 0 where only the position in the queue has changed.
        data: the change as an event of the list.
        plain: the same without an id, for the job's own stream.
        gone: whether the job is being deleted.
    """

    job_id: str
    owner: str
    shared: bool
    revision: int
    data: bytes
    plain: bytes
    gone: bool

    def visible_to(self, viewer: Viewer) -> bool:
        """Whether somebody may see the job."""
        return viewer.is_admin or self.shared or viewer.name == self.owner


class Changes:
    """Follows the table of jobs while somebody watches.

    Args:
        service: whose jobs they are.

    Attributes:
        begun: set when the table is followed.
        news: given when there are new rows.
        count: how many rows there have been.
    """

    def __init__(self, service: ServiceState) -> None:
        self.begun = asyncio.Event()
        self.news = Signal()
        self.count = 0
        self._rows: deque[Row] = deque(maxlen=_REMEMBERED)
        self._service = service
        self._revision = 0
        self._waiting: Waiting = {}

    async def follow(self, note: Callable[[Row], None]) -> None:
        """Look again and again, until cancelled; a database that is away is waited for.

        Args:
            note: called with each row.
        """
        while True:
            try:
                if self.begun.is_set():
                    self._add(await run_sync(self._look), note)
                else:
                    await run_sync(self._begin)
                    self.begun.set()
            except DatabaseAway:
                pass  # what has changed meanwhile is seen when it is back
            except Exception as error:
                _log.error("changes of jobs cannot be followed", exc_info=error)
                await asyncio.sleep(_AFTER_ERROR)
            await asyncio.sleep(PERIOD)

    def _begin(self) -> None:
        """Take what is now as known."""
        self._revision = self._service.jobs.revision()
        self._waiting = dict(self._service.scheduler.waiting())

    def _add(self, rows: list[Row], note: Callable[[Row], None]) -> None:
        for row in rows:
            note(row)
        self._rows.extend(rows)
        self.count += len(rows)
        if rows:
            self.news.give()

    def _look(self) -> list[Row]:
        """Changed jobs, and jobs whose place in the queue has changed without a change of their own."""
        waiting = dict(self._service.scheduler.waiting())
        jobs = self._service.jobs.since(None, self._revision)
        rows = [row_of(job, waiting, job.revision) for job in jobs]
        self._revision = max((job.revision for job in jobs), default=self._revision)
        before, self._waiting = self._waiting, waiting
        moved = {job_id for job_id in waiting if waiting[job_id] != before.get(job_id)} - {job.id for job in jobs}
        if moved:
            rows += [row_of(job, waiting, 0) for job in self._service.jobs.of(moved)]
        return rows

    def after(self, count: int) -> list[Row] | None:
        """The rows after so many; None where some of them are forgotten already."""
        missing = self.count - count
        if missing > len(self._rows):
            return None
        return list(islice(self._rows, len(self._rows) - missing, None))

    async def since(self, viewer: Viewer, revision: int) -> AsyncIterator[bytes]:
        """What has changed after a revision, from the table itself."""
        while jobs := await run_sync(self._service.jobs.since, viewer, revision, _PAGE):
            waiting = self._service.scheduler.waiting()
            yield b"".join(row_of(job, waiting, job.revision).data for job in jobs)
            revision = jobs[-1].revision


def row_of(job: Job, waiting: Waiting, revision: int) -> Row:
    """A change as all watchers get it."""
    fields = summary(job, waiting)
    plain = message("job", fields)
    data = message("job", fields, revision) if revision else plain
    return Row(job.id, job.owner, job.shared, revision, data, plain, job.state is State.DELETING)
