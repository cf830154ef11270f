"""Data whose images have several labels: arrays, functions, Parquet, folders with a table, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from policysearch.core.errors import UserError
from policysearch.datasets.class_balance import rare_notes
from policysearch.datasets.config import DataSettings
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.load import load, opened
from policysearch.datasets.split import split
from tests.support.line_files import write_parquet
from tests.support.target_data import marked, write_labels, write_marked

NAMES = ("cat", "dog", "owl")
SETS = [["cat"], ["dog", "cat"], [], ["owl"], ["cat", "owl"], ["dog"]] * 2


def _load(path: Path | str, needs: str = "label-sets", **settings: object) -> Dataset:
    return load(DataSettings(data=str(path), **settings), needs=needs)


def _refused(path: Path | str, needs: str = "label-sets", **settings: object) -> str:
    with pytest.raises(UserError) as error:
        _load(path, needs, **settings)
    return str(error.value)


def _write_npz(path: Path, y_train: np.ndarray, **arrays: np.ndarray) -> Path:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (len(y_train), 8, 8), dtype=np.uint8)
    np.savez(path, x_train=images, y_train=y_train, **arrays)
    return path


def _rows(sets: Sequence[Sequence[str]], names: Sequence[str] = NAMES) -> np.ndarray:
    return np.array([[name in labels for name in names] for labels in sets], np.uint8)


def test_arrays_of_0_and_1_with_names_and_a_test_part(tmp_path: Path) -> None:
    dataset = _load(write_marked(tmp_path / "marked.npz"))
    _, labels = marked(120)
    assert dataset.target_names == ("red", "green", "blue") and not dataset.has_classes
    assert np.array_equal(dataset.targets_train, labels) and dataset.targets_train.dtype == np.float32
    assert np.array_equal(dataset.targets_test, marked(30, seed=1)[1])
    again = opened(dataset.handle)
    assert np.array_equal(again.targets_train, labels) and again.target_names == dataset.target_names
    assert len(dataset.portable().targets_test) == 0 and len(dataset.portable(test=True).targets_test) == 30


def test_the_digest_depends_on_every_label(tmp_path: Path) -> None:
    rows = _rows(SETS)
    other = rows.copy()
    other[0, 1] = 1
    first, second = (_load(_write_npz(tmp_path / f"{i}.npz", y)) for i, y in enumerate((rows, other)))
    assert first.digest != second.digest


def test_a_rare_label_is_on_both_sides_of_the_split_in_proportion(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = (rng.random((600, 3)) < (0.6, 0.5, 0.05)).astype(np.uint8)
    dataset = _load(_write_npz(tmp_path / "rare.npz", rows, classes=np.array(NAMES)))
    assert dataset.targets_test is not None and len(dataset.targets_test) == 120
    total = rows[:, 2].sum()
    assert dataset.targets_test[:, 2].sum() == pytest.approx(total / 5, abs=1)
    sides = split(dataset, None, 0)
    assert dataset.targets_train[sides.validation, 2].sum() == pytest.approx(0.8 * total / 3, abs=1.5)


def test_a_function_gives_sets_of_labels(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import numpy as np\n"
        "def data():\n"
        "    rng = np.random.default_rng(0)\n"
        "    return rng.integers(0, 256, (30, 8, 8), dtype=np.uint8), rng.random((30, 4)) < 0.5\n"
    )
    dataset = _load(f"{tmp_path / 'own.py'}:data")
    assert dataset.target_names == ("0", "1", "2", "3") and len(dataset.targets_train) == 24


@pytest.mark.parametrize("values", [SETS, [[NAMES.index(label) for label in labels] for labels in SETS]])
def test_a_list_column_of_names_or_of_numbers(tmp_path: Path, values: list[Any]) -> None:
    write_parquet(tmp_path / "train.parquet", values, "labels")
    (tmp_path / "classes.txt").write_text("\n".join(NAMES))
    dataset = _load(tmp_path, resize="16")
    assert dataset.target_names == NAMES
    assert sorted(map(tuple, np.concatenate([dataset.targets_train, dataset.targets_test]).tolist())) == sorted(
        map(tuple, _rows(SETS).tolist())
    )


def test_the_names_of_the_hub_and_rows_of_0_and_1(tmp_path: Path) -> None:
    write_parquet(tmp_path / "plain.parquet", _rows(SETS).tolist(), "tags")
    table = parquet.read_table(tmp_path / "plain.parquet")
    for features in ({"feature": {"names": NAMES}}, [{"names": NAMES}]):
        info = {"info": {"features": {"tags": features}}}
        with_names = table.replace_schema_metadata({"huggingface": json.dumps(info)})
        parquet.write_table(with_names, tmp_path / "named.parquet")
        assert _load(tmp_path / "named.parquet", resize="16").target_names == NAMES
    assert _load(tmp_path / "plain.parquet", resize="16").target_names == ("0", "1", "2")


def test_hidden_labels_of_a_test_part_are_left_out(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train.parquet", SETS, "labels")
    images = parquet.read_table(tmp_path / "train.parquet")["image"]
    hidden = pyarrow.array([None] * len(images), pyarrow.list_(pyarrow.string()))
    parquet.write_table(pyarrow.table({"image": images, "labels": hidden}), tmp_path / "test.parquet")
    dataset = _load(tmp_path, resize="16")
    assert any("labels of the test part are hidden" in text for text in dataset.warnings)


def test_a_folder_with_a_column_of_lists_and_parts(tmp_path: Path) -> None:
    parts = ["train"] * 10 + ["test"] * 2
    rows = [(f"a/{i}.png", "|".join(labels), part) for i, (labels, part) in enumerate(zip(SETS, parts, strict=True))]
    write_labels(tmp_path, ("file", "labels", "part"), rows)
    dataset = _load(tmp_path)
    assert dataset.target_names == NAMES
    assert np.array_equal(dataset.targets_train, _rows(SETS)[:10])
    assert np.array_equal(dataset.targets_test, _rows(SETS)[10:])


def test_a_folder_with_a_column_for_each_label(tmp_path: Path) -> None:
    for part in ("train", "test"):
        rows = [(f"{i}.png", *map(str, row)) for i, row in enumerate(_rows(SETS))]
        write_labels(tmp_path / part, ("file_name", *NAMES), rows)
    dataset = _load(tmp_path)
    assert dataset.target_names == NAMES and np.array_equal(dataset.targets_test, _rows(SETS))


def test_labels_without_images_are_left_out_with_a_sentence(tmp_path: Path) -> None:
    rows = np.insert(_rows(SETS), 1, 0, axis=1)
    dataset = _load(_write_npz(tmp_path / "x.npz", rows, classes=np.array(["cat", "yak", "dog", "owl"])))
    assert dataset.target_names == NAMES and "labels without images are left out: yak" in dataset.warnings


@pytest.mark.parametrize(
    ("y_train", "sentence"),
    [
        (np.arange(12) % 3, "has one label per image: --task multi-label needs"),
        (_rows(SETS) * 2, r"has 2 at \[0, 0\]: a label is 1 where it is there, or 0"),
        (np.full((12, 2), np.nan), "has nan at"),
        (np.full((12, 2), -1), "is all -1 or nan"),
        (np.zeros((12, 2), np.uint8), "all training images have the same labels"),
        (np.zeros((12, 0), np.uint8), "must be"),
        (np.array([["a"], ["b"]] * 6), "must be"),
        (_rows(SETS)[:5], "has 5 rows for 12 images"),
    ],
)
def test_arrays_that_are_no_sets_of_labels_are_refused(tmp_path: Path, y_train: np.ndarray, sentence: str) -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "bad.npz", x_train=images, y_train=y_train)
    message = _refused(tmp_path / "bad.npz")
    assert message.startswith("data ") and re.search(sentence, message)


def test_names_and_parts_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    assert "3 targets per image and 2 names" in _refused(
        _write_npz(tmp_path / "names.npz", _rows(SETS), classes=np.array(["a", "b"]))
    )
    images = np.zeros((12, 8, 8), np.uint8)
    wider = _write_npz(tmp_path / "parts.npz", _rows(SETS), x_test=images, y_test=np.ones((12, 2), np.uint8))
    assert "as many targets per image: y_train has 3, y_test has 2" in _refused(wider)
    only_test = _rows([["cat", "dog"]] * 6 + [["dog"]] * 6)
    unseen = _write_npz(tmp_path / "unseen.npz", only_test, x_test=images, y_test=_rows(SETS), classes=np.array(NAMES))
    assert "has the label 'owl', which no training image has" in _refused(unseen)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([1, 2, 0] * 4, "has 1, and --task multi-label needs a list of labels in each cell"),
        ([[0], [1, 1, 0]] * 6, "name a label twice"),
        ([[0], [-1]] * 6, "numbers from 0, got -1"),
        ([[0.5], [1.0]] * 6, "numbers from 0, got"),
        ([[]] * 12, "all training images have the same labels"),
    ],
)
def test_cells_that_are_no_lists_of_labels_are_refused(tmp_path: Path, values: list[Any], sentence: str) -> None:
    column = pyarrow.array(values, pyarrow.list_(pyarrow.int64())) if values == [[]] * 12 else values
    write_parquet(tmp_path / "x.parquet", column, "labels")
    assert sentence in _refused(tmp_path / "x.parquet", resize="16")


@pytest.mark.parametrize(
    ("header", "rows", "sentence"),
    [
        (("name", "labels"), [("0.png", "cat")], "must begin with a header such as file,labels"),
        (("file",), [("0.png",)], "must begin with a header"),
        (("file", "cat", "dog"), [("0.png", "1", "x")], "has 'x' in the column 'dog' of labels.csv: it must be 0 or 1"),
        (("file", "labels"), [("0.png", ""), ("1.png", "")], "is empty"),
        (("file", "labels"), [("0.png", "cat"), ("0.png", "dog")], "names 0.png twice"),
        (("file", "cat", "cat"), [("0.png", "1", "0")], "two columns of one name"),
        (("file", "labels"), [], "a header and no rows"),
    ],
)
def test_tables_that_say_no_labels_are_refused(tmp_path: Path, header: Any, rows: Any, sentence: str) -> None:
    write_labels(tmp_path, header, rows)
    assert sentence in _refused(tmp_path)


def test_an_empty_table_says_which_header_it_needs(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").touch()
    assert "is empty: it needs the header file,labels and a row" in _refused(tmp_path)


def test_a_validation_part_by_which_nothing_can_be_judged_is_refused(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8), dtype=np.uint8)
    path = _write_npz(tmp_path / "x.npz", _rows(SETS), x_val=images, y_val=np.zeros((4, 3), np.uint8))
    dataset = _load(path)
    with pytest.raises(UserError, match="no validation image has a label"):
        rare_notes(dataset, split(dataset, None, 0))


def test_a_label_that_validation_hardly_shows_is_named(tmp_path: Path) -> None:
    rare = _load(_write_npz(tmp_path / "x.npz", np.eye(3, dtype=np.uint8)[[0] * 30 + [1] * 30 + [2] * 4]))
    [note] = rare_notes(rare, split(rare, None, 0))
    assert note.startswith("1 label has fewer than 5 validation images ('2' ")


def test_files_that_are_not_there_and_folders_without_a_table_are_refused(tmp_path: Path) -> None:
    write_labels(tmp_path / "a", ("file", "labels"), [("0.png", "cat"), ("1.png", "dog")])
    (tmp_path / "a" / "1.png").unlink()
    assert "names 1 file that is not there: 1.png" in _refused(tmp_path / "a")
    (tmp_path / "b").mkdir()
    assert "has no labels.csv" in _refused(tmp_path / "b")
    assert "No such file" in _refused(tmp_path / "c" / "d.npz")


def test_data_of_another_task_are_refused_with_the_flag_that_helps(tmp_path: Path) -> None:
    for name in ("fashion-small", "text-lines-small", "CIFAR10"):
        assert "--task multi-label needs the labels of every image" in _refused(name)
    path = write_marked(tmp_path / "marked.npz")
    assert "several labels per image are for --task multi-label" in _refused(path, "labels")
    write_labels(tmp_path / "scenes", ("file", "labels"), [("0.png", "cat"), ("1.png", "dog")])
    assert "labels.csv is read by --task multi-label" in _refused(tmp_path / "scenes", "labels")
    write_parquet(tmp_path / "x.parquet", SETS, "labels")
    assert "lists of labels are for --task multi-label" in _refused(tmp_path / "x.parquet", "labels", resize="16")
