"""Where checkpoints are kept: whole, by content, within a limit."""

from __future__ import annotations

import os

import pytest

from policysearch.child.checkpoint_store import CheckpointStore, FolderFiles, Stretch, clear
from policysearch.core.errors import CheckpointError
from policysearch.core.trial import Trial

TRIAL = Trial(3, "arm", '{"p": 1}', 0, 11, 24, 4)
FIRST = Stretch.of(TRIAL)


@pytest.fixture
def store(tmp_path):
    return CheckpointStore(FolderFiles(tmp_path / "checkpoints", limit=1.0))


def files(store) -> list[str]:
    return sorted(path.name for path in store.files.folder.iterdir())


def test_a_checkpoint_is_named_by_its_content(store):
    name, again, other = store.keep(b"a", FIRST), store.keep(b"a", FIRST), store.keep(b"b", FIRST)
    assert name == again != other
    assert store.content(name) == b"a" and store.content(other) == b"b"
    assert not [name for name in files(store) if name.endswith(".partial")]


def test_one_that_is_missing_or_was_changed_is_named(store):
    name = store.keep(b"weights", FIRST)
    (store.files.folder / f"{name}.pt").write_bytes(b"weighty")
    with pytest.raises(CheckpointError, match=f"checkpoint {name} is damaged"):
        store.content(name)
    (store.files.folder / f"{name}.pt").unlink()
    with pytest.raises(CheckpointError, match=f"checkpoint {name} is missing"):
        store.content(name)


def test_a_running_trial_has_one_checkpoint_whichever_attempt_it_is(store):
    assert store.held(TRIAL) is None
    store.hold(TRIAL, b"early")
    store.hold(TRIAL, b"late")
    assert store.held(Trial(**{**vars(TRIAL), "attempt": 2})) == b"late" and len(files(store)) == 1
    for change in ({"number": 4}, {"seed": 12}, {"epochs": 5}, {"policy": "{}"}, {"loss": "x"}, {"checkpoint": "y"}):
        assert store.held(Trial(**{**vars(TRIAL), **change})) is None
    store.release(TRIAL)
    assert store.held(TRIAL) is None and files(store) == []


def test_a_running_trial_s_checkpoint_that_was_changed_is_refused(store):
    store.hold(TRIAL, b"weights")
    path = next(store.files.folder.iterdir())
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(CheckpointError, match="checkpoint of trial 3 is damaged"):
        store.held(TRIAL)
    path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="damaged"):
        store.held(TRIAL)


def test_those_used_longest_ago_make_room(store):
    megabyte = 300_000  # a third of the limit, so that three fit
    names = [store.keep(bytes([number]) * megabyte, FIRST) for number in range(3)]
    for age, name in enumerate(names):
        os.utime(store.files.folder / f"{name}.pt", (age, age))
    store.content(names[0])  # used just now
    store.hold(TRIAL, bytes(megabyte))
    newest = store.keep(b"n" * megabyte, FIRST)
    assert [store.files.read(f"{name}.pt") is not None for name in [*names, newest]] == [True, False, True, True]
    assert store.held(TRIAL) is not None, "what a running trial needs is not counted"
    assert store.lineage(names[1]) == [FIRST], "how it came about stays"


def test_one_that_is_larger_than_the_limit_stays_until_the_next(store):
    large, small = store.keep(bytes(2_000_000), FIRST), store.keep(b"small", FIRST)
    with pytest.raises(CheckpointError, match="missing"):
        store.content(large)
    assert store.content(small) == b"small"


def test_a_lineage_leads_to_nothing(store):
    one = store.keep(b"one", FIRST)
    second = Stretch(4, 12, 11, 24, "{}", "", one)
    two = store.keep(b"two", second)
    assert store.lineage(two) == [FIRST, second] and store.lineage(one) == [FIRST]
    for broken in (Stretch(5, 12, 11, 24, "{}", "", one), Stretch(4, 12, 11, 24, "{}", "", "unknown")):
        assert store.lineage(store.keep(repr(broken).encode(), broken)) == []
    (store.files.folder / f"{one}.json").write_text("{")
    assert store.lineage(two) == []


def test_a_search_that_has_ended_keeps_how_its_checkpoints_came_about(store):
    name = store.keep(b"one", FIRST)
    store.hold(TRIAL, b"two")
    clear(store.files.folder)
    assert files(store) == [f"{name}.json"]
    (store.files.folder / f"{name}.json").unlink()
    clear(store.files.folder)
    assert not store.files.folder.exists()
    clear(store.files.folder)
