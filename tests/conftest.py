"""What tests share: small data, a quick stand-in for child training, and runs made with it."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before NumPy and torch are imported, and inherited by every process that a test starts: several test processes with
# several threads each wait for one another, and take seven times as long.
os.environ["OMP_NUM_THREADS"] = "1"

import hypothesis
import pytest
import sqlalchemy
import torch

from policysearch.core.cache import cache_folder
from tests.support.postgres import Server, server_or_skip
from tests.support.quick import QuickSetup, write_npz

# On a busy machine an example takes as long as it takes.
hypothesis.settings.register_profile("busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("busy")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory) -> None:
    """Decoded data of tests are kept apart from the user's; compiled kernels, which take some 10 s, are shared."""
    kernels, folder = cache_folder() / "kernels", tmp_path_factory.mktemp("cache")
    kernels.mkdir(parents=True, exist_ok=True)
    (folder / "kernels").symlink_to(kernels, target_is_directory=True)
    os.environ["POLICYSEARCH_CACHE"] = str(folder)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The one chromium of all tests that need it; only these load playwright."""
    from tests.support.chromium import chromium

    with chromium() as browser:
        yield browser


def pytest_collection_finish() -> None:
    """What the libraries and the test files made lasts to the end: walking through it again and again is lost time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(autouse=True)
def level_of_messages() -> Iterator[None]:
    """A command that a test calls inside this process says how much is logged: the next test begins as ever."""
    logger = logging.getLogger("policysearch")
    level = logger.level
    yield
    logger.setLevel(level)


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_works() -> None:
    """A script's background jobs ignore Ctrl-C, and so would everything that the tests start there."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@sqlalchemy.event.listens_for(sqlalchemy.Engine, "connect")
def not_waiting_for_the_disk(connection: object, _record: object) -> None:
    """A test's studies need not outlive a power cut, and waiting for the disk takes half of a search's time."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def npz(tmp_path: Path) -> Path:
    """120 random grey images of 8×8, 3 classes."""
    return write_npz(tmp_path / "small.npz")


@pytest.fixture
def quick(monkeypatch) -> None:
    """Searches in this process train no child and draw no picture."""
    monkeypatch.setattr("policysearch.experiments.search.run.write_picture", lambda *_: None)
    monkeypatch.setattr("policysearch.experiments.search.run.write_page", lambda *_: None)
    monkeypatch.setattr("workers.evaluate.ChildSetup", QuickSetup)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server for this session."""
    with server_or_skip() as server:
        yield server


LONGEST_FIRST = ("workers/test_ray.py", "experiments/test_resume.py", "experiments/test_evaluate.py")
"""Files that take longest: begun first, so that no process is left alone with one of them at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of one file stay together and in order; only the files' order changes.

    Raises:
        UsageError: the name of a test has an address in memory, which differs from process to process.
    """
    if addresses := [item.nodeid for item in items if " at 0x" in item.nodeid]:
        raise pytest.UsageError(f"names of tests differ from process to process: {addresses}")

    def rank(item: pytest.Item) -> int:
        matches = [number for number, file in enumerate(LONGEST_FIRST) if item.path.as_posix().endswith(file)]
        return matches[0] if matches else len(LONGEST_FIRST)

    items.sort(key=rank)


def skip_summary(reasons: list[str]) -> list[str]:
    """A line per reason for which tests were skipped, most frequent first, with how many."""
    return [f"{count} skipped: {reason}" for reason, count in Counter(reasons).most_common()]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end of a run what was not tested here, and why: a missing extra, program or device."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = [report.longrepr[2].removeprefix("Skipped: ") for report in skipped]
    for line in skip_summary(reasons):
        terminalreporter.write_line(line)
