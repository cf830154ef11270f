"""What every pool must do, as a class that each pool's tests inherit, with children that misbehave on order."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from policysearch.child.checkpoint_store import Checkpointing, CheckpointStore, FolderFiles
from policysearch.core.trial import Outcome, Trial
from policysearch.study.controller import judged, run
from tests.support.small_children import DiesOnce, small_train, small_trial
from workers.stops import at_checkpoint

LONG = 4
"""Epochs of a trial with the arm "learn", which comes to a checkpoint after each."""


def trial(number: int, arm: str = "echo", attempt: int = 0) -> Trial:
    return Trial(number, arm, "{}", 0, number, 1, LONG if arm == "learn" else 1, attempt)


def curve(epochs: int) -> list[dict[str, float]]:
    return [{"epoch": epoch, "accuracy": epoch / 10, "loss": 1.0} for epoch in range(1, epochs + 1)]


def behave(folder: str, trial: Trial) -> dict[str, float]:
    """A child whose arm says what it does."""
    if trial.arm == "raise":
        raise ValueError("bad\nweights")
    if trial.arm == "memory":
        raise MemoryError
    if trial.arm == "sleep":
        time.sleep(3600)
    if trial.arm == "die" or (trial.arm == "die once" and not Path(folder, "died").exists()):
        Path(folder, "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if trial.arm == "learn":
        Path(folder, f"pid-{trial.number}").write_text(str(os.getpid()))
        for epoch in range(1, trial.epochs + 1):
            at_checkpoint(trial, curve(epoch))
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
        return replace(t, attempt=t.attempt + 1)


def dies_once(folder: Path) -> DiesOnce:
    """A setup of real children, the first of which is killed after its checkpoint of epoch 2."""
    store = CheckpointStore(FolderFiles(folder / "checkpoints", 100.0))
    return DiesOnce(str(folder), Checkpointing(store, every=1e-9, share=float("inf")))


def must_go_on_after_a_kill(make: Callable[[DiesOnce, int], Any], setup: DiesOnce) -> None:
    """A trial whose worker is killed goes on in another one, and becomes what it would have been."""
    whole = small_train(small_trial(), None, None)
    source = Numbers([])
    pool = make(setup, 1)
    try:
        run(source, pool, unfinished=[small_trial()], retries=1)
    finally:
        pool.close()
    metrics = source.told[5].metrics
    assert len(source.failed) == 1 and metrics["continued_from"] == 2 and metrics["trained_epochs"] == 2
    assert all(metrics[name] == whole[name] for name in ("loss", "accuracy", "curve", "augmented_train_loss"))


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

    def test_a_judge_sees_every_checkpoint_but_the_last(self, pool):
        seen: dict[int, list[int]] = {}

        def judge(trial, so_far):
            assert so_far == curve(len(so_far))
            seen.setdefault(trial.number, []).append(len(so_far))
            return ""

        source = Numbers(["learn", "echo", "learn"])
        with judged(pool, judge):
            run(source, pool)
        assert seen == {0: [1, 2, 3], 2: [1, 2, 3]}
        assert all(o.metrics["number"] == n and not o.pruned for n, o in source.told.items())
        run(Numbers(["learn"]), pool)
        assert len(seen) == 2, "nobody is asked any more"

    def test_a_stopped_child_is_no_failure_and_its_worker_lives_on(self, pool, tmp_path):
        source = Numbers(["learn", "learn", *["echo"] * 4])
        with judged(pool, lambda trial, so_far: "hopeless" if trial.number == 0 and len(so_far) == 2 else ""):
            run(source, pool, retries=2)
        stopped = source.told[0]
        assert (stopped.pruned, stopped.error, source.failed) == ("hopeless", "", [])
        assert stopped.metrics["curve"] == curve(2) and stopped.metrics["trained_epochs"] == 2
        assert psutil.pid_exists(int((tmp_path / "pid-0").read_text()))
        assert {n: o.metrics["number"] for n, o in source.told.items() if n} == {n: float(n) for n in range(1, 6)}

    def test_what_a_judge_raises_is_no_failure_of_the_child(self, pool):
        def judge(trial, so_far):
            raise OSError("storage lost")

        source = Numbers(["learn"])
        with pytest.raises(OSError, match="storage lost"), judged(pool, judge):
            run(source, pool)
        assert not source.told and not source.failed

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
