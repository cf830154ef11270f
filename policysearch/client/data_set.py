"""A data set of a service that somebody uploaded."""

from __future__ import annotations

import time
from typing import Any

from policysearch.client.errors import Refused, ServiceAway, WaitedTooLong
from policysearch.client.resource import Resource

_PERIOD = 0.5


class DataSet(Resource):
    """An upload.

    Args:
        transport: reaches the service.
        resource_id: its id.

    Attributes:
        id: its id, which a search's `data` takes.
    """

    noun = "an upload"
    collection = "data"

    def wait(self, timeout: float | None = None) -> dict[str, Any]:
        """Wait until it is checked.

        Args:
            timeout: seconds; None for as long as it takes.

        Returns:
            What the service says of it.

        Raises:
            Refused: it cannot be used; the message says why.
            WaitedTooLong: its check has not ended yet.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                content = self.info()
            except ServiceAway:
                content = {}
            if content.get("state") == "refused":
                raise Refused(str(content.get("reason")), {"data": str(content.get("reason"))})
            if content.get("state") == "ready":
                return content
            if end is not None and time.monotonic() >= end:
                raise WaitedTooLong("the upload was not checked in the time that was given; its check goes on")
            time.sleep(_PERIOD)

    def delete(self) -> None:
        """Delete it, unless a job wants it."""
        self._transport.json("DELETE", self._path)
