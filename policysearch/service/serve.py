"""Running the server: one process, in which the scheduler has a thread of its own."""

from __future__ import annotations

import gc
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import socket
from types import FrameType

from uvicorn import Config, Server

from policysearch.service.address import browser_address, listening_socket
from policysearch.service.admin_token import admin_token
from policysearch.service.options import Options
from policysearch.service.scheduler.scheduler import Scheduler
from policysearch.service.setup import service
from policysearch.service.state_folder import StateFolder
from policysearch.service.state_lock import only_server
from policysearch.service.web.app import App, create_app
from policysearch.service.web.state import ServiceState

_GRACE = 1.5
"""Seconds that requests in flight have when the server ends; streams end at once."""
_AFTER_ERROR = 5.0
_log = logging.getLogger("policysearch.service")
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve(options: Options, say: Callable[[str], None]) -> None:
    """Serve until a signal ends it; jobs go on, unless the options say otherwise.

    Args:
        options: the operator's.
        say: prints where to log in, once.

    Raises:
        UserError: something that the operator has configured cannot be put to use.
    """
    folder = StateFolder(options.state)
    with only_server(folder), service(options) as state:
        text = "" if options.no_token else admin_token(state.accounts, folder.admin_token)
        app = create_app(state)
        with listening_socket(options) as listener, _at_work(state):
            port = 0 if options.uds else listener.getsockname()[1]
            PoliteServer(app, lambda: say(greeting(options, port, text))).run(sockets=[listener])
        if options.uds:
            options.uds.unlink(missing_ok=True)
    # The interpreter's end would go through all objects again and again: a quarter of a second of an idle core.
    gc.freeze()


class PoliteServer(Server):
    """A server that ends streams with `event: bye` when a signal comes, and then itself.

    Args:
        app: what is served.
        ready: called when requests are answered.
    """

    def __init__(self, app: App, ready: Callable[[], None] = lambda: None) -> None:
        behind_tls = app.state.service.options.behind_tls
        super().__init__(
            Config(
                app,
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=behind_tls,
                timeout_graceful_shutdown=_GRACE,  # type: ignore[arg-type]
            )
        )
        self._app = app
        self._ready = ready

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Begin to answer, then say so."""
        await super().startup(sockets)
        self._ready()

    async def on_tick(self, counter: int) -> bool:
        """Look every tenth of a second whether the server is to end."""
        ends = await super().on_tick(counter)
        if ends:
            self._app.state.service.ending.set()
            self._app.state.streams.close()
        return ends

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take signals as a wish to end, which is all that they are: the process goes on to its own end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._end) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _end(self, number: int, frame: FrameType | None) -> None:
        self.should_exit = True


@contextmanager
def _at_work(state: ServiceState) -> Iterator[None]:
    """Let the scheduler and the checks of uploads work, each in a thread, until the block ends."""
    checks = state.upload_checks
    if checks is not None:
        checks.clean()
        checks.start()
    stop = threading.Event()
    thread = threading.Thread(target=schedule, args=(state.scheduler, stop), name="scheduler", daemon=True)
    thread.start()
    try:
        yield
    finally:
        state.ending.set()
        stop.set()
        state.scheduler.poke()
        if checks is not None:
            checks.end()
        thread.join(_GRACE)
        if state.options.end_searches:
            state.scheduler.end_jobs()


def schedule(scheduler: Scheduler, stop: threading.Event) -> None:
    """Let the scheduler work until `stop` is set; an error of the program is logged, and does not end the queue."""
    while not stop.is_set():
        try:
            scheduler.run_until(stop)
        except Exception as error:
            _log.error("the scheduler failed, and goes on", exc_info=error)
            stop.wait(_AFTER_ERROR)


def greeting(options: Options, port: int, token: str) -> str:
    """What the operator reads: where to log in. The token is behind a #, which browsers send nowhere."""
    if options.uds:
        return f"policysearch serves at the socket {options.uds}; the token is in {options.state / 'admin.token'}"
    address = browser_address(options, port)
    login = f"{address}/login#t={token}" if token else f"{address}/"
    return f"{login}\nOpen it in a browser. Programs take the token from {StateFolder(options.state).admin_token}."
