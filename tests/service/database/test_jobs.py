"""The table of jobs: pages, revisions, idempotency, own order, who may see what; in SQLite, and in PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import text, update

from policysearch.core.errors import UserError
from policysearch.service.database.connection import DatabaseAway, open_database
from policysearch.service.database.job_rows import NoSuchJob
from policysearch.service.database.jobs import Jobs, QueueFull
from policysearch.service.database.tables import SCHEMA, SCHEMA_VERSION
from policysearch.service.database.viewer import Viewer
from policysearch.service.job import Intent, State, WrongState
from tests.support.postgres import Server, server_or_skip
from tests.support.services import Service

ANNA, BEN, ADMIN = Viewer("anna"), Viewer("ben"), Viewer("root", "admin")


@pytest.fixture(scope="module")
def postgres():
    with server_or_skip() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def database(request, tmp_path):
    url = None
    if request.param == "postgres":
        server = request.getfixturevalue("postgres")
        if server is None:
            pytest.skip("PostgreSQL is not installed")
        url = server.new_database(f"service{abs(hash(request.node.name))}")
    with open_database(url, tmp_path / "service.db") as database:
        yield database


@pytest.fixture
def jobs(database):
    return Jobs(database)


def add(jobs, owner="anna", **options):
    return jobs.add(owner, "search", {"trials": 4}, workers=1, **options)[0]


def test_a_job_is_what_was_added(jobs):
    job = add(jobs, name="mine", place="gpu:0")
    assert (job.owner, job.name, job.choice, job.request) == ("anna", "mine", "gpu:0", {"trials": 4})
    assert (job.state, job.intent) == (State.CHECKING, Intent.RUN)
    assert jobs.get(job.id) == job
    assert [change.state for change in jobs.history(job.id)] == ["checking"]


def test_pages_are_newest_first_and_go_on_after_an_id(jobs):
    ids = [add(jobs).id for _ in range(5)]
    first = jobs.page(None, limit=2)
    assert [job.id for job in first] == sorted(ids, reverse=True)[:2]
    assert [job.id for job in jobs.page(None, after=first[-1].id, limit=9)] == sorted(ids, reverse=True)[2:]


def test_pages_by_state_owner_and_text(jobs):
    job = add(jobs, name="Crops 100%_sure")
    add(jobs, "ben", name="flips")
    jobs.enter(job.id, State.QUEUED)
    jobs.describe(job.id, labels=["Kitchen"], note="see (x)")
    assert [j.id for j in jobs.page(None, states=[State.QUEUED])] == [job.id]
    assert [j.owner for j in jobs.page(None, owner="ben")] == ["ben"]
    for part in ("crops", "0%_s", "kitchen", "(X)", job.id):
        assert [j.id for j in jobs.page(None, text=part)] == [job.id], part
    assert jobs.page(None, text="100_") == []


def test_strangers_jobs_are_not_there(jobs):
    job = add(jobs)
    assert jobs.get(job.id, ANNA) == jobs.get(job.id, ADMIN, to_change=True)
    for reach in (lambda: jobs.get(job.id, BEN), lambda: jobs.get("../x", ADMIN)):
        with pytest.raises(NoSuchJob):
            reach()
    assert jobs.page(BEN) == jobs.since(BEN, 0) == []
    jobs.describe(job.id, shared=True)
    assert jobs.get(job.id, BEN).shared and len(jobs.page(BEN)) == len(jobs.since(BEN, 0)) == 1
    with pytest.raises(NoSuchJob):
        jobs.get(job.id, BEN, to_change=True)


def test_a_key_makes_one_job(jobs):
    job, new = jobs.add("anna", "search", {}, workers=1, key="k")
    assert new and jobs.add("anna", "search", {}, workers=1, key="k") == (job, False)
    assert jobs.add("ben", "search", {}, workers=1, key="k")[1]


def test_twenty_requests_at_once_with_one_key_and_with_many(jobs):
    together(20, lambda k: jobs.add("anna", "search", {}, workers=1, key="same"))
    assert len(jobs.page(None)) == 1

    full = []

    def request(k):
        try:
            jobs.add("ben", "search", {}, workers=1, key=str(k), most_waiting=15)
        except QueueFull as error:
            full.append(str(error))

    together(20, request)
    assert len(jobs.page(None, owner="ben")) == 15
    assert len(full) == 5 and full[0].startswith("15 of your jobs wait, and 15 may")


def together(count, function):
    threads = [threading.Thread(target=function, args=(k,)) for k in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_revisions_grow_with_every_change_and_none_is_missed(jobs):
    seen, last, over = set(), 0, threading.Event()

    def read():
        nonlocal last
        while not over.is_set() or jobs.since(None, last):
            for job in jobs.since(None, last, limit=3):
                assert job.revision > last
                last = job.revision
                seen.add(job.id)

    reader = threading.Thread(target=read)
    reader.start()
    made = []
    together(8, lambda k: made.append(add(jobs, f"user {k}").id))
    over.set()
    reader.join()
    assert seen == set(made)
    assert jobs.revision() == last


def test_own_order(jobs):
    first, second, third = (add(jobs).id for _ in range(3))
    stranger = add(jobs, "ben")

    def order():
        return [job.id for job in sorted(jobs.page(None, owner="anna"), key=lambda job: job.order)]

    jobs.move(third, first)
    assert order() == [third, first, second]
    jobs.move(third, "")
    assert order() == [first, second, third]
    with pytest.raises(NoSuchJob):
        jobs.move(first, stranger.id)
    jobs.enter(first, State.REFUSED)
    with pytest.raises(WrongState, match="only a job that waits has a place"):
        jobs.move(first, second)


def test_an_impossible_step_changes_nothing(jobs):
    job = add(jobs)
    with pytest.raises(WrongState, match="checking cannot be done next"):
        jobs.enter(job.id, State.DONE)
    assert jobs.get(job.id) == job
    assert len(jobs.history(job.id)) == 1


def test_an_earlier_program_refuses_a_later_database(database, tmp_path):
    with database.writing() as connection:
        connection.execute(update(SCHEMA_VERSION).values(version=SCHEMA + 1))
    if database.is_sqlite:
        with pytest.raises(UserError, match=f"is of version {SCHEMA + 1}, and this program knows version {SCHEMA}"):
            open_database(None, tmp_path / "service.db")


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense", "sqlite:///x.db"])
def test_other_databases_are_refused(url, tmp_path):
    with pytest.raises(UserError, match="--database"):
        open_database(url, tmp_path / "service.db")


def test_a_file_that_is_no_database_is_said_to_be_away(tmp_path):
    (tmp_path / "service.db").mkdir()
    with pytest.raises(DatabaseAway, match="unable to open"):
        open_database(None, tmp_path / "service.db")


def test_sqlite_waits_for_the_disk(tmp_path):
    with open_database(None, tmp_path / "service.db") as database, database.reading() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 2


@pytest.fixture
def durable() -> Iterator[Server]:
    """A PostgreSQL server that keeps what it has taken, as the one that tests share does not when it is killed."""
    with server_or_skip(options="") as server:
        yield server


@pytest.mark.slow
def test_one_server_schedules_a_shared_database_and_an_outage_loses_nothing(durable, tmp_path):
    url = durable.new_database("shared")
    with open_database(url, tmp_path / "x") as one, open_database(url, tmp_path / "x") as other:
        first, second = Service(tmp_path / "one", database=one), Service(tmp_path / "two", database=other)
        job = first.running()
        second.step()
        assert second.scheduler.trouble == "another server schedules the jobs of this database"

        first.end(job)
        durable.stop("immediate")
        first.step()
        assert first.scheduler.trouble.startswith("the service's database does not answer")
        with pytest.raises(DatabaseAway):
            first.jobs.page(None)
        durable.start()
        first.step(2)
        assert (first.scheduler.trouble, first.state(job)) == ("", "done")
        first.scheduler.close()
        second.step(2)  # its own connection was lost as well
        assert second.scheduler.trouble == ""
        second.scheduler.close()
