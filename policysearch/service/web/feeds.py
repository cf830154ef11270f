"""What watchers watch: each log is read once, and its events are made into bytes once, for all of them."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from functools import partial
from pathlib import Path

from anyio.to_thread import run_sync

from policysearch.service.web.event_lines import Block, read_block

PERIOD = 0.2
"""Seconds between two looks at a log."""
_BETWEEN_MERGED = 0.5
"""Seconds between two events of a kind that is merged, at least."""
_REMEMBERED = 8
"""Blocks that are kept for watchers; who is further behind reads the log."""


class Signal:
    """Wakes all who wait for the next news."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def give(self) -> None:
        """Wake them; who waits from now on waits for the next."""
        event, self._event = self._event, asyncio.Event()
        event.set()

    async def wait(self, seconds: float) -> bool:
        """Wait for the next news; False where none came in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
                return True
        return False


class Feed:
    """The event log of one job, and its state in the table of jobs.

    Args:
        path: of the log.

    Attributes:
        news: given when there is more.
        state: the last change of the job as an event.
        changes: how many changes there were.
        gone: whether the job is being deleted.
        watchers: how many watch.
    """

    def __init__(self, path: Path) -> None:
        self.news = Signal()
        self.state = b""
        self.changes = 0
        self.gone = False
        self.watchers = 0
        self._path = path
        self._end = 0
        self._blocks: deque[Block] = deque(maxlen=_REMEMBERED)

    async def follow(self) -> None:
        """Read the log as it grows, until cancelled."""
        merged_at = 0.0
        while True:
            may_merge = time.monotonic() - merged_at >= _BETWEEN_MERGED
            try:
                block = await run_sync(partial(read_block, self._path, self._end, merged=may_merge))
            except OSError:  # of a disk that may be back
                block = Block(self._end, self._end)
            if block.end != self._end:
                self._end = block.end
                self._blocks.append(block)
                self.news.give()
            if block.merges:
                merged_at = time.monotonic()
            if not block.full:
                await asyncio.sleep(PERIOD)

    def change(self, state: bytes, *, gone: bool) -> None:
        """Note a change of the job."""
        self.state, self.gone = state, gone
        self.changes += 1
        self.news.give()

    async def after(self, place: int) -> Block | None:
        """The next events after a place; None where there are none yet."""
        for block in self._blocks:
            if block.start == place:
                return block
        return await run_sync(read_block, self._path, place) if place < self._end else None
