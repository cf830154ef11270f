"""Folders as people have them: read for what they mean, or refused where that cannot be told."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from policysearch.core.errors import UserError
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.load import load
from policysearch.datasets.split import split
from tests.support.image_files import NAMES, some_images, write_folder


def fill(*folders: Path, count: int = 5) -> None:
    """Different images in each folder."""
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        seed = sum(map(ord, str(folder.relative_to(folder.parents[2]))))
        for i, image in enumerate(some_images(count, seed=seed)):
            Image.fromarray(image).save(folder / f"{i}.png")


def counts(dataset: Dataset) -> tuple[int, int, int]:
    """Images to train on, to validate with, and to test with; no validation where the data have none of their own."""
    held = 0 if dataset.validation is None else len(dataset.validation)
    return len(dataset.y_train) - held, held, len(dataset.y_test)


def under(root: Path, *paths: str) -> list[Path]:
    return [root / path / name for path in paths for name in NAMES]


READ = {
    "parts": (["train", "val", "test"], (15, 15, 15)),
    "parts in other words": (["Training", "dev", "TESTING"], (15, 15, 15)),
    "parts one level too deep": (["seg_train/seg_train", "seg_test/seg_test"], (15, 0, 15)),
    "parts in longer names": (["train_set", "validation-set", "test set"], (15, 15, 15)),
    "one folder around classes": (["archive/pets"], (12, 0, 3)),
    "one folder around parts": (["archive/train", "archive/test"], (15, 0, 15)),
}


@pytest.mark.parametrize("case", READ)
def test_layouts_that_are_understood(tmp_path, case):
    parts, expected = READ[case]
    fill(*under(tmp_path / "data", *parts))
    dataset = load(str(tmp_path / "data"))
    assert dataset.classes == NAMES and counts(dataset) == expected
    labels = np.concatenate([dataset.y_train, dataset.y_test])
    assert len(np.unique(np.bincount(labels))) == 1


def test_parts_within_classes(tmp_path):
    fill(*(tmp_path / name / part for name in NAMES for part in ("train", "test")))
    dataset = load(str(tmp_path))
    assert dataset.classes == NAMES and counts(dataset) == (15, 0, 15) and not dataset.warnings


def test_a_class_of_trains_is_a_class(tmp_path):
    fill(*(tmp_path / name for name in ("bus", "car", "train")))
    dataset = load(str(tmp_path))
    assert dataset.classes == ("bus", "car", "train")
    assert "train/ is read as a class, like the folders beside it" in dataset.warnings


def test_a_name_that_contains_a_parts_is_a_class(tmp_path):
    fill(*(tmp_path / name for name in ("bullet_train", "test-tube", "tram")))
    assert load(str(tmp_path)).classes == ("bullet_train", "test-tube", "tram")


@pytest.mark.parametrize("pile", ["test", "test/images", "test/test1"])
def test_an_unlabelled_part_is_left_out_aloud(tmp_path, pile):
    fill(*under(tmp_path, "train"), tmp_path / pile)
    dataset = load(str(tmp_path))
    assert counts(dataset) == (12, 0, 3)
    assert f"5 images of {tmp_path / 'test'} in no class folder: the test part was left out" in dataset.warnings


REFUSED = {
    "parts without train": (["test/cat", "test/dog", "valid/cat", "valid/dog"], "test/ and valid/ but no train/"),
    "longer names without train": (["my_test/cat", "my_test/dog", "my_val/cat", "my_val/dog"], "but no train/"),
    "a part beside classes": (["cat", "dog", "test/cat", "test/dog"], "test/ could mean classes, or parts beside"),
    "unlabelled images beside classes": (["cat", "dog", "test"], "test/ could mean classes, or parts beside"),
    "training images without classes": (["train", "test"], "train holds 5 images, but no folder for each class"),
    "folds": (["fold1/cat", "fold1/dog", "fold2/cat", "fold2/dog"], "fold1, fold2 all have the same sub-folders"),
    "names of two lines": (["fold\n1/cat", "fold\n1/dog", "2/cat", "2/dog"], r"2, fold\\n1 all have the same"),
    "masks": (["cat/images", "cat/masks", "dog/images", "dog/masks"], r"same sub-folders \(images, masks\)"),
    "some classes divided": (["cat/train", "cat/test", "dog"], "cat/ is divided into parts, but dog/ is not"),
    "a class without training images": (["train/cat", "train/dog", "test/cow"], "class 'cow', which .* has not"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_layouts_that_could_mean_two_things_are_refused(tmp_path, case):
    folders, sentence = REFUSED[case]
    fill(*(tmp_path / folder for folder in folders))
    with pytest.raises(UserError, match=sentence) as error:
        load(str(tmp_path))
    assert "\n" not in str(error.value)


def test_what_programs_leave_behind_is_no_data(tmp_path):
    write_folder(tmp_path, some_images(30))
    fill(*(tmp_path / "cat" / name for name in (".ipynb_checkpoints", "@eaDir", "__MACOSX")), tmp_path / "__MACOSX")
    (tmp_path / "cat" / "Thumbs.db").write_bytes(b"")
    dataset = load(str(tmp_path))
    assert dataset.classes == NAMES and counts(dataset) == (24, 0, 6) and len(dataset.warnings) == 1


def test_links_to_folders_inside_a_class_are_followed_once(tmp_path):
    write_folder(tmp_path / "data", some_images(30))
    fill(tmp_path / "elsewhere" / "deep")
    (tmp_path / "data" / "cat" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "cat" / "round").symlink_to(tmp_path / "data")
    dataset = load(str(tmp_path / "data"))
    assert np.bincount(np.concatenate([dataset.y_train, dataset.y_test])).tolist() == [10, 15, 10]


def test_files_of_all_kinds_are_read_or_counted(tmp_path):
    write_folder(tmp_path, some_images(30))
    for suffix in (".jfif", ".JPE", ".avif", ".pbm"):
        kind = {".jfif": "JPEG", ".JPE": "JPEG", ".avif": "AVIF", ".pbm": "PPM"}[suffix]
        image = Image.fromarray(some_images(1, seed=len(suffix))[0])
        image.convert("1" if suffix == ".pbm" else "RGB").save(tmp_path / "cat" / f"a{suffix}", kind)
    for name in ("a.txt", "b.txt", "c.heic", "d"):
        (tmp_path / "cat" / name).write_text("no image")
    Image.fromarray(some_images(1, seed=9)[0]).save(tmp_path / "loose.png")
    dataset = load(str(tmp_path))
    assert sum(counts(dataset)) == 34
    assert any(
        "since not of kinds that are read: 4 files (2 .txt, 1 .heic, 1 without an ending)" in text
        for text in dataset.warnings
    )
    assert any(text == f"left out, since in no class folder: 1 image of {tmp_path}" for text in dataset.warnings)
    (tmp_path / "cat" / "e.txt").write_text("one more, though the decoded images are cached")
    assert any("3 .txt" in text for text in load(str(tmp_path)).warnings)


def test_class_folders_without_images_are_named(tmp_path):
    write_folder(tmp_path, some_images(30))
    (tmp_path / "cow").mkdir()
    dataset = load(str(tmp_path))
    assert dataset.classes == NAMES and "folders without images are no classes: cow" in dataset.warnings


def test_classes_of_odd_bytes_can_be_shown(tmp_path):
    write_folder(tmp_path, some_images(30))
    os.rename(tmp_path / "cat", os.fsencode(tmp_path) + b"/c\xe4t")
    assert load(str(tmp_path)).classes == ("bird", "c\\xe4t", "dog")


def test_a_folder_beside_the_parts_is_counted(tmp_path):
    fill(*under(tmp_path, "train", "test"), tmp_path / "predict")
    dataset = load(str(tmp_path))
    assert dataset.warnings == (f"left out, since it is no part: {tmp_path / 'predict'} (5 images)",)
    assert split(dataset, None, 0).validation.size == 5


def test_images_without_classes_say_what_is_there(tmp_path):
    for i, image in enumerate(some_images(4)):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    (tmp_path / "labels.csv").write_text("0.png,cat")
    with pytest.raises(
        UserError, match=r"it has 4 images of its own, in no sub-folder. Images with labels in a table come from"
    ):
        load(str(tmp_path))


def test_folders_nested_without_end_are_refused(tmp_path):
    deep = tmp_path.joinpath(*"a" * 80)
    deep.mkdir(parents=True)
    Image.fromarray(some_images(1)[0]).save(deep / "a.png")
    with pytest.raises(UserError, match="folders are nested more than 64 deep"):
        load(str(tmp_path))
