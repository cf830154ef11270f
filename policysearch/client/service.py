"""A service of this program, as programs use it."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from policysearch.client.archive import upload_of
from policysearch.client.data_set import DataSet
from policysearch.client.http import Transport
from policysearch.client.job import Job
from policysearch.core.errors import UserError

DEFAULT_URL = "http://127.0.0.1:8800"

_CHECK_SECONDS = 150.0
"""The service takes up to 120 s to try settings, and a second request would make it try them twice."""


class Service:
    """A running `policysearch serve`.

    Args:
        url: its address; by default POLICYSEARCH_SERVER, or this machine.
        token: that says who asks; by default POLICYSEARCH_TOKEN.
        timeout: seconds that an answer may take.

    Example:
        >>> from policysearch.client import Service
        >>> service = Service("http://127.0.0.1:8800", "ps_...")
        >>> run = service.search(data="fashion-small", trials=40)  # doctest: +SKIP
        >>> run.wait()  # doctest: +SKIP
        'done'
        >>> run.policy().save("policy.json")  # doctest: +SKIP
    """

    def __init__(self, url: str | None = None, token: str | None = None, timeout: float = 60.0) -> None:
        self._transport = Transport(
            url or os.environ.get("POLICYSEARCH_SERVER") or DEFAULT_URL,
            os.environ.get("POLICYSEARCH_TOKEN", "") if token is None else token,
            timeout,
        )

    @property
    def url(self) -> str:
        return self._transport.url

    def search(self, **settings: Any) -> Job:
        """Begin a search.

        Args:
            settings: those of `policysearch search`, as `trials=40`; what trains a child is in `recipe`, a dict. `data`
                may be a `DataSet`, `calibrated` a `Job`, `space` the path of a space file.

        Raises:
            Refused: a setting is wrong; `fields` has a sentence for each.
        """
        return self._add("search", settings)

    def calibrate(self, **settings: Any) -> Job:
        """Begin a calibration.

        Args:
            settings: those of `policysearch calibrate`.

        Raises:
            Refused: a setting is wrong.
        """
        return self._add("calibrate", settings)

    def evaluate(self, policy: str | Job, **settings: Any) -> Job:
        """Begin an evaluation on the test part.

        Args:
            policy: a search that is done, its id, or a preset.
            settings: those of `policysearch evaluate`.

        Raises:
            Refused: a setting is wrong.
        """
        return self._add("evaluate", {"policy": policy, **settings})

    def check(self, kind: str = "search", **settings: Any) -> dict[str, Any]:
        """What a job would cost, as far as it is known; nothing is begun.

        Raises:
            Refused: a setting is wrong.
        """
        content: dict[str, Any] = self._transport.json(
            "POST", "/searches/check", _plain(settings), query={"kind": kind}, timeout=_CHECK_SECONDS, tries=1
        )
        return content

    def _add(self, kind: str, settings: dict[str, Any]) -> Job:
        # Sent again after an answer that was lost, the same key gives the same job.
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        content = self._transport.json("POST", "/searches", _plain(settings), query={"kind": kind}, headers=headers)
        return Job(self._transport, content["id"])

    def job(self, job_id: str) -> Job:
        """A job by its id."""
        return Job(self._transport, job_id)

    def jobs(
        self, *, state: str | None = None, owner: str | None = None, text: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """What the service says of jobs, newest first, page after page.

        Args:
            state: only those in this state.
            owner: only those of this user.
            text: only those with this in their name, note, labels or id.
        """
        after: str | None = None
        while True:
            query = {"state": state, "owner": owner, "q": text, "after": after}
            page = self._transport.json("GET", "/searches", query=query)
            yield from page["searches"]
            after = page["next"]
            if after is None:
                return

    def upload(self, path: str | Path, name: str | None = None) -> DataSet:
        """Upload data; the same data twice are the same data set.

        Args:
            path: a folder of class folders, or a .zip, .npz or .parquet file.
            name: what it is called; by default as the file or folder.

        Raises:
            UserError: there is no such file.
            Refused: it is too large, or of another kind.
        """
        path = Path(path)
        with upload_of(path) as (file, media_type):
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            headers = {"Content-Type": media_type, "Content-Length": str(size)}
            title = path.resolve().stem if name is None else name
            with self._transport.answer("POST", "/data", query={"name": title}, body=file, headers=headers) as response:
                content = json.loads(response.read())
        return DataSet(self._transport, content["id"])

    def data_set(self, data_id: str) -> DataSet:
        """An upload by its id."""
        return DataSet(self._transport, data_id)

    def data(self) -> list[dict[str, Any]]:
        """What the service says of all data sets that a search may name."""
        rows: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            page = self._transport.json("GET", "/data", query={"after": after})
            rows += page["data"]
            after = page["next"]
            if after is None:
                return rows


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as they are sent: handles by their ids, a space file by its text; what is None is left out."""
    values = {name: _id(value) for name, value in settings.items() if value is not None}
    space = values.get("space")
    if isinstance(space, Path) or (isinstance(space, str) and space.endswith(".toml")):
        try:
            values["space"] = Path(space).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(
                f"cannot read space file {str(space)!r}: {getattr(error, 'strerror', None) or error}"
            ) from None
    return values


def _id(value: Any) -> Any:
    return value.id if isinstance(value, Job | DataSet) else value
