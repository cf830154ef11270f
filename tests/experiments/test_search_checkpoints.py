"""The checkpoints of a search: in its folder while it runs, and gone when it has ended."""

from __future__ import annotations

import pytest

from policysearch.child.checkpoint_store import Checkpointing, CheckpointStore, FolderFiles, Stretch
from policysearch.core.trial import Outcome
from policysearch.experiments.pools import Keeping, _checkpointing
from policysearch.experiments.search.run import resume, search
from policysearch.policy.policy import Policy
from policysearch.policy.spaces import Arm
from policysearch.study.config import make_config
from policysearch.study.in_memory_store import InMemoryTrialStore
from policysearch.study.rewards import parse_reward
from policysearch.study.sources import Confirmation, Releasing
from tests.support.quick import QuickSetup, config_for


@pytest.fixture
def settings_of_workers(quick, monkeypatch) -> list[Checkpointing | None]:
    """What the workers of searches in this process are set up with."""
    seen: list[Checkpointing | None] = []

    class Watched(QuickSetup):
        def __call__(self):
            seen.append(self.checkpoints)
            if self.checkpoints is not None:
                self.checkpoints.store.files.write("a.running", b"cut off")
            return super().__call__()

    monkeypatch.setattr("workers.evaluate.ChildSetup", Watched)
    return seen


def test_a_search_that_is_cut_off_keeps_its_checkpoints(settings_of_workers, tmp_path, monkeypatch):
    """And all is removed once it has ended: nothing can be needed any more."""

    def cut_off(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("policysearch.experiments.search.run.summarise", cut_off)
        with pytest.raises(KeyboardInterrupt):
            search(config_for(tmp_path / "run", checkpoint_every=7.0, checkpoint_limit=5.0))
    [settings] = settings_of_workers
    assert settings.store.files.folder == (tmp_path / "run" / "checkpoints").absolute()
    assert (settings.every, settings.store.files.limit, settings.keep) == (7.0, 5.0, False)
    assert (tmp_path / "run" / "checkpoints" / "a.running").exists()
    resume(tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.parametrize(("every", "children", "some"), [(0.0, False, False), (0.0, True, True), (5.0, False, True)])
def test_checkpoints_are_off_where_nothing_is_to_be_kept(every, children, some, tmp_path):
    checkpoints = _checkpointing(make_config({"checkpoint_every": every}), Keeping(tmp_path, children))
    assert (checkpoints is not None) == some
    assert checkpoints is None or (checkpoints.every, checkpoints.keep) == (every, children)


def test_a_trial_that_was_killed_for_good_leaves_no_checkpoint(tmp_path):
    checkpoints = CheckpointStore(FolderFiles(tmp_path, 1.0))
    store = InMemoryTrialStore(seed=0, fidelities=[(24, 4)], reward=parse_reward("accuracy"))
    store.add(Arm({}, Policy.preset("identity")))
    trial = store.trial(store.rows[0])
    source = Releasing(Confirmation(store, (), 0), checkpoints)
    checkpoints.hold(trial, b"weights")
    again = source.attempt_failed(trial, Outcome(error="worker died"))
    assert checkpoints.held(again) == b"weights"
    source.tell(again, Outcome(error="worker died"))
    assert source.ask() is None and checkpoints.held(trial) is None and not [*tmp_path.iterdir()]


@pytest.mark.parametrize(("once", "error", "is_left"), [(True, "", False), (True, "diverged", True), (False, "", True)])
def test_a_child_that_was_continued_is_not_kept_any_longer(once, error, is_left, tmp_path):
    """A pull that failed is made up for by another one of the same child."""
    checkpoints = CheckpointStore(FolderFiles(tmp_path, 1.0))
    first = Arm({}, Policy.preset("identity"))
    store = InMemoryTrialStore(seed=0, fidelities=[(24, 2), (24, 4)], reward=parse_reward("accuracy"))
    parent = store.add(first)
    name = checkpoints.keep(b"weights", Stretch.of(parent))
    source = Releasing(Confirmation(store, (), 0), checkpoints, continued_once=once)
    source.tell(parent, Outcome({"accuracy": 0.5, "checkpoint": name}))
    source.tell(store.add(first, fidelity=1, parent=0), Outcome({"accuracy": 0.5}, error=error))
    assert (tmp_path / f"{name}.pt").exists() == is_left
    assert checkpoints.lineage(name) == [Stretch.of(parent)]
