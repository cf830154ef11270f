"""Splits that keep groups whole, and the files that say what a group is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policysearch.core.errors import UserError
from policysearch.datasets.config import DataSettings
from policysearch.datasets.groups import grouped
from policysearch.datasets.load import load
from policysearch.datasets.split import cut, split
from tests.support.image_files import some_images, write_folder
from tests.support.quick import write_npz


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), min_size=20, max_size=200),
    st.floats(0.1, 0.6),
    st.integers(0, 2**31),
)
@settings(max_examples=150, deadline=None)
def test_no_group_is_torn_and_every_class_is_on_both_sides_or_it_is_said(rows, share, seed):
    groups, labels = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    labels = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    classes = tuple(str(k) for k in range(labels.max() + 1))
    size = max(len(classes), int(share * len(rows)))
    try:
        chosen = cut(labels, groups, size, np.random.default_rng(seed), classes)
    except UserError as error:
        assert "keeps its groups whole" in str(error)
        return
    rest = np.setdiff1d(np.arange(len(rows)), chosen)
    assert not set(groups[chosen]) & set(groups[rest])
    assert set(labels[chosen]) == set(labels[rest]) == set(range(len(classes)))
    assert np.array_equal(chosen, np.unique(chosen))


@pytest.mark.parametrize("share", [0.1, 0.6, 0.95])
def test_classes_that_can_stand_on_both_sides_do(share):
    """Groups of one class each, two or more a class: some choice is always right."""
    for seed in range(60):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(9), rng.integers(1, 12, 9))
        labels = groups % 3
        chosen = cut(labels, groups, max(3, int(share * len(labels))), rng, ("a", "b", "c"))
        assert set(labels[chosen]) == set(np.delete(labels, chosen)) == {0, 1, 2}


def test_one_group_may_serve_two_classes_that_had_none():
    """Group 1, taken for one of them, is enough for the other: no further group is taken."""
    groups = np.array([2, 1, 4, 1, 2, 1, 2, 4, 4, 3, 2, 4, 1])
    labels = np.array([1, 1, 0, 1, 2, 2, 1, 0, 2, 0, 0, 0, 1])
    assert cut(labels, groups, 3, np.random.default_rng(1338), ("a", "b", "c")).tolist() == [1, 3, 5, 9, 12]


def test_shares_are_met_where_groups_are_small():
    labels = np.repeat(np.arange(4), [400, 200, 100, 100])
    groups = np.arange(800) // 5
    chosen = cut(labels, groups, 200, np.random.default_rng(0), ("a", "b", "c", "d"))
    assert np.abs(np.bincount(labels[chosen]) - [100, 50, 25, 25]).max() <= 5


def test_a_split_that_forgets_the_groups_is_caught():
    labels, groups = np.arange(300) % 3, np.arange(300) // 3
    torn = cut(labels, None, 100, np.random.default_rng(0), ("a", "b", "c"))
    assert set(groups[torn]) & set(groups[np.setdiff1d(np.arange(300), torn)])


def test_groups_hold_for_the_test_part_that_is_set_aside_too(tmp_path):
    write_folder(tmp_path, some_images(90))
    names = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png"))
    of = {name: i // 3 for i, name in enumerate(names)}
    (tmp_path / "groups.csv").write_text("".join(f"{name},g{group}\n" for name, group in of.items()))
    dataset = load(DataSettings(data=str(tmp_path), group=str(tmp_path / "groups.csv")))
    by_pixels = {image.transpose(2, 0, 1).tobytes(): i for i, image in enumerate(some_images(90))}
    index = {f"{i:05}": i for i in range(90)}
    group_of = {index[name[-9:-4]]: group for name, group in of.items()}
    test = {group_of[by_pixels[image.tobytes()]] for image in dataset.x_test}
    train = {group_of[by_pixels[image.tobytes()]] for image in dataset.x_train}
    assert test and train and not test & train
    sides = split(dataset, None, 0)
    assert not set(dataset.groups[sides.train]) & set(dataset.groups[sides.validation])


NAMES = ["a.png", "b.png", "c.png"]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("image,group\na.png,x\nb.png,y\nc.png,x\n", [0, 1, 0]),
        ("c.png,x\nb.png,y\na.png,x\nunused.png,z\n", [0, 1, 0]),
        ("x\ny\nx\n", [0, 1, 0]),
        ("7\n7\n8\n", [0, 0, 1]),
        ("\ufeff7\r\n7\r\n8\r\n", [0, 0, 1]),
        ("\ufeffa.png,x\nb.png,y\nc.png,x\n", [0, 1, 0]),
    ],
)
def test_files_of_groups(tmp_path, text, numbers):
    (tmp_path / "g.csv").write_text(text, encoding="utf-8", newline="")
    assert grouped(str(tmp_path / "g.csv"), NAMES, [None] * 3).tolist() == numbers


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a.png,x\nb.png,y\n", "gives 1 of 3 .* no group, such as 'c.png'"),
        ("a.png,x\nb.png,y\nc.png,\n", "gives 1 of 3 .* no group, such as 'c.png'"),
        ("a.png,x\nb.png,y\nc.png,x\na.png,y\n", "gives a.png two groups, x and y"),
        ("x\ny\n", "it has 2 lines"),
        ("", "it has 0 lines"),
    ],
)
def test_files_that_do_not_fit(tmp_path, text, sentence):
    (tmp_path / "g.csv").write_text(text)
    with pytest.raises(UserError, match=sentence):
        grouped(str(tmp_path / "g.csv"), NAMES, [None] * 3)


def test_an_array_of_groups(tmp_path):
    path = write_npz(tmp_path / "a.npz", patient=np.arange(90) // 6)
    dataset = load(DataSettings(data=str(path), group="patient"))
    together = dataset.groups[:, None] == dataset.groups
    assert np.array_equal(together, np.arange(90)[:, None] // 6 == np.arange(90) // 6)
    with pytest.raises(UserError, match=r"--group visit: there is no such array of shape \(90,\)"):
        load(DataSettings(data=str(path), group="visit"))


def test_a_file_that_is_no_text_is_told(tmp_path):
    (tmp_path / "g.csv").write_bytes(b"g\xe9\n" * 90)
    with pytest.raises(UserError, match="cannot read --group"):
        load(DataSettings(data=str(write_npz(tmp_path / "a.npz")), group=str(tmp_path / "g.csv")))


def test_nan_is_no_group(tmp_path):
    path = write_npz(tmp_path / "a.npz", patient=np.where(np.arange(90) < 2, np.nan, np.arange(90) // 6))
    with pytest.raises(UserError, match=r"gives 2 of 90 training images no group, such as 'train\[0\]'"):
        load(DataSettings(data=str(path), group="patient"))


def test_a_class_of_one_group_is_told(tmp_path):
    path = write_npz(tmp_path / "a.npz", patient=np.arange(90) % 3)
    with pytest.raises(UserError, match="cannot be on both sides"):
        split(load(DataSettings(data=str(path), group="patient")), None, 0)
