"""What every pool must do, as a class that each pool's tests inherit, and what worker processes must survive."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import psutil
import pytest

from policysearch.core.trial import Trial
from policysearch.study.controller import run
from tests.support.pool_conformance import (
    FailsTwice,
    Numbers,
    PoolConformance,
    Setup,
    behave,
    broken_setup,
    dies_once,
    must_go_on_after_a_kill,
)
from workers.evaluate import ChildSetup
from workers.in_process import InProcessPool
from workers.local import LocalPool
from workers.pool import WorkersCannotStart


class TestInProcessPool(PoolConformance):
    @pytest.fixture
    def make(self):
        return lambda setup, workers: InProcessPool(setup)


class TestLocalPool(PoolConformance):
    @pytest.fixture
    def make(self):
        return LocalPool

    def test_a_worker_that_dies_is_one_failed_attempt_and_is_replaced(self, pool):
        source = Numbers(["die once", *["echo"] * 6])
        run(source, pool, retries=1)
        assert source.failed == [(0, "worker died (exit code -9)")]
        assert len(source.told) == 7 and not any(o.error for o in source.told.values())

    def test_a_trial_whose_worker_is_killed_goes_on_from_its_checkpoint(self, tmp_path):
        must_go_on_after_a_kill(LocalPool, dies_once(tmp_path))

    def test_an_idle_worker_that_dies_is_replaced(self, pool):
        source = Numbers(["echo"] * 2)
        run(source, pool)
        os.kill(int(source.told[0].metrics["pid"]), signal.SIGKILL)
        source = Numbers(["echo"] * 4)
        run(source, pool, retries=1)
        assert len(source.told) == 4 and not any(o.error for o in source.told.values())

    def test_the_deadline_kills_the_child_alone(self, tmp_path):
        pool = LocalPool(Setup(tmp_path), 2, deadline=1.5)
        try:
            source = Numbers(["sleep", *["echo"] * 5])
            run(source, pool, retries=0)
        finally:
            pool.close()
        assert source.told[0].error == "deadline of 1.5 s passed"
        assert not any(o.error for n, o in source.told.items() if n)

    def test_workers_that_cannot_start_are_told_not_waited_for(self):
        pool = LocalPool(broken_setup, 2)
        try:
            source = Numbers(["echo"] * 4)
            with pytest.raises(WorkersCannotStart, match="OSError: no such data"):
                run(source, pool)
            assert not source.told and not source.failed
        finally:
            pool.close()


def test_a_trial_is_not_charged_for_workers_that_do_not_start(tmp_path):
    pool = LocalPool(FailsTwice(tmp_path), 1)
    try:
        source = Numbers(["echo"] * 3)
        run(source, pool, retries=0)
    finally:
        pool.close()
    assert not source.failed and not any(o.error for o in source.told.values())


class FailsTogether:
    """A setup that fails in the first three workers."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __call__(self):
        Path(self.folder, f"tried-{os.getpid()}").touch()
        if len(list(Path(self.folder).glob("tried-*"))) <= 3:
            raise OSError("node away")
        return partial(behave, self.folder)


def test_starts_that_fail_together_count_once(tmp_path):
    pool = LocalPool(FailsTogether(tmp_path), 3)
    try:
        source = Numbers(["echo"] * 3)
        run(source, pool, retries=0)
    finally:
        pool.close()
    assert len(source.told) == 3 and not any(o.error for o in source.told.values())


def test_ctrl_c_in_the_middle_of_a_start_is_neither_lost_nor_leaves_a_worker(tmp_path, monkeypatch):
    """The first start takes seconds, in which the server of the processes imports torch."""
    start, started = ForkServerProcess.start, []

    def interrupted(process):
        signal.raise_signal(signal.SIGINT)
        start(process)
        started.append(process.pid)

    monkeypatch.setattr(ForkServerProcess, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        LocalPool(Setup(tmp_path), 2)
    assert len(started) == 1
    with suppress(psutil.NoSuchProcess):
        psutil.Process(started[0]).wait(60)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_both_pools_train_the_same_child_to_the_last_bit():
    from policysearch.child.recipe import Recipe
    from policysearch.policy.policy import Policy

    setup = ChildSetup("fashion-small", None, 0, "small-resnet", Recipe(), "cpu")
    policy = Policy.preset("trivialaugment-wide")
    one = Trial(0, policy.hash, policy.to_json(), 0, 123, 40, 2)
    got = []
    for pool in (InProcessPool(setup), LocalPool(setup, 1)):
        pool.submit(one)
        ((_, outcome),) = pool.wait(120)
        pool.close()
        got.append(
            {
                k: v
                for k, v in outcome.metrics.items()
                if "seconds" not in k and k not in ("images_per_second", "peak_memory_mb")
            }
        )
    assert got[0] == got[1] and got[0]["loss"] > 0


def test_local_pools_never_import_ray():
    import subprocess
    import sys

    modules = "policysearch.experiments.search.run, workers.local, workers.in_process"
    code = f"import {modules}, sys; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("error", [EOFError, ConnectionResetError, BrokenPipeError])
def test_a_server_that_is_killed_while_it_starts_a_worker_is_replaced(error, monkeypatch, tmp_path):
    """Such an EOFError ended a search without a word: the command line takes it for the end of a person's input."""
    monkeypatch.setattr("workers.forkserver._PAUSE", 0.0)
    start, deaths = ForkServerProcess.start, [error] * 2

    def dies_at_first(process):
        if deaths:
            raise deaths.pop()
        start(process)

    monkeypatch.setattr(ForkServerProcess, "start", dies_at_first)
    pool = LocalPool(Setup(tmp_path), 1)
    try:
        assert not deaths and pool.free_slots == 1
    finally:
        pool.close()
    deaths += [error] * 9
    with pytest.raises(WorkersCannotStart, match="again and again"):
        LocalPool(Setup(tmp_path), 1)
