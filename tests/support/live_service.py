"""A service on a real port, in threads of the test: it can be ended and started again on the same port."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from policysearch.service.serve import PoliteServer
from policysearch.service.web.app import create_app
from tests.support.web_client import House, house


class LiveHouse:
    """A house that is served.

    Args:
        built: the house.

    Attributes:
        house: the same.
        service: what its endpoints work with.
        url: its address.
    """

    def __init__(self, built: House) -> None:
        self.house = built
        self.service = built.service
        self._place = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._place.getsockname()[1]}"
        self.start()

    @property
    def tokens(self) -> dict[str, str]:
        return self.house.tokens

    def start(self) -> None:
        """Serve, and wait until it answers."""
        ready = threading.Event()
        self.service.ending.clear()
        self._server = PoliteServer(create_app(self.service), ready.set)
        listener = socket.socket(fileno=self._place.dup().detach())
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]}, daemon=True)
        self._thread.start()
        assert ready.wait(30)

    def stop(self) -> None:
        """End the server; who comes meanwhile waits in the line of the port, as behind a proxy."""
        self._server.should_exit = True
        self._thread.join(30)

    def close(self) -> None:
        """End it for good."""
        self.stop()
        self._place.close()


@contextmanager
def live_house(state: Path, *values: Any, **options: Any) -> Iterator[LiveHouse]:
    """A house that is served until the block ends."""
    with house(state, *values, **options) as built:
        live = LiveHouse(built)
        try:
            yield live
        finally:
            live.close()
