"""Near-copies: which are found, which images are not taken for any, and what a person is told of them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from policysearch.datasets.config import DataSettings
from policysearch.datasets.copies import Copies
from policysearch.datasets.load import load
from policysearch.datasets.near_copies import near_pairs
from policysearch.datasets.split import split

SIDE, BORDER, COUNT = 48, 8, 60


@pytest.fixture(scope="module")
def scenes() -> list[Image.Image]:
    """Larger than the images that are cut from them: coarse and fine patterns of two colours, as photographs have."""
    rng = np.random.default_rng(0)
    return [scene(rng) for _ in range(COUNT)]


def scene(rng: np.random.Generator) -> Image.Image:
    side = SIDE + 2 * BORDER
    layers = [(3, 60), (6, 40), (12, 20)]  # as photographs: the finer, the fainter
    pattern = sum(
        np.asarray(Image.fromarray(rng.normal(0, size, (n, n)).astype(np.float32)).resize((side, side), 3))
        for n, size in layers
    )
    colour = 128 + pattern[:, :, None] * rng.uniform(0.6, 1, 3)
    return Image.fromarray(colour.clip(0, 255).astype(np.uint8))


def cut(image: Image.Image, right: float = 0, down: float = 0, share: float = 1) -> Image.Image:
    rest = BORDER + SIDE * (1 - share) / 2
    box = (rest + right, rest + down, rest + right + SIDE * share, rest + down + SIDE * share)
    return image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box)


def saved_again(image: Image.Image, quality: int = 60) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


CHANGES = {
    "saved again": lambda image: cut(saved_again(image)),
    "next frame": lambda image: cut(image, 1.5, -1),
    "shifted": lambda image: cut(image, 4, 3),
    "cropped": lambda image: cut(image, 1, 1, 0.93),
    "enlarged": lambda image: saved_again(cut(image, share=0.95), 80),
    "brighter": lambda image: cut(image).point(lambda value: value * 1.15 + 8),
}


def pixels(images) -> np.ndarray:
    return np.stack([np.asarray(image) for image in images]).transpose(0, 3, 1, 2)


@pytest.mark.parametrize("change", CHANGES)
def test_near_copies_are_found_and_nothing_else(scenes, change):
    """Every image has a copy; at least four in five are found."""
    images = pixels([*map(cut, scenes), *map(CHANGES[change], scenes)])
    pairs = near_pairs(images, np.arange(2 * COUNT))
    assert set(map(tuple, pairs)) <= {(i, COUNT + i) for i in range(COUNT)}
    assert len(pairs) >= 0.8 * COUNT


def test_copies_of_smooth_images_are_found():
    """Their spectra hold a few low frequencies; at the others is only what saving left."""
    rng = np.random.default_rng(0)
    tiny = [Image.fromarray(rng.normal(128, 60, (4, 4, 3)).clip(0, 255).astype(np.uint8)) for _ in range(60)]
    smooth = [image.resize((SIDE, SIDE), Image.Resampling.BICUBIC) for image in tiny]
    images = pixels([*smooth, *(saved_again(image, 80) for image in smooth[:20])])
    pairs = near_pairs(images, np.arange(80))
    assert set(map(tuple, pairs)) == {(i, 60 + i) for i in range(20)}


def test_the_order_and_the_choice_of_rows_do_not_matter(scenes):
    images = pixels([*map(cut, scenes[:20]), *map(CHANGES["next frame"], scenes[:20])])
    rows = np.array([*range(14), 20, 23, 30, 34, 39])
    assert near_pairs(images, rows).tolist() == [[0, 20], [3, 23], [10, 30]]
    assert near_pairs(images[::-1], 39 - rows[::-1]).tolist() == [[9, 29], [16, 36], [19, 39]]
    assert near_pairs(images, rows[:1]).tolist() == []


def test_what_is_not_alike_is_no_near_copy(scenes):
    """Other scenes, mirrored ones, halves of one scene, and images without any detail."""
    mirrored = [cut(image).transpose(Image.Transpose.FLIP_LEFT_RIGHT) for image in scenes[:20]]
    halves = [cut(image, share=0.5) for image in scenes[:20]]
    blank = [Image.new("RGB", (SIDE, SIDE), (k, k, k)) for k in range(20)]
    images = pixels([*map(cut, scenes), *mirrored, *halves, *blank])
    assert near_pairs(images, np.arange(len(images))).tolist() == []


def test_the_background_of_a_fixed_camera_makes_no_copies(scenes):
    """One background for all; what lies in front of it is small, and other in each image."""
    background = np.asarray(cut(scenes[0]))
    images = []
    for k in range(1, 40):
        image = background.copy()
        image[16:32, 16:32] = np.asarray(cut(scenes[k]))[16:32, 16:32]
        images.append(image)
    assert near_pairs(pixels(images), np.arange(len(images))).tolist() == []


def test_few_of_images_that_are_much_alike_are_taken_for_copies():
    """Fashion-MNIST at 28 pixels, where one pair of trousers looks like the next."""
    images = load("fashion-small").x_train[:500]
    assert len(np.unique(near_pairs(images, np.arange(500)))) <= 10


def test_copies_and_their_copies_are_one_group(scenes):
    frames = [cut(scenes[0], right) for right in (0, 2, 4, 6)]
    images = pixels([cut(scenes[1]), *frames, cut(scenes[1]), *map(cut, scenes[2:20])])
    groups = Copies.among(images).groups
    assert groups[1] == groups[2] == groups[3] == groups[4]
    assert groups[0] == groups[5] and len(set(groups)) == 2 + 18


@pytest.fixture
def folder(tmp_path, scenes) -> Path:
    """Sixty images of three classes; of the first 20 the next frame too, one of these under another class."""
    for i, image in enumerate(scenes):
        place = tmp_path / "train" / f"class-{i % 3}"
        place.mkdir(parents=True, exist_ok=True)
        cut(image).save(place / f"{i:02}.png")
        if i < 20:
            other = tmp_path / "train" / f"class-{(i + (i == 7)) % 3}" / f"{i:02}b.png"
            other.parent.mkdir(parents=True, exist_ok=True)
            CHANGES["next frame"](image).save(other)
    return tmp_path


def test_near_copies_are_counted_and_named_and_group_near_keeps_them_together(folder):
    texts = load(DataSettings(data=str(folder / "train"))).warnings
    (text,) = [text for text in texts if "of 16 test images are nearly the same" in text]
    assert text.endswith("remove them, or keep them together by --group near")
    (text,) = [text for text in texts if "of 64 training images are nearly the same" in text]
    assert text.endswith("keep them together by --group near") and "class-0/" in text

    dataset = load(DataSettings(data=str(folder / "train"), group="near"))
    assert not any("nearly the same" in text for text in dataset.warnings)
    copies = Copies.among(dataset.x_train)
    for seed in range(5):
        sides = split(dataset, None, seed)
        assert not set(copies.groups[sides.train]) & set(copies.groups[sides.validation])


def test_near_copies_across_parts_and_those_of_another_class_are_named(folder, scenes):
    for i in range(15):
        place = folder / "test" / f"class-{i % 3}"
        place.mkdir(parents=True, exist_ok=True)
        image = scenes[30 + i] if i < 4 else scene(np.random.default_rng([1, i]))
        CHANGES["next frame"](image).save(place / f"{i:02}.png")
    dataset = load(DataSettings(data=str(folder)))
    across, inside, labels = dataset.warnings
    assert across.startswith("4 of 15 test images are nearly the same as training images (test/class-0/00.png = ")
    assert across.endswith("train/class-1/31.png and 1 more): remove them from one part")
    assert inside.startswith("40 of 80 training images are nearly the same as others (train/class-0/00b.png = ")
    assert labels.startswith("1 pairs of copies or near-copies have different labels (")
    assert "train/class-2/07b.png as 'class-2'" in labels and "train/class-1/07.png as 'class-1'" in labels

    with Path(dataset.handle, "copies.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24 and {row["kind"] for row in rows} == {"near"}
    assert {frozenset([row["part"], row["part of the copy"]]) for row in rows} == {
        frozenset(["train"]),
        frozenset(["train", "test"]),
    }


def test_exact_copies_of_another_class_are_named(tmp_path, scenes):
    images = np.stack([np.asarray(cut(image)) for image in scenes])
    labels = np.arange(COUNT) % 3
    images[10], images[21] = images[1], images[2]  # classes 1 and 1, 2 and 0
    np.savez(tmp_path / "a.npz", x_train=images, y_train=labels, x_test=images[30:36] // 2, y_test=labels[30:36])
    texts = load(str(tmp_path / "a.npz")).warnings
    assert any(
        text.startswith("2 of 60 training images are copies of others (train[10] = train[1], ") for text in texts
    )
    assert any("(train[21] as '0' = train[2] as '2')" in text for text in texts)
