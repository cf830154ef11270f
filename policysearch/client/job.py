"""A job of a service: followed, ended, resumed, and its files."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from policysearch.client.errors import JobFailed, JobRefused, NotThere, Refused, WaitedTooLong
from policysearch.client.event_stream import QUIET, SILENCE, Event, Stream
from policysearch.client.http import must_be_whole
from policysearch.client.resource import Resource
from policysearch.core.files import replacing

if TYPE_CHECKING:
    from policysearch.policy.policy import Policy

OnEvent = Callable[[Event], object]

_ENDS = frozenset({"done", "stopped", "cancelled"})
_FAILURES = frozenset({"failed", "interrupted", "deleting"})
_ONLY_FOR_A_MOMENT = 10.0
"""Seconds after which a job that was interrupted is not going to be queued again by itself."""
_PIECE = 1 << 18


class Job(Resource):
    """A search, calibration or evaluation in a service.

    Args:
        transport: reaches the service.
        resource_id: its id.

    Attributes:
        id: its id.
    """

    noun = "a job"
    collection = "searches"

    def wait(self, timeout: float | None = None, on_event: OnEvent | None = None) -> str:
        """Wait until it rests; the service may be killed and started again meanwhile.

        Args:
            timeout: seconds; None for as long as it takes.
            on_event: called with every event.

        Returns:
            "done"; or "stopped" or "cancelled", where somebody ended it.

        Raises:
            JobRefused: its settings were refused when they were tried.
            JobFailed: it failed, or was interrupted too often.
            WaitedTooLong: it does not rest yet; it goes on.
        """
        end = None if timeout is None else time.monotonic() + timeout
        stream = Stream(
            self._transport,
            f"{self._path}/events",
            pause=lambda seconds: _sleep(seconds, end),
            patience=lambda: SILENCE if end is None else min(SILENCE, max(0.01, end - time.monotonic())),
        )
        interrupted_at = 0.0
        for event in stream.events():
            _must_have_time(end)
            if on_event is not None and event.kind != QUIET:
                on_event(event)
            if event.kind == "job":
                state = str(event.fields.get("state", ""))
                if state != "interrupted":
                    interrupted_at = 0.0
                elif not interrupted_at:
                    interrupted_at = time.monotonic()
                self._must_not_have_failed(event.fields, last=False)
                if state in _ENDS:
                    # A state may be heard of before the events that led to it.
                    if on_event is not None:
                        self._tell_the_rest(stream.last, on_event)
                    return state
            if interrupted_at and time.monotonic() > interrupted_at + _ONLY_FOR_A_MOMENT:
                self._must_not_have_failed(self.info(), last=True)
        raise AssertionError("a stream has no end")

    def _tell_the_rest(self, after: int, on_event: OnEvent) -> None:
        """Call with the events behind a place in the job's log, as they are now."""
        headers = {"Range": f"bytes={after}-"}
        try:
            with self._transport.answer("GET", f"{self._path}/files/events.jsonl", headers=headers) as response:
                lines = response.read().splitlines(keepends=True)
        except (NotThere, Refused):  # there are none
            return
        for line in lines:
            after += len(line)
            fields = _object(line)
            if fields is not None:
                on_event(Event(after, str(fields.get("kind", "")), fields))

    def _must_not_have_failed(self, fields: dict[str, Any], *, last: bool) -> None:
        state = str(fields.get("state", ""))
        reason = str(fields.get("reason") or "")
        if state == "refused":
            raise JobRefused(reason or f"the settings of job {self.id} were refused", str(fields.get("field") or ""))
        if state in _FAILURES and (last or state != "interrupted"):
            raise JobFailed(f"job {self.id} is {state}" + (f": {reason}" if reason else ""), state)

    def stop(self) -> None:
        """Let the pulls in flight end, and begin no more."""
        self._act("stop")

    def cancel(self) -> None:
        """Interrupt it; what has ended is kept."""
        self._act("cancel")

    def resume(self, trials: int | None = None, confirm: int | None = None, workers: int | None = None) -> None:
        """Go on with it, or further.

        Args:
            trials: pulls of the search in all.
            confirm: fresh replicates of the finalists in all.
            workers: how many from now on.
        """
        changes = {"trials": trials, "confirm": confirm, "workers": workers}
        self._act("resume", {name: value for name, value in changes.items() if value is not None})

    def delete(self) -> None:
        """Delete it with all its files, once it rests."""
        self._transport.json("DELETE", self._path)

    def describe(self, **changes: Any) -> None:
        """Change its `name`, `note`, `labels`, or whether it is `shared`."""
        self._transport.json("PATCH", self._path, changes)

    def _act(self, action: str, changes: dict[str, Any] | None = None) -> None:
        self._transport.json("POST", f"{self._path}/{action}", changes)

    def files(self) -> dict[str, int]:
        """Its files that can be downloaded now, with their sizes in bytes."""
        content = self._transport.json("GET", f"{self._path}/files")
        return {str(row["name"]): int(row["bytes"]) for row in content["files"]}

    def read(self, name: str) -> bytes:
        """What is in one of its files.

        Args:
            name: as `files` lists it.
        """
        with self._transport.answer("GET", f"{self._path}/files/{_file_name(name)}") as response:
            return response.read()

    def download(self, name: str, path: str | Path) -> Path:
        """Save one of its files.

        Args:
            name: as `files` lists it.
            path: a file, which is replaced, or a folder.

        Returns:
            The file.

        Raises:
            ServiceAway: the service ended in the middle; a file that was there before is as it was.
        """
        target = Path(path)
        target = target / name if target.is_dir() else target
        with (
            self._transport.answer("GET", f"{self._path}/files/{_file_name(name)}") as response,
            replacing(target) as partial,
            partial.open("wb") as out,
        ):
            while data := response.read(_PIECE):
                out.write(data)
            must_be_whole(response)
        return target

    def policy(self) -> Policy:
        """The policy that a search found."""
        from policysearch.policy.policy import Policy

        try:
            content = self.read("policy.json")
        except NotThere:
            raise NotThere(f"job {self.id} has no policy.json: it is {self.state}") from None
        return Policy.from_dict(json.loads(content), f"policy.json of job {self.id}")

    def trials(self) -> list[dict[str, Any]]:
        """All trainings so far, as rows of trials.csv; numbers are numbers, what is missing None."""
        rows = csv.DictReader(io.StringIO(self.read("trials.csv").decode("utf-8"), newline=""))
        return [{name: _value(text) for name, text in row.items()} for row in rows]


def _object(line: bytes) -> dict[str, Any] | None:
    """What a line of the log holds, or None for one that was cut off."""
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


def _file_name(name: str) -> str:
    if not all(letter.isalnum() or letter in "._-" for letter in name) or not name.isascii():
        raise NotThere(f"there is no file {name[:80]!r}")
    return name


def _value(text: str | None) -> Any:
    if not text:
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _must_have_time(end: float | None) -> None:
    if end is not None and time.monotonic() >= end:
        raise WaitedTooLong("the job did not rest in the time that was given; it goes on")


def _sleep(seconds: float, end: float | None) -> None:
    left = seconds if end is None else min(seconds, end - time.monotonic())
    time.sleep(max(left, 0.0))
    _must_have_time(end)
