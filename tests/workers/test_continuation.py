"""Trials that go on from checkpoints, whatever became of these."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from functools import partial

import pytest

from policysearch.child.checkpoint import Checkpoint
from policysearch.child.checkpoint_store import Checkpointing, CheckpointStore, FolderFiles
from policysearch.policy.policy import Policy
from tests.support.small_children import DropNet, same, small_train, small_trial, state_after
from workers.continuation import Continuation, TrialKeeper
from workers.local import _answer
from workers.stops import asked_by, at_checkpoint

ALWAYS = {"every": 1e-9, "share": float("inf")}
PARENT = small_trial(epochs=2)


@pytest.fixture
def settings(tmp_path):
    return Checkpointing(CheckpointStore(FolderFiles(tmp_path, 100.0)), keep=True, **ALWAYS)


def untimed(metrics):
    return {n: v for n, v in metrics.items() if "second" not in n and n not in ("peak_memory_mb", "checkpoint")}


def learned(metrics):
    """What does not say where the training began."""
    apart = ("trained_epochs", "continued_from", "checkpoint_lost", "curve")
    return {name: value for name, value in untimed(metrics).items() if name not in apart}


def state_of(settings, metrics):
    return state_after(settings.store.content(metrics["checkpoint"]))["learner"]


def child_of(metrics, **changes):
    return small_trial(number=6, parent=5, begin=2, checkpoint=metrics["checkpoint"], **changes)


class Cut(BaseException):
    """A kill, as far as it can be had in the test's own process."""


def cut_off(trial, origin, keeper, at):
    """Train as far as the checkpoint of an epoch."""

    class Cutter:
        def due(self, epoch, epochs):
            return keeper.due(epoch, epochs)

        def keep(self, checkpoint):
            keeper.keep(checkpoint)
            if checkpoint.epoch == at:
                raise Cut

    return small_train(trial, origin, Cutter())


def test_a_trial_that_was_cut_off_goes_on(settings):
    whole = Continuation(small_train, settings)(small_trial())
    settings.store.release(small_trial())
    with pytest.raises(Cut):
        Continuation(partial(cut_off, at=3), settings)(small_trial())
    rest = Continuation(small_train, settings)(small_trial(attempt=1))
    assert (whole["trained_epochs"], rest["trained_epochs"], rest["continued_from"]) == (4, 1, 3)
    assert learned(whole) == learned(rest) and whole["curve"] == rest["curve"] and "checkpoint_lost" not in rest
    assert same(state_of(settings, whole), state_of(settings, rest))


def test_what_a_running_trial_left_is_removed_once_the_next_one_begins(settings):
    folder = settings.store.files.folder
    going = Continuation(small_train, settings)
    going(small_trial())
    assert len([*folder.glob("*.running")]) == 1, "its outcome may not be recorded yet"
    going(small_trial(number=6, epochs=1))
    assert not [*folder.glob("*.running")]


def test_a_trial_that_fails_by_itself_begins_again_from_nothing(settings):
    def failing(trial, origin, keeper):
        small_train(trial, origin, keeper)
        raise ValueError("diverged")

    with pytest.raises(ValueError, match="diverged"):
        Continuation(failing, settings)(small_trial())
    assert settings.store.held(small_trial()) is None


def test_a_trial_continues_its_parent(settings):
    going = Continuation(small_train, settings)
    rest = going(child_of(going(PARENT)))
    whole = going(small_trial())
    assert rest["trained_epochs"] == 2 and rest["continued_from"] == 2
    assert learned(rest) == learned(whole) and same(state_of(settings, rest), state_of(settings, whole))


def test_a_continued_trial_that_is_cut_off_goes_on_from_its_own_checkpoint(settings):
    parent = Continuation(small_train, settings)(PARENT)
    whole = Continuation(small_train, settings)(child_of(parent))
    settings.store.release(child_of(parent))
    with pytest.raises(Cut):
        Continuation(partial(cut_off, at=3), settings)(child_of(parent))
    rest = Continuation(small_train, settings)(child_of(parent))
    assert rest["continued_from"] == 3 and learned(rest) == learned(whole) and rest["curve"] == whole["curve"]


