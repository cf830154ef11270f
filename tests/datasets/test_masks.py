"""Images with masks: folders, Parquet, arrays; what is refused of them, and what a person is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from policysearch.core.errors import UserError
from policysearch.datasets.config import DataSettings
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.load import load, opened
from tests.support.mask_children import CLASSES, SIDE, drawn, encoded, write_mask_parquet, write_masks


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("POLICYSEARCH_CACHE", str(tmp_path / "cache"))


def read(path: Path, **settings: object) -> Dataset:
    return load(DataSettings(data=str(path), **settings), needs="masks")


def arrays(count: int = 8) -> tuple[np.ndarray, np.ndarray]:
    images, masks = map(np.stack, zip(*map(drawn, range(count)), strict=True))
    return images[:, 0], masks


def rewrite(file: Path, image: Image.Image) -> None:
    image.save(file)


def test_folders_of_parts_are_read_with_their_masks(tmp_path):
    write_masks(tmp_path / "blots", {"train": 6, "val": 3, "test": 4})
    dataset = read(tmp_path / "blots")
    assert dataset.shape == (1, SIDE, SIDE) and dataset.mask_classes == CLASSES and dataset.classes == ("mask",)
    assert len(dataset.x_train) == 9 and len(dataset.validation) == 3 and len(dataset.x_test) == 4
    for number in range(9):
        image, mask = drawn(number)
        assert np.array_equal(dataset.x_train[number], image) and np.array_equal(dataset.masks_train[number], mask)
    assert np.array_equal(dataset.masks_test[1], drawn(10)[1]) and not dataset.has_classes
    again = opened(dataset.handle)
    assert np.array_equal(again.masks_test, dataset.masks_test) and again.digest == dataset.digest
    alone = dataset.portable()
    assert type(alone.masks_train) is np.ndarray and len(alone.masks_test) == 0
    assert len(dataset.portable(test=True).masks_test) == 4


def test_parts_may_be_within_the_folders_and_masks_be_called_masks(tmp_path):
    for number in range(8):
        part = "train" if number < 5 else "test"
        for kind, ending, values in zip(("JPEGImages", "annotations"), ("", "_mask"), drawn(number), strict=True):
            (tmp_path / "b" / kind / part).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values.reshape(SIDE, SIDE)).save(tmp_path / "b" / kind / part / f"{number}{ending}.png")
    dataset = read(tmp_path / "b")
    assert len(dataset.x_train) == 5 and len(dataset.x_test) == 3 and dataset.mask_classes == ("0", "1", "2")
    assert np.array_equal(dataset.masks_train[2], drawn(2)[1])


def test_a_test_part_is_set_aside_and_files_without_the_other_are_named(tmp_path):
    write_masks(tmp_path / "b", {"": 10})
    (tmp_path / "b" / "masks" / "9.png").rename(tmp_path / "b" / "masks" / "other.png")
    dataset = read(tmp_path / "b")
    assert len(dataset.x_train) == 8 and len(dataset.x_test) == 1
    text = " ".join(dataset.warnings)
    assert "set aside" in text and "no mask of that name: 1 image (9)" in text
    assert "no image of that name: 1 mask (other)" in text


def test_parquet_has_a_column_of_each(tmp_path):
    images, masks = arrays()
    write_mask_parquet(tmp_path / "b.parquet", 8, patient=[*"aabbccdd"])
    dataset = read(tmp_path / "b.parquet", group="patient")
    assert dataset.groups is not None and len(dataset.masks_test) + len(dataset.masks_train) == 8
    both = {tuple(x.ravel()): m for x, m in zip(images, masks, strict=True)}
    assert all(
        np.array_equal(both[tuple(x.ravel())], m) for x, m in zip(dataset.x_train, dataset.masks_train, strict=True)
    )


@pytest.mark.parametrize("name", ["masks_train", "train_masks", "y_train"])
def test_arrays_have_masks_beside_images(tmp_path, name):
    images, masks = arrays()
    np.savez(tmp_path / "b.npz", x_train=images, **{name: masks[:, None]}, classes=np.array(CLASSES))
    dataset = read(tmp_path / "b.npz")
    assert dataset.mask_classes == CLASSES and len(dataset.masks_train) == 7


def test_a_function_returns_them_as_well(tmp_path):
    (tmp_path / "own.py").write_text(
        "import numpy as np\n"
        "def data():\n"
        "    x = np.arange(10 * 64, dtype=np.uint8).reshape(10, 8, 8)\n"
        "    return {'x_train': x[:7], 'masks_train': x[:7] > 99, 'x_test': x[7:], 'masks_test': x[7:] > 99}\n"
    )
    dataset = load(DataSettings(data=f"{tmp_path / 'own.py'}:data"), needs="masks")
    assert dataset.mask_classes == ("0", "1") and np.array_equal(dataset.masks_test, dataset.x_test[:, 0] > 99)


def test_white_is_a_class_where_masks_are_black_and_white_and_none_elsewhere(tmp_path):
    images, masks = arrays()
    np.savez(tmp_path / "two.npz", x_train=images, masks_train=np.where(masks > 0, 255, 0).astype(np.uint8))
    dataset = read(tmp_path / "two.npz", resize="12x20", aspect="pad")
    assert "255 is read as class 1" in " ".join(dataset.warnings) and dataset.mask_classes == ("0", "1")
    assert set(np.unique(dataset.masks_train[..., 4:16])) == {0, 1}, "the image"
    assert set(np.unique(dataset.masks_train[..., :4])) == {255}, "the padding has no class"

    masks[0, 0, 0] = 255
    np.savez(tmp_path / "three.npz", x_train=images, masks_train=masks)
    dataset = read(tmp_path / "three.npz")
    assert dataset.mask_classes == ("0", "1", "2") and 255 in np.unique([*dataset.masks_train, *dataset.masks_test])


@pytest.mark.parametrize(("aspect", "size"), [("crop", "12x8"), ("stretch", "24x36"), ("pad", "20x12")])
def test_masks_are_brought_to_size_as_their_images_are(tmp_path, aspect, size):
    """An image of two plain halves and its mask change side at the same place, but for the blurred edge."""
    image = np.full((8, 16, 16), 20, np.uint8)
    image[:, :, 8:], image[:, 8:, 8:] = 130, 240
    masks = np.searchsorted([100, 200], image).astype(np.uint8)
    np.savez(tmp_path / "b.npz", x_train=image, masks_train=masks)
    dataset = read(tmp_path / "b.npz", resize=size, aspect=aspect)
    x, mask = dataset.x_train[0, 0], dataset.masks_train[0]
    plain = np.isin(x, (20, 130, 240)) & (mask != 255)
    assert plain.mean() > 0.25 and np.array_equal(np.searchsorted([100, 200], x)[plain], mask[plain])
    if aspect == "pad":
        assert np.array_equal(mask == 255, x == 0)


def test_palettes_and_sixteen_bits_are_numbers(tmp_path):
    write_masks(tmp_path / "b", {"train": 6, "test": 2})
    folder = tmp_path / "b" / "train" / "masks"
    coloured = Image.fromarray(drawn(0)[1], "P")
    coloured.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0])
    rewrite(folder / "0.png", coloured)
    rewrite(folder / "1.png", Image.fromarray(drawn(1)[1].astype(np.uint16)))
    rewrite(folder / "2.png", Image.fromarray(np.repeat(drawn(2)[1][..., None], 3, 2)))
    dataset = read(tmp_path / "b")
    assert all(np.array_equal(dataset.masks_train[i], drawn(i)[1]) for i in range(3))


@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        (np.zeros((SIDE, SIDE + 1), np.uint8), f"its mask has {SIDE}×{SIDE + 1} pixels, and it {SIDE}×{SIDE}"),
        (np.arange(SIDE * SIDE * 3, dtype=np.uint8).reshape(SIDE, SIDE, 3), "its mask has colours"),
        (np.full((SIDE, SIDE), 700, np.uint16), "its mask has the number 700; classes are 0 to 253"),
    ],
)
def test_masks_that_are_none_are_refused_or_left_out(tmp_path, mask, reason):
    write_masks(tmp_path / "b", {"train": 6, "test": 2})
    rewrite(tmp_path / "b" / "train" / "masks" / "3.png", Image.fromarray(mask))
    with pytest.raises(UserError, match=rf"1 of 8 images cannot be read: train/images/3.png \({reason}"):
        read(tmp_path / "b")
    assert len(read(tmp_path / "b", skip_damaged=True).x_train) == 5


def test_a_damaged_mask_is_said_with_its_image(tmp_path):
    write_masks(tmp_path / "b", {"train": 6, "test": 2})
    (tmp_path / "b" / "train" / "masks" / "3.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"1 of 8 images cannot be read: train/images/3.png"):
        read(tmp_path / "b")


def test_classes_that_do_not_fit_are_said_before_anything_is_kept(tmp_path):
    write_masks(tmp_path / "b", {"train": 6, "test": 2})
    for text, sentence in (
        ("paper\nink", r"the mask of train/images/\d.png has class 2, but there are 2 classes"),
        ("paper\nink\nink", "'ink' twice"),
        ("paper", "has 1 name"),
    ):
        (tmp_path / "b" / "classes.txt").write_text(text)
        with pytest.raises(UserError, match=sentence):
            read(tmp_path / "b")
    (tmp_path / "b" / "classes.txt").write_text("paper\nink\nblot\nstain\n")
    assert "no training mask shows 1 class of 4: 'stain'" in " ".join(read(tmp_path / "b").warnings)


def test_masks_of_one_class_and_none_at_all_are_refused(tmp_path):
    images, masks = arrays()
    np.savez(tmp_path / "one.npz", x_train=images, masks_train=masks * 0)
    np.savez(tmp_path / "none.npz", x_train=images, y_train=np.arange(8))
    np.savez(tmp_path / "few.npz", x_train=images, masks_train=masks[:5])
    np.savez(tmp_path / "float.npz", x_train=images, masks_train=masks / 2)
    np.savez(tmp_path / "bare.npz", x_train=images)
    for name, sentence in (
        ("one", "the training masks show the class 0 alone"),
        ("none", "y_train has a label for each image and no masks"),
        ("few", "masks_train has 5 masks for 8 images"),
        ("float", "masks_train is float64"),
        ("bare", "the train part has no masks: there must be masks_train"),
    ):
        with pytest.raises(UserError, match=sentence):
            read(tmp_path / f"{name}.npz")


def test_what_holds_no_masks_is_refused_with_what_is_read(tmp_path):
    (tmp_path / "classes" / "cat").mkdir(parents=True)
    Image.fromarray(drawn(0)[0][0]).save(tmp_path / "classes" / "cat" / "0.png")
    table = {"image": [encoded(drawn(0)[0][0])], "label": [1]}
    parquet.write_table(pyarrow.table(table), tmp_path / "labels.parquet")
    for name, sentence in (
        (tmp_path / "classes", r"no images/ with masks/ beside it.*\(in it: cat/\)"),
        (tmp_path / "labels.parquet", "int64 in its column 'label', and --task segmentation needs encoded images"),
        ("fashion-small", "have no masks: --task segmentation needs the mask of every image"),
        ("CIFAR10", r"it has no masks: --task segmentation reads a folder with images/ and masks/"),
    ):
        with pytest.raises(UserError, match=sentence):
            read(name)


def test_masks_are_not_taken_for_classes(tmp_path):
    write_masks(tmp_path / "b", {"": 6})
    with pytest.raises(UserError, match="images and masks of their names: give --task segmentation"):
        load(str(tmp_path / "b"))
    with pytest.raises(UserError, match="have masks and no classes of images: give --task segmentation"):
        load("shapes-small")
    write_mask_parquet(tmp_path / "b.parquet", 8)
    with pytest.raises(UserError, match="it has a column of masks: give --task segmentation"):
        load(str(tmp_path / "b.parquet"))


def test_names_that_are_not_clear_are_refused(tmp_path):
    write_masks(tmp_path / "b", {"": 6})
    rewrite(tmp_path / "b" / "masks" / "2_mask.png", Image.fromarray(drawn(2)[1]))
    with pytest.raises(UserError, match="has several masks"):
        read(tmp_path / "b")
    (tmp_path / "b" / "masks" / "2_mask.png").rename(tmp_path / "b" / "images" / "2.bmp")
    with pytest.raises(UserError, match="have the same name, which says whose mask is whose"):
        read(tmp_path / "b")


def test_lines_of_text_are_another_task(tmp_path):
    write_masks(tmp_path / "b", {"": 6})
    with pytest.raises(UserError, match="--aspect line is for lines of text: give crop, pad, stretch"):
        read(tmp_path / "b", resize="8x8", aspect="line")


def test_the_shipped_shapes_have_masks_of_four_classes():
    dataset = load("shapes-small", needs="masks")
    assert dataset.shape == (1, 32, 32) and len(dataset.x_train) == 600 and len(dataset.validation) == 200
    assert dataset.mask_classes == ("background", "disc", "square", "triangle")
    assert set(np.unique(dataset.masks_train)) == set(range(4)) and dataset.masks_test.shape == (300, 32, 32)
