"""Data whose images have numbers: arrays, Parquet, folders with a table, strata, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from policysearch.core.errors import UserError
from policysearch.datasets.class_balance import rare_notes
from policysearch.datasets.config import DataSettings
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.load import load
from policysearch.datasets.split import split
from tests.support.line_files import write_parquet
from tests.support.target_data import shaded, write_labels, write_shaded

AGES = [float(i % 7) for i in range(30)]


def _load(path: Path | str, needs: str = "numbers", **settings: object) -> Dataset:
    return load(DataSettings(data=str(path), **settings), needs=needs)


def _refused(path: Path | str, needs: str = "numbers", **settings: object) -> str:
    with pytest.raises(UserError) as error:
        _load(path, needs, **settings)
    return str(error.value)


def _write_npz(path: Path, y_train: np.ndarray) -> Path:
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8), dtype=np.uint8)
    np.savez(path, x_train=images, y_train=y_train)
    return path


def test_arrays_of_several_numbers_with_names(tmp_path: Path) -> None:
    dataset = _load(write_shaded(tmp_path / "shaded.npz"))
    _, numbers = shaded(120)
    assert dataset.target_names == ("edge", "height") and not dataset.has_classes
    assert np.array_equal(dataset.targets_train, numbers) and dataset.targets_train.dtype == np.float64
    assert _load(_write_npz(tmp_path / "ages.npz", np.arange(30) % 7)).target_names == ("number",)


def test_both_sides_of_a_split_have_like_numbers(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (400, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "skewed.npz", x_train=images, y_train=rng.exponential(size=400))
    dataset = _load(tmp_path / "skewed.npz")
    sides = split(dataset, None, 0)
    train, validation = (dataset.targets_train[rows, 0] for rows in (sides.train, sides.validation))
    deciles = np.quantile(train, np.arange(1, 10) / 10)
    assert len(dataset.classes) == 10
    assert np.allclose(np.bincount(np.searchsorted(deciles, validation)) / len(validation), 0.1, atol=0.03)


@pytest.mark.parametrize(("values", "names"), [(AGES, ("age",)), ([[age, -age] for age in AGES], ("age 0", "age 1"))])
def test_a_column_of_numbers_or_of_lists(tmp_path: Path, values: list[Any], names: tuple[str, ...]) -> None:
    write_parquet(tmp_path / "x.parquet", values, "age")
    dataset = _load(tmp_path / "x.parquet", resize="16", label_column="age")
    assert dataset.target_names == names
    assert sorted({*dataset.targets_train[:, 0], *dataset.targets_test[:, 0]}) == sorted(set(AGES))


def test_a_folder_with_a_column_for_each_number(tmp_path: Path) -> None:
    rows = [(f"{i}.png", f"{age:g}", "train" if i < 24 else "test", f"{-age:g}") for i, age in enumerate(AGES)]
    write_labels(tmp_path, ("file", "age", "part", "youth"), rows)
    dataset = _load(tmp_path)
    assert dataset.target_names == ("age", "youth")
    assert dataset.targets_train.tolist() == [[age, -age] for age in AGES[:24]]


@pytest.mark.parametrize(
    ("y_train", "sentence"),
    [
        (np.full(30, 2.5), "number is the same number for all training images"),
        (np.array([*AGES[:29], np.nan]), "has nan at [29, 0]"),
        (np.array([*AGES[:29], np.inf]), "has inf at [29, 0]"),
        (np.array(["a"] * 30), "must be numbers of shape [N] or [N, numbers]"),
        (np.arange(30) % 2 == 0, "must be numbers"),
        (np.zeros((30, 2, 2)), "must be numbers"),
        (np.full(30, np.nan), "the numbers of every image are needed"),
    ],
)
def test_arrays_that_are_no_numbers_are_refused(tmp_path: Path, y_train: np.ndarray, sentence: str) -> None:
    assert sentence in _refused(_write_npz(tmp_path / "bad.npz", y_train))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (["young"] * 30, "has 'young', and --task regression needs a number in each cell"),
        ([[1.0], [1.0, 2.0]] * 15, "lists of 1 to 2 numbers"),
        ([*AGES[:29], None], "has None, and --task regression"),
        ([True, False] * 15, "has True, and --task regression"),
        ([*AGES[:29], float("nan")], "has nan at [29, 0]"),
    ],
)
def test_cells_that_are_no_numbers_are_refused(tmp_path: Path, values: list[Any], sentence: str) -> None:
    write_parquet(tmp_path / "x.parquet", values, "target")
    assert sentence in _refused(tmp_path / "x.parquet", resize="16")


def test_numbers_of_validation_that_are_all_the_same_are_refused(tmp_path: Path) -> None:
    images = np.random.default_rng(1).integers(0, 256, (34, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "x.npz", x_train=images[:30], y_train=AGES, x_val=images[30:], y_val=np.full(4, 2.0))
    dataset = _load(tmp_path / "x.npz")
    with pytest.raises(UserError, match="number is the same for all validation images"):
        rare_notes(dataset, split(dataset, None, 0))


def test_a_cell_of_a_table_that_is_no_number_and_data_of_another_task_are_refused(tmp_path: Path) -> None:
    write_labels(tmp_path / "a", ("file", "age"), [("0.png", "1"), ("1.png", "old")])
    assert "1.png has 'old' in the column 'age' of labels.csv" in _refused(tmp_path / "a")
    assert "--task regression needs the numbers of every image" in _refused("fashion-small")
    path = _write_npz(tmp_path / "x.npz", np.array(AGES) / 2)
    assert "numbers are for --task regression" in _refused(path, "labels")
    assert "must be [N, classes] of 0 and 1" in _refused(path, "label-sets")
