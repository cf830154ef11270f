"""Streams of events to browsers and programs: who watches what, how many may, and how they end."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from time import monotonic

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from policysearch.service.database.viewer import Viewer
from policysearch.service.web.changes import Changes, Row
from policysearch.service.web.event_lines import message
from policysearch.service.web.feeds import Feed
from policysearch.service.web.problem import Problem
from policysearch.service.web.state import ServiceState

_SILENCE = 15.0
"""Seconds after which a comment is sent, so that nobody on the way takes the stream for dead."""
_COMMENT = b": still here\n\n"
_OLDEST = 600.0
"""Seconds after which a stream ends: the browser comes again, and whether it may is asked again."""
_RETRY = (500, 4000)
"""Milliseconds until a browser comes again: not all at once."""
_PATIENCE = 5.0
"""Seconds that the database may take to answer."""
BYE = message("bye", {})


class Streams:
    """All streams of the server. To be used in the thread of the event loop alone.

    Args:
        service: whose jobs are watched.

    Attributes:
        closing: whether all streams are to end.
        changes: of the table of jobs.
    """

    def __init__(self, service: ServiceState) -> None:
        self.closing = False
        self.changes = Changes(service)
        self._service = service
        self._watchers: Counter[str] = Counter()
        self._feeds: dict[str, tuple[Feed, asyncio.Task[None]]] = {}
        self._following: asyncio.Task[None] | None = None

    @property
    def count(self) -> int:
        """How many streams there are."""
        return self._watchers.total()

    def of_user(self, viewer: Viewer) -> int:
        """How many streams somebody has open."""
        return self._watchers[viewer.name]

    async def admit(self, viewer: Viewer) -> Callable[[], None]:
        """Count a stream; the first one makes the table of jobs be followed.

        Returns:
            What is to be called when the stream has ended.

        Raises:
            Problem: 429, there are too many; 503, the server is ending or its database does not answer.
        """
        self._must_have_room(viewer)
        self._watchers[viewer.name] += 1
        if self._following is None:
            self._following = asyncio.create_task(self.changes.follow(self._note))
        try:
            async with asyncio.timeout(_PATIENCE):
                await self.changes.begun.wait()
        except BaseException as error:
            self._leave(viewer)
            if isinstance(error, TimeoutError):
                raise _unavailable("the service's database does not answer: try again in a minute") from None
            raise
        return lambda: self._leave(viewer)

    def _must_have_room(self, viewer: Viewer) -> None:
        limits = self._service.limits
        if self.closing:
            raise _unavailable("the server is ending: try again in a few seconds")
        if self._watchers[viewer.name] >= limits.user_streams:
            raise _too_many(f"you have {limits.user_streams} live pages open, and no more may be: close one")
        if self.count >= limits.streams:
            raise _too_many(f"{limits.streams} live pages are open on this server, and no more may be: try again later")

    def _leave(self, viewer: Viewer) -> None:
        self._watchers[viewer.name] -= 1
        if self.count == 0 and self._following is not None:
            self._following.cancel()
            self._following = None
            self.changes.begun.clear()

    def join(self, job_id: str) -> Feed:
        """The feed of a job, for one more watcher."""
        if job_id not in self._feeds:
            feed = Feed(self._service.folder.job(job_id).events)
            self._feeds[job_id] = (feed, asyncio.create_task(feed.follow()))
        feed = self._feeds[job_id][0]
        feed.watchers += 1
        return feed

    def part(self, job_id: str) -> None:
        """A watcher of a job's feed has left; the feed that nobody watches ends."""
        feed, task = self._feeds[job_id]
        feed.watchers -= 1
        if feed.watchers == 0:
            del self._feeds[job_id]
            task.cancel()

    def close(self) -> None:
        """End all streams, each with `event: bye`."""
        self.closing = True
        self.changes.news.give()
        for feed, _ in self._feeds.values():
            feed.news.give()

    def _note(self, row: Row) -> None:
        """Hand a change of a job to those who watch that job."""
        if row.job_id in self._feeds:
            self._feeds[row.job_id][0].change(row.plain, gone=row.gone)


class EventStream(StreamingResponse):
    """A stream of events.

    Args:
        events: the events as bytes.
        leave: called when the stream has ended, however it ended.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[bytes], leave: Callable[[], None]) -> None:
        super().__init__(events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()


async def events_of_job(streams: Streams, feed: Feed, first: bytes, changes: int, place: int) -> AsyncIterator[bytes]:
    """The events of one job, and the changes of its row.

    Args:
        streams: all streams.
        feed: of the job.
        first: the job as it is now, as an event.
        changes: how many changes the feed had seen before `first` was asked for.
        place: the id of the last event that the watcher knows, or 0.
    """
    end = monotonic() + _OLDEST
    yield _retry() + first
    while not streams.closing and not feed.gone and monotonic() < end:
        data = b""
        if feed.changes != changes:
            changes, data = feed.changes, feed.state
        block = await feed.after(place)
        if block is not None:
            place, data = block.end, data + block.data
        if data:
            yield data
        elif block is None and not await feed.news.wait(_SILENCE):
            yield _COMMENT
    if streams.closing or feed.gone:
        yield feed.state * feed.gone + BYE


async def events_of_list(streams: Streams, viewer: Viewer, revision: int | None) -> AsyncIterator[bytes]:
    """The changes of all jobs that somebody may see.

    Args:
        streams: all streams.
        viewer: who watches.
        revision: the last change that the watcher knows; None: what is now.
    """
    changes = streams.changes
    end = monotonic() + _OLDEST
    count = changes.count
    yield _retry()
    if revision is not None:
        async for data in changes.since(viewer, revision):
            yield data
    while not streams.closing and monotonic() < end:
        rows, count = changes.after(count), changes.count
        if rows is None:  # a watcher who was too slow comes again with the last id, and is given what is missing
            return
        data = b"".join(row.data for row in rows if row.visible_to(viewer))
        if data:
            yield data
        elif not await changes.news.wait(_SILENCE):
            yield _COMMENT
    if streams.closing:
        yield BYE


def _retry() -> bytes:
    return b"retry: %d\n\n" % random.randint(*_RETRY)


def _too_many(sentence: str) -> Problem:
    return Problem(429, "too_many_streams", sentence, headers={"Retry-After": "10"})


def _unavailable(sentence: str) -> Problem:
    return Problem(503, "unavailable", sentence, headers={"Retry-After": "5"})
