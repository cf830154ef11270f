"""The service's app in the test's own process: users with tokens, and jobs that nothing moves but the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from policysearch.service.database.accounts import Accounts
from policysearch.service.database.connection import open_database
from policysearch.service.database.data_sets import DataSets
from policysearch.service.database.jobs import Jobs
from policysearch.service.job import Job, State
from policysearch.service.limits import Limits
from policysearch.service.options import Options
from policysearch.service.scheduler.places import Place
from policysearch.service.scheduler.scheduler import Scheduler
from policysearch.service.state_folder import StateFolder
from policysearch.service.uploads.checks import UploadChecks
from policysearch.service.web.app import App, create_app
from policysearch.service.web.state import ServiceState

HOST = "localhost:8800"
PATH_TO_RUNNING = (State.QUEUED, State.STARTING, State.RUNNING)
UNTHROTTLED = Limits(requests_a_second=1e6, burst=10**6, log_tries=10**6)


class House:
    """A service with three users, whose scheduler makes no step.

    Args:
        state: the folder of its state.
        limits: how much users may ask for.
        options: what the operator chose besides the folder.

    Attributes:
        service: what the endpoints work with.
        app: the app.
        tokens: by user.
    """

    def __init__(self, state: Path, limits: Limits = UNTHROTTLED, **options: Any) -> None:
        folder = StateFolder(state)
        folder.make()
        self.database = open_database(None, folder.database)
        jobs, accounts = Jobs(self.database), Accounts(self.database)
        chosen = Options(state, **options)
        data_sets = DataSets(self.database, folder, chosen.data)
        places = (Place("local-cpu", 2), Place("gpu:0", 4, jobs=1, gpu="0"))
        scheduler = Scheduler(folder, jobs, places, limits, settings_of=lambda *_: {})
        checks = UploadChecks(data_sets, folder, limits)
        self.service = ServiceState(folder, jobs, accounts, data_sets, scheduler, limits, chosen, checks)
        self.app: App = create_app(self.service)
        self.tokens: dict[str, str] = {}
        for name, role in (("admin", "admin"), ("anna", "user"), ("ben", "user")):
            accounts.add_user(name, role)
            self.tokens[name] = accounts.add_token(name)[1]

    def client(self, user: str = "", **headers: str) -> TestClient:
        """A program of a user, or of nobody."""
        sent = {"Authorization": f"Bearer {self.tokens[user]}"} if user else {}
        return TestClient(self.app, base_url=f"http://{HOST}", headers=sent | headers)

    def browser(self, user: str, **headers: str) -> TestClient:
        """A browser in which a user has logged in; it says nothing of where its requests come from."""
        client = self.client(**headers)
        session = self.service.accounts.open_session(self.tokens[user], 3600.0)
        assert session
        client.cookies.set("policysearch_8800", session[0])
        return client

    def job(self, owner: str = "anna", state: State = State.CHECKING, **request: Any) -> Job:
        """A job in a state that one comes to by way of running."""
        job = self.service.jobs.add(owner, "search", {"data": "fashion-small", **request}, workers=1)[0]
        way = (
            () if state is State.CHECKING else PATH_TO_RUNNING if state is State.RUNNING else (*PATH_TO_RUNNING, state)
        )
        for step in way:
            job = self.service.jobs.enter(job.id, step)
        self.service.folder.job(job.id).run.mkdir(parents=True, exist_ok=True)
        return job

    def write(self, job: Job, name: str, text: str) -> Path:
        """A file in the run's folder of a job."""
        path = self.service.folder.job(job.id).run / name
        path.write_text(text, encoding="utf-8")
        return path


@contextmanager
def house(state: Path, limits: Limits = UNTHROTTLED, **options: Any) -> Iterator[House]:
    """A house whose database is closed at the end."""
    built = House(state, limits, **options)
    try:
        yield built
    finally:
        built.database.close()


def limited(**values: Any) -> Limits:
    """Limits without a throttle, and with these values."""
    return replace(UNTHROTTLED, **values)
