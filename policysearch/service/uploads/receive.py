"""An upload on its way to the disk: hashed and counted as it comes, and given up where it is too large or too slow."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from policysearch.core.errors import UserError


class TooLarge(UserError):
    """An upload of more bytes than are taken."""


class TooSlow(UserError):
    """An upload of which too little comes in its time."""


@dataclass(frozen=True)
class Pace:
    """How slow an upload may be.

    Attributes:
        pause: seconds that nothing may come.
        grace: seconds after which the mean rate counts.
        rate: bytes per second, the least mean rate.
    """

    pause: float = 30.0
    grace: float = 45.0
    rate: float = 10_000.0


@dataclass(frozen=True)
class Received:
    """What has come.

    Attributes:
        size: bytes.
        digest: SHA-256, hexadecimal.
    """

    size: int
    digest: str


async def receive(
    chunks: AsyncIterator[bytes],
    file: Path,
    most: int,
    pace: Pace | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Received:
    """Write an upload to a file; the file is removed again where it does not come whole.

    Args:
        chunks: of the body, as they come.
        file: a new one.
        most: bytes that are taken.
        pace: how slow it may be.
        clock: gives seconds.

    Raises:
        TooLarge: more than `most` bytes came.
        TooSlow: too little came in its time.
        OSError: the file cannot be written.
    """
    pace = pace or Pace()
    digest, size = hashlib.sha256(), 0
    begun = clock()
    try:
        with file.open("xb") as out:
            async for chunk in _in_time(chunks, pace.pause):
                size += len(chunk)
                if size > most:
                    raise too_large(most)
                seconds = clock() - begun
                if seconds > pace.grace and size < pace.rate * seconds:
                    raise TooSlow(f"only {size:,} bytes came in {seconds:.0f} s: send it over a faster connection")
                digest.update(chunk)
                # A write may wait for the disk, which other requests need not.
                await asyncio.to_thread(out.write, chunk)
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    return Received(size, digest.hexdigest())


def too_large(most: int) -> TooLarge:
    """The error for an upload of more bytes than are taken."""
    return TooLarge(f"an upload may have {most:,} bytes, and this one has more")


async def _in_time(chunks: AsyncIterator[bytes], pause: float) -> AsyncIterator[bytes]:
    while True:
        try:
            yield await asyncio.wait_for(anext(chunks), pause)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise TooSlow(f"nothing came for {pause:g} s: send it again") from None
