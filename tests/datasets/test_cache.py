"""Images are decoded once; what is kept is found again, is never stale, and may be deleted at any time."""

from __future__ import annotations

import errno
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from policysearch.core.errors import UserError
from policysearch.datasets.config import DataSettings
from policysearch.datasets.load import load, opened
from tests.support.image_files import some_images, write_folder, write_parquet


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("POLICYSEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def decoded(monkeypatch) -> list[int]:
    """How many images were decoded, a number a time."""
    from policysearch.datasets.load import decode

    calls = []

    def counted(items, *others):
        calls.append(len(items))
        return decode(items, *others)

    monkeypatch.setattr("policysearch.datasets.load.decode", counted)
    return calls


@pytest.fixture
def folder(tmp_path) -> Path:
    return write_folder(tmp_path / "pets", some_images(30))


def test_the_second_time_nothing_is_decoded(cache, decoded, folder):
    first, second = load(str(folder)), load(str(folder))
    assert decoded == [30]
    assert first.digest == second.digest and np.array_equal(first.x_train, second.x_train)


def test_a_copy_elsewhere_is_the_same_data_under_its_own_name(cache, decoded, folder, tmp_path):
    first = load(str(folder))
    shutil.copytree(folder, tmp_path / "copy")
    copy = load(str(tmp_path / "copy"))
    assert decoded == [30] and copy.digest == first.digest and copy.name == "copy"


def test_the_handle_opens_the_same_in_another_place(cache, folder, monkeypatch, tmp_path):
    first = load(str(folder))
    monkeypatch.chdir(tmp_path)
    again = opened(first.handle)
    assert again.digest == first.digest and np.array_equal(again.x_test, first.x_test)
    assert opened("fashion-small").shape == (1, 28, 28)


@pytest.mark.parametrize("change", ["pixels", "name", "gone", "class"])
def test_a_change_of_the_data_is_seen(cache, decoded, folder, change):
    first = load(str(folder))
    path = folder / "cat" / "00001.png"
    if change == "pixels":
        write_folder(folder, np.concatenate([some_images(1), some_images(1, seed=8), some_images(30)[2:]]))
    elif change == "name":
        path.rename(path.with_name("a.png"))
    elif change == "gone":
        path.unlink()
    else:
        path.rename(folder / "dog" / "00001.png")
    assert load(str(folder)).digest != first.digest or change == "name"
    assert len(decoded) == 2


def test_links_of_other_names_to_the_same_files_are_other_data(cache, folder, tmp_path):
    files = sorted(folder.rglob("*.png"))
    for farm, classes in (("one", ("cat", "dog")), ("other", ("ape", "zebra"))):
        for i, file in enumerate(files):
            link = tmp_path / farm / classes[i >= (10 if farm == "one" else 20)] / f"{i:03}.png"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file)
    one, other = load(str(tmp_path / "one")), load(str(tmp_path / "other"))
    assert (one.classes, other.classes) == (("cat", "dog"), ("ape", "zebra"))
    assert [sum(y.sum() for y in (d.y_train, d.y_test)) for d in (one, other)] == [20, 10]


def test_images_in_a_folder_that_is_a_link_count(cache, folder, tmp_path):
    pets = tmp_path / "linked"
    write_folder(pets / "test", some_images(6, seed=3))
    (pets / "train").symlink_to(folder)
    first = load(str(pets))
    write_folder(folder, some_images(30, seed=4))
    assert load(str(pets)).digest != first.digest


def test_a_link_that_leads_nowhere_is_reported_whatever_is_kept(cache, folder):
    load(str(folder))
    (folder / "cat" / "gone.png").symlink_to(folder / "nowhere.png")
    for _ in range(2):
        with pytest.raises(UserError, match=r"1 of 31 images cannot be read: cat/gone.png"):
            load(str(folder))
    assert load(DataSettings(data=str(folder), skip_damaged=True)).warnings[0].startswith("1 image that cannot")


