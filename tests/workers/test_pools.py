"""What every pool must do, as a class that each pool's tests inherit, and what worker processes must survive."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from policysearch.core.trial import Outcome, Trial
from policysearch.study.controller import run
from workers.evaluate import ChildSetup
from workers.in_process import InProcessPool
from workers.local import LocalPool
from workers.pool import WorkersCannotStart


def trial(number: int, arm: str = "echo", attempt: int = 0) -> Trial:
    return Trial(number, arm, "{}", 0, number, 1, 1, attempt)


def behave(folder: str, trial: Trial) -> dict[str, float]:
    """A child whose arm says what it does."""
    if trial.arm == "raise":
        raise ValueError("bad\nweights")
    if trial.arm == "memory":
        raise MemoryError
    if trial.arm == "sleep":
        time.sleep(60)
    if trial.arm == "die" or (trial.arm == "die once" and not Path(folder, "died").exists()):
        Path(folder, "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"number": float(trial.number), "pid": float(os.getpid())}


class Setup:
    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __call__(self):
        return partial(behave, self.folder)


def broken_setup():
    raise OSError("no such data")


class FailsTwice:
    """A setup that works the third time it is tried."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __call__(self):
        tried = Path(self.folder, "tried")
        tried.write_text(tried.read_text() + "x" if tried.exists() else "x")
        if len(tried.read_text()) < 3:
            raise OSError("share away")
        return partial(behave, self.folder)


class Numbers:
    """A source of trials with given arms, which keeps what it is told."""

    def __init__(self, arms: list[str]) -> None:
        self.todo = [trial(n, arm) for n, arm in enumerate(arms)]
        self.told: dict[int, Outcome] = {}
        self.failed: list[tuple[int, str]] = []

    def ask(self) -> Trial | None:
        return self.todo.pop(0) if self.todo else None

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        assert trial.number not in self.told
        self.told[trial.number] = outcome

    def attempt_failed(self, t: Trial, outcome: Outcome) -> Trial:
        self.failed.append((t.number, outcome.error))
        return trial(t.number, t.arm, t.attempt + 1)


class PoolConformance:
    """Inherit, and give a fixture `make`: (setup, workers) -> pool."""

    @pytest.fixture
    def pool(self, make, tmp_path):
        pool = make(Setup(tmp_path), 2)
        yield pool
        pool.close()

    def test_every_trial_comes_back_once(self, pool):
        source = Numbers(["echo"] * 15)
        run(source, pool)
        assert {n: o.metrics["number"] for n, o in source.told.items()} == {n: float(n) for n in range(15)}

    def test_slots_are_taken_and_freed(self, pool):
        slots = pool.free_slots
        assert slots >= 1
        for n in range(slots):
            pool.submit(trial(n))
        assert pool.free_slots == 0
        with pytest.raises(RuntimeError, match="free slot"):
            pool.submit(trial(99))
        back = []
        while len(back) < slots:
            back += pool.wait(10)
        assert pool.free_slots == slots

    def test_a_child_that_raises_is_an_outcome_in_one_line(self, pool):
        source = Numbers(["raise", "echo", "memory"])
        run(source, pool, retries=0)
        assert source.told[0].error == "ValueError: bad weights"
        assert "MemoryError" in source.told[2].error
        assert not source.told[1].error

    def test_failed_attempts_are_tried_again_as_often_as_allowed(self, pool):
        source = Numbers(["raise", "echo"])
        run(source, pool, retries=2)
        assert source.failed == [(0, "ValueError: bad weights")] * 2
        assert source.told[0].error

    def test_unfinished_trials_come_first(self, pool):
        source = Numbers(["echo"])
        run(source, pool, unfinished=[trial(7, "raise", attempt=1)], retries=1)
        assert set(source.told) == {0, 7} and not source.failed

    def test_waiting_with_nothing_under_way_returns(self, pool):
        assert pool.wait(0.05) == []

    def processes(self) -> set[int]:
        """The processes that a pool of this kind may leave behind."""
        children = psutil.Process().children(recursive=True)
        helpers = ("resource_tracker", "multiprocessing.forkserver")  # Python's own, which end with this process
        return {p.pid for p in children if not any(name in " ".join(p.cmdline()) for name in helpers)}

    def test_close_leaves_no_process_and_can_be_repeated(self, make, tmp_path):
        before = self.processes()
        pool = make(Setup(tmp_path), 2)
        pool.submit(trial(0))
        pool.close()
        pool.close()
        assert self.processes() <= before


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

    def test_an_idle_worker_that_dies_is_replaced(self, pool):
        run(Numbers(["echo"] * 2), pool)
        os.kill(pool.pids[0], signal.SIGKILL)
        source = Numbers(["echo"] * 4)
        run(source, pool, retries=1)
        assert len(source.told) == 4 and not any(o.error for o in source.told.values())

    def test_the_deadline_kills_the_child_alone(self, tmp_path):
        pool = LocalPool(Setup(tmp_path), 2, deadline=1.5)
        try:
            source = Numbers(["sleep", *["echo"] * 5])
            started = time.monotonic()
            run(source, pool, retries=0)
        finally:
            pool.close()
        assert source.told[0].error == "deadline of 1.5 s passed"
        assert time.monotonic() - started < 30
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
