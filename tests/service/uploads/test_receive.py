"""An upload on its way: counted, hashed, and given up where it is too large, too slow or cut off."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from policysearch.core.errors import UserError
from policysearch.service.uploads.formats import FORMATS, format_of
from policysearch.service.uploads.receive import Pace, TooLarge, TooSlow, receive


async def body(*chunks, stall=False):
    for chunk in chunks:
        yield chunk
    if stall:
        await asyncio.Event().wait()


class Clock:
    """Seconds that pass by as many as each look takes."""

    def __init__(self, step):
        self.now, self.step = 0.0, step

    def __call__(self):
        self.now += self.step
        return self.now


def test_what_has_come(tmp_path):
    came = asyncio.run(receive(body(b"ab", b"", b"c"), tmp_path / "x", 3))
    assert (came.size, came.digest) == (3, hashlib.sha256(b"abc").hexdigest())
    assert (tmp_path / "x").read_bytes() == b"abc"


def test_one_byte_too_many_ends_it(tmp_path):
    with pytest.raises(TooLarge, match="3 bytes"):
        asyncio.run(receive(body(b"ab", b"cd", stall=True), tmp_path / "x", 3))
    assert not list(tmp_path.iterdir())


def test_a_client_that_pauses_is_given_up(tmp_path):
    with pytest.raises(TooSlow, match=r"nothing came for 0\.05 s"):
        asyncio.run(receive(body(b"ab", stall=True), tmp_path / "x", 10**9, Pace(pause=0.05)))
    assert not list(tmp_path.iterdir())


def test_a_client_that_dribbles_is_given_up(tmp_path):
    dribble = body(*[b"x"] * 100)
    with pytest.raises(TooSlow, match="faster connection"):
        asyncio.run(receive(dribble, tmp_path / "x", 10**9, Pace(grace=45, rate=10_000), Clock(step=1.0)))
    assert not list(tmp_path.iterdir())


def test_a_connection_that_breaks_leaves_nothing(tmp_path):
    async def broken():
        yield b"ab"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        asyncio.run(receive(broken(), tmp_path / "x", 10**9))
    assert not list(tmp_path.iterdir())


def test_formats():
    assert {format_of(f"{media.upper()}; charset=x") for media in FORMATS} == {"zip", "npz", "parquet"}
    for media in ("", "text/plain", "multipart/form-data; boundary=x", "application/zip2"):
        with pytest.raises(UserError, match="Content-Type"):
            format_of(media)