def lose(settings, name):
    (settings.store.files.folder / f"{name}.pt").unlink()


def damage(settings, name):
    path = settings.store.files.folder / f"{name}.pt"
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize(("harm", "message"), [(lose, "is missing"), (damage, "is damaged")])
def test_a_checkpoint_that_is_gone_is_made_again_along_its_lineage(settings, harm, message):
    """A fork of a child that had two policies: from nothing under its own policy alone it would be another network."""
    going = Continuation(small_train, settings)
    first = going(small_trial(epochs=1, policy=Policy.preset("flip-crop").to_json()))
    second = going(small_trial(number=6, epochs=2, seed=8, parent=5, begin=1, checkpoint=first["checkpoint"]))
    expected = going(child_of(second))
    harm(settings, second["checkpoint"])
    from_first = going(child_of(second))
    assert (from_first["trained_epochs"], from_first["continued_from"]) == (3, 1)
    harm(settings, first["checkpoint"])
    from_nothing = going(child_of(second))
    assert (from_nothing["trained_epochs"], from_nothing["continued_from"]) == (4, 0)
    for again in (from_first, from_nothing):
        assert learned(again) == learned(expected)
        assert same(state_of(settings, again), state_of(settings, expected))
        assert again["checkpoint_lost"].startswith(f"checkpoint {second['checkpoint']} {message}")
        assert again["checkpoint_lost"].endswith(f": {again['trained_epochs']} epochs were trained")

    # The planted bug: a store without lineages trains another network.
    (settings.store.files.folder / f"{second['checkpoint']}.json").unlink()
    alone = going(child_of(second))
    assert not same(state_of(settings, alone), state_of(settings, expected))


def test_without_a_lineage_the_trial_is_trained_from_nothing_and_says_so(settings):
    going = Continuation(small_train, settings)
    parent = going(PARENT)
    lose(settings, parent["checkpoint"])
    (settings.store.files.folder / f"{parent['checkpoint']}.json").unlink()
    alone = going(child_of(parent))
    assert alone["trained_epochs"] == 4 and alone["continued_from"] == 0
    assert alone["checkpoint_lost"] == f"checkpoint {parent['checkpoint']} is missing: 4 epochs were trained"
    assert learned(alone) == learned(going(small_trial()))


@pytest.mark.parametrize(
    ("trial", "message"),
    [
        (small_trial(parent=4, begin=2), "trial 4 kept no checkpoint: 4 epochs were trained"),
        (small_trial(parent=4, begin=3, checkpoint="PARENT"), "is of epoch 2, and the trial begins at 3"),
    ],
)
def test_parents_that_do_not_fit_are_named(settings, trial, message):
    going = Continuation(small_train, settings)
    if trial.checkpoint:
        trial = replace(trial, checkpoint=going(PARENT)["checkpoint"])
    assert message in going(trial)["checkpoint_lost"]


def test_a_checkpoint_of_another_network_is_no_parent(settings):
    parent = Continuation(small_train, settings)(PARENT)
    wide = partial(small_train, rate=0.05)
    assert (
        "of a training with rate 0.1 and not 0.05" in Continuation(wide, settings)(child_of(parent))["checkpoint_lost"]
    )


def test_without_checkpoints_a_trial_that_should_go_on_says_so():
    metrics = Continuation(small_train, None)(small_trial(parent=4, begin=2, checkpoint="x"))
    assert "checkpoints are off" in metrics["checkpoint_lost"] and metrics["trained_epochs"] == 4
    assert "checkpoint_lost" not in Continuation(small_train, None)(small_trial(epochs=1))


