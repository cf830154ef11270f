"""Data without labels: folders without class folders, arrays without y, Parquet without a column of labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from policysearch.core.errors import UserError
from policysearch.datasets.config import DataSettings
from policysearch.datasets.load import load, opened
from policysearch.datasets.split import split
from tests.support.image_files import encoded, some_images, write_folder

IMAGES = some_images(30)


def write_flat(folder: Path, images: np.ndarray = IMAGES) -> Path:
    """Images in the folder itself."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i:03}.png")
    return folder


def write_table(path: Path, images: np.ndarray = IMAGES, **columns) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"image": [{"bytes": encoded(image), "path": None} for image in images], **columns}), path)
    return path


def flat(path: Path) -> Path:
    return write_flat(path / "photos")


def nested(path: Path) -> Path:
    write_flat(path / "photos" / "all")
    return path / "photos"


def npz(path: Path) -> Path:
    np.savez(path / "a.npz", x_train=IMAGES)
    return path / "a.npz"


def npz_with_hidden_labels(path: Path) -> Path:
    np.savez(path / "a.npz", x_train=IMAGES, y_train=np.full(30, -1))
    return path / "a.npz"


def parquet(path: Path) -> Path:
    return write_table(path / "a.parquet")


def parquet_with_hidden_labels(path: Path) -> Path:
    return write_table(path / "a.parquet", label=pa.array([None] * 30, pa.int64()))


FORMS = [flat, nested, npz, npz_with_hidden_labels, parquet, parquet_with_hidden_labels]


def unlabelled(path: Path | str, **settings):
    return load(DataSettings(data=str(path), **settings), needs="nothing")


@pytest.mark.parametrize("write", FORMS, ids=lambda form: form.__name__)
def test_images_without_labels_are_read_for_a_task_that_needs_none(write, tmp_path):
    dataset = unlabelled(write(tmp_path))
    assert not dataset.labelled and dataset.classes == ("unlabelled",)
    assert len(dataset.x_train) == 24 and len(dataset.x_test) == 6
    assert not dataset.y_train.any() and not dataset.y_test.any()
    kept = opened(dataset.handle)
    assert (kept.labelled, kept.digest) == (False, dataset.digest)


@pytest.mark.parametrize(
    ("write", "what"),
    [
        (flat, "has no images in sub-folders"),
        (npz, "y_train missing"),
        (parquet, r"has no column of labels"),
        (npz_with_hidden_labels, "all training images have the label -1"),
        (parquet_with_hidden_labels, "30 of 30 images have no label"),
        (nested, "the training images are of one class"),
    ],
)
def test_a_task_that_needs_labels_refuses_them_and_names_the_other_task(write, what, tmp_path):
    with pytest.raises(UserError, match=rf"{what}.*images without labels are for --task self-supervised"):
        load(str(write(tmp_path)))


def test_a_training_part_without_class_folders_is_refused_where_labels_are_needed(tmp_path):
    write_flat(tmp_path / "data" / "train")
    write_flat(tmp_path / "data" / "test", IMAGES[:4])
    with pytest.raises(UserError, match=r"holds 30 images, but no folder for each class.*--task self-supervised"):
        load(str(tmp_path / "data"))


def test_parts_without_class_folders(tmp_path):
    write_flat(tmp_path / "data" / "train")
    write_flat(tmp_path / "data" / "test", some_images(7, seed=1))
    write_flat(tmp_path / "data" / "notes", some_images(2, seed=2))
    dataset = unlabelled(tmp_path / "data")
    assert (len(dataset.x_train), len(dataset.x_test)) == (30, 7)
    assert any("left out, since it is no part" in text for text in dataset.warnings)


@pytest.mark.parametrize("form", ["folder", "npz"])
def test_labels_that_are_there_are_read_and_change_nothing(form, tmp_path):
    if form == "folder":
        path = write_folder(tmp_path / "data", IMAGES)
    else:
        path = tmp_path / "data.npz"
        np.savez(path, x_train=IMAGES, y_train=np.arange(30) % 3)
    dataset, labelled = unlabelled(path), load(str(path))
    assert dataset.labelled and dataset.classes == labelled.classes and dataset.digest == labelled.digest


def test_digests_of_labelled_and_unlabelled_images_differ(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=IMAGES)
    np.savez(tmp_path / "b.npz", x_train=IMAGES, y_train=np.arange(30) % 2)
    assert unlabelled(tmp_path / "a.npz").digest != unlabelled(tmp_path / "b.npz").digest


def test_a_function_may_return_images_alone(tmp_path):
    source = "import numpy as np\ndef photos():\n    return np.arange(20 * 9 * 9, dtype=np.uint8).reshape(20, 9, 9)\n"
    (tmp_path / "own.py").write_text(source)
    dataset = unlabelled(f"{tmp_path / 'own.py'}:photos")
    assert not dataset.labelled and len(dataset.x_train) == 16


def test_a_split_of_images_without_labels_is_a_plain_random_one(tmp_path):
    dataset = unlabelled(npz(tmp_path))
    sides = split(dataset, 8, seed=3)
    assert len(sides.validation) == 8 and len(sides.train) == 16
    assert not np.array_equal(sides.validation, split(dataset, 8, seed=4).validation)


def test_too_few_images_without_labels_are_refused_in_plain_words(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=IMAGES[:2])
    with pytest.raises(UserError, match="no test part, and only 2 images: at least 5 are needed"):
        unlabelled(tmp_path / "a.npz")


def test_one_image_without_a_label_is_refused_in_plain_words(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=IMAGES[:1])
    with pytest.raises(UserError, match="no test part, and only 1 image: at least 5 are needed"):
        unlabelled(tmp_path / "a.npz")


def test_labels_for_some_images_are_refused_with_their_number(tmp_path):
    labels = pa.array([0, 1, None] * 10, pa.int64())
    with pytest.raises(UserError, match="10 of 30 images have no label: give or remove them"):
        unlabelled(write_table(tmp_path / "a.parquet", label=labels))


def test_two_arrays_of_images_for_a_part_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=IMAGES, train_images=IMAGES)
    with pytest.raises(UserError, match="which array has the images of the train part: x_train, train_images"):
        unlabelled(tmp_path / "a.npz")


def test_no_images_at_all_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="has no images"):
        unlabelled(tmp_path / "empty")


def test_data_without_texts_are_refused_where_texts_are_needed():
    with pytest.raises(UserError, match=r"'fashion-small' have no texts: --task text-lines needs the text of every"):
        load(DataSettings(), needs="texts")
