"""A server, and visits of a browser to it, for all tests of its pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.support.service_server import FakeRunner, ServerProcess

PATIENCE = 30_000  # milliseconds; the machine may be busy


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path_factory.mktemp("state"))
    server.start()
    yield server
    server.close()


@pytest.fixture
def runner(server) -> FakeRunner:
    """A job at work."""
    return FakeRunner(server, name="shirts").run()


class Visit:
    """A browser that is logged in, and all that it complained of.

    Attributes:
        context: its cookies and tabs.
        complaints: messages of the console, errors of the script, requests to elsewhere.
    """

    def __init__(self, context: BrowserContext, server: ServerProcess) -> None:
        self.context = context
        self.server = server
        self.complaints: list[str] = []
        context.set_default_timeout(PATIENCE)
        context.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("request", self._look)

    def _look(self, request: Any) -> None:
        if not request.url.startswith((f"{self.server.url}/", "data:")):
            self.complaints.append(f"asked {request.url}")

    def page(self, path: str = "") -> Page:
        """A tab at a path."""
        page = self.context.new_page()
        page.goto(f"{self.server.url}/{path}")
        return page

    def forgive(self, text: str) -> None:
        """Take back complaints with this text: what the browser itself says of an answer that the test expects."""
        self.complaints = [complaint for complaint in self.complaints if text not in complaint]


@pytest.fixture
def visiting(browser, server):
    """`with visiting(...) as visit:` a browser of its own, logged in; at the end it must have complained of nothing."""

    @contextmanager
    def visit(login: bool = True, server: ServerProcess = server, **options: Any) -> Iterator[Visit]:
        context = browser.new_context(**options)
        visit = Visit(context, server)
        if login:
            context.add_cookies(session_cookies(server))
        yield visit
        context.close()
        assert visit.complaints == []

    return visit


def session_cookies(server: ServerProcess) -> list[dict[str, Any]]:
    """The cookie of a session, made once: logging in is throttled."""
    if not server.session:
        session = server.service.accounts.open_session(server.token, 3600.0)
        assert session
        server.session = session[0]
    return [{"name": f"policysearch_{server.port}", "value": server.session, "url": server.url}]