def test_a_disk_that_is_full_costs_no_trial(settings, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(FolderFiles, "write", full)
    metrics = Continuation(small_train, settings)(small_trial())
    assert metrics["checkpoint_lost"] == "its checkpoint could not be written: No space left on device"
    assert "checkpoint" not in metrics


def test_a_child_whose_content_found_no_room_can_still_be_made_again(settings, monkeypatch):
    """A fork of a child of another policy: from nothing under its own policy it would be another network."""
    going = Continuation(small_train, settings)
    parent = replace(PARENT, policy=Policy.preset("flip-crop").to_json())
    expected = going(child_of(going(parent)))
    write = FolderFiles.write

    def nearly_full(files, name, content):
        if len(content) > 1000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(files, name, content)

    with monkeypatch.context() as patch:
        patch.setattr(FolderFiles, "write", nearly_full)
        unwritten = going(parent)
    assert "could not be written" in unwritten["checkpoint_lost"]
    again = going(child_of(unwritten))
    assert learned(again) == learned(expected) and again["trained_epochs"] == 4


class Unsaved(DropNet):
    """A network whose extra state cannot be written to a file."""

    def get_extra_state(self):
        return lambda: None

    def set_extra_state(self, state):
        raise ValueError("no such state")


def test_a_network_that_cannot_be_saved_costs_no_trial(settings):
    metrics = Continuation(partial(small_train, factory=Unsaved), settings)(small_trial(epochs=2))
    assert metrics["trained_epochs"] == 2
    assert metrics["checkpoint_lost"].startswith("its checkpoint could not be made: ")


def test_children_beyond_which_none_goes_on_are_not_kept(settings):
    going = Continuation(small_train, replace(settings, end=2))
    assert "checkpoint" in going(small_trial(epochs=1)) and "checkpoint" not in going(PARENT)
    assert len([*settings.store.files.folder.glob("*.pt")]) == 1


@pytest.mark.parametrize("begin", [0, 2])
def test_nobody_is_asked_at_checkpoints_that_the_parent_came_through(begin):
    """A child whose parent's checkpoint was lost passes them again."""
    asked = []
    with asked_by(lambda curve: asked.append(curve[-1]["epoch"]) or ""):
        for epoch in range(1, 5):
            at_checkpoint(small_trial(begin=begin), [{"epoch": epoch, "accuracy": 0.5}])
    assert asked == [*range(begin + 1, 4)]


class Orphaned:
    """A connection whose controller is killed while a child waits for its answer."""

    def __init__(self, trial) -> None:
        self.trial = trial

    def send(self, message):
        pass

    def recv(self):
        trial, self.trial = self.trial, None
        if trial is None:
            raise EOFError
        return trial, True


def test_a_child_whose_controller_is_killed_while_it_asks_leaves_its_checkpoint(settings):
    def asks(trial, origin, keeper):
        with pytest.raises(Cut):
            cut_off(trial, origin, keeper, at=1)
        at_checkpoint(trial, [{"epoch": 1, "accuracy": 0.5}])

    _answer(lambda: Continuation(asks, settings), Orphaned(small_trial()))
    assert settings.store.held(small_trial()) is not None


def due_at(settings, cost=0.0, epochs=20):
    """The epochs, one second each, after which a checkpoint is taken that takes `cost` seconds to write."""
    now = [0.0]
    keeper = TrialKeeper(small_trial(epochs=epochs), settings, lambda: now[0])

    class Slow:
        epoch = 1

        def to_bytes(self):
            now[0] += cost
            return b""

    taken = []
    for epoch in range(1, epochs + 1):
        now[0] += 1
        if keeper.due(epoch, epochs):
            taken.append(epoch)
            keeper.keep(Slow())
    return taken


def test_checkpoints_are_taken_so_often_and_no_more(settings):
    plain = replace(settings, keep=False, share=0.02)
    assert due_at(replace(plain, every=5.0)) == [5, 10, 15]
    assert due_at(replace(plain, every=0.0)) == []
    assert due_at(replace(plain, every=0.0, keep=True)) == [20]
    assert due_at(replace(plain, every=1.0), cost=0.09) == [1, 6, 11, 16], "0.09 s is 2 % of 4.5 s"


def test_a_checkpoint_can_be_read_without_the_rest_of_the_program(settings):
    name = Continuation(small_train, settings)(PARENT)["checkpoint"]
    assert Checkpoint.from_bytes((settings.store.files.folder / f"{name}.pt").read_bytes()).epoch == 2