@pytest.mark.parametrize("after", [0, 1])
def test_a_full_disk_is_reported(cache, folder, monkeypatch, after):
    calls = []

    def full(*_):
        calls.append(1)
        if len(calls) > after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UserError, match="No space left on device; set POLICYSEARCH_CACHE"):
        load(str(folder))
    assert not list((cache / "data").iterdir())


def test_names_of_any_bytes(cache, folder):
    os.rename(folder / "cat" / "00001.png", os.fsencode(folder / "cat") + b"/\xff.png")
    assert len(load(str(folder)).y_train) == 24


def test_an_entry_that_another_search_is_putting_there_is_left_alone(cache, folder, monkeypatch):
    """It may come between the look and the opening, or between the decoding and the renaming."""
    from policysearch.datasets import cache as module

    handle = Path(load(str(folder)).handle)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "exists", lambda path: False)
        assert module.cached_dataset(handle.name) is None
    assert handle.exists()
    monkeypatch.setattr("policysearch.datasets.load.cached_dataset", lambda key: None)
    assert load(str(folder)).handle == str(handle)
    assert [path.name for path in handle.parent.iterdir()] == [handle.name]


def test_settings_have_entries_of_their_own(cache, decoded, folder):
    sizes = [load(DataSettings(data=str(folder), resize=size)).shape for size in ("8", "10", "8x10", "8")]
    assert sizes == [(3, 8, 8), (3, 10, 10), (3, 8, 10), (3, 8, 8)] and len(decoded) == 3


def test_contents_of_a_group_file_count(cache, folder, tmp_path):
    groups = tmp_path / "groups.csv"
    settings = DataSettings(data=str(folder), group=str(groups))
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*.png")]
    groups.write_text("".join(f"{name},{i // 2}\n" for i, name in enumerate(names)))
    first = load(settings)
    groups.write_text("".join(f"{name},{i}\n" for i, name in enumerate(names)))
    assert len(np.unique(load(settings).groups)) > len(np.unique(first.groups))


@pytest.mark.parametrize("damage", ["cut", "empty", "meta", "null", "missing", "all"])
def test_a_damaged_entry_is_made_again(cache, decoded, folder, damage):
    first = load(str(folder))
    want = np.array(first.x_train)
    entry = Path(first.handle)
    del first
    if damage == "cut":
        os.truncate(entry / "x_train.npy", 1000)
    elif damage == "empty":
        os.truncate(entry / "x_train.npy", 0)
    elif damage in ("meta", "null"):
        (entry / "meta.json").write_text({"meta": "{", "null": "null"}[damage])
    elif damage == "missing":
        (entry / "y_test.npy").unlink()
    else:
        shutil.rmtree(cache)
    assert np.array_equal(load(str(folder)).x_train, want) and decoded == [30, 30]


def test_writing_to_the_arrays_changes_nothing_kept(cache, folder):
    first = load(str(folder))
    before = first.x_train[0].copy()
    first.x_train[0] = 0
    assert np.array_equal(load(str(folder)).x_train[0], before)


def test_several_at_once_make_one_entry_and_leave_nothing_else(cache, folder):
    with ThreadPoolExecutor(4) as pool:
        digests = {dataset.digest for dataset in pool.map(load, [str(folder)] * 4)}
    assert len(digests) == 1 and len(list((cache / "data").iterdir())) == 1


def test_bad_data_leave_nothing_behind(cache, tmp_path):
    path = write_parquet(tmp_path / "a.parquet", [b"x", *some_images(29)], np.arange(30) % 3)
    with pytest.raises(UserError):
        load(str(path))
    assert not list((cache / "data").iterdir())


def test_a_cache_that_cannot_be_written_is_reported(monkeypatch, folder, tmp_path):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("POLICYSEARCH_CACHE", str(tmp_path / "file" / "below"))
    with pytest.raises(UserError, match="set POLICYSEARCH_CACHE to a folder with room"):
        load(str(folder))
