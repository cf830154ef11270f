"""What a job and an upload of a service have in common: an id, and what the service says of it."""

from __future__ import annotations

from typing import Any, ClassVar

from policysearch.client.http import Transport
from policysearch.core.errors import UserError


class Resource:
    """A thing of a service that is named by an id.

    Args:
        transport: reaches the service.
        resource_id: its id.

    Attributes:
        id: its id.

    Raises:
        UserError: that is no id.
    """

    noun: ClassVar[str]
    collection: ClassVar[str]
    """Where its kind is below the API's address, as "searches"."""

    def __init__(self, transport: Transport, resource_id: str) -> None:
        if not resource_id.isalnum() or not resource_id.isascii():
            raise UserError(f"{self.noun} is named by its id, 26 digits and letters, got {resource_id[:80]!r}")
        self.id = resource_id
        self._transport = transport
        self._path = f"/{self.collection}/{resource_id}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    def info(self) -> dict[str, Any]:
        """What the service says of it now, such as its state, the reason, and what is known of it."""
        content: dict[str, Any] = self._transport.json("GET", self._path)
        return content

    @property
    def state(self) -> str:
        """Where it is now: a job as "queued", "running" or "done", an upload "checking", "ready" or "refused"."""
        return str(self.info()["state"])
