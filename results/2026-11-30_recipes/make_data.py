"""The five data sets of these measurements, as npz files that policysearch reads.

Run: python make_data.py CIFAR10_FOLDER FLOWERS_FOLDER FASHION_FOLDER OUT. The first two are what `--data`
reads, such as Parquet; the third is the ROOT of torchvision's `FashionMNIST`. Two are made from others, with
symmetries of their own:

- cifar-turned: every image of CIFAR-10, test part too, turned by a random quarter turn, so that all eight symmetries of
  the square are valid;
- fashion-cut: Fashion-MNIST at a random scale (12 to 36 pixels, uniform) and place on a black ground of 40×40.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torchvision.datasets import FashionMNIST

from policysearch.datasets.config import DataSettings
from policysearch.datasets.load import load
from policysearch.datasets.split import stratified

TRAIN, TEST, GROUND = 5_000, 5_000, 40
Pixels = NDArray[np.uint8]
Parts = dict[str, Pixels]


def cut(images: Pixels, labels: Pixels, size: int, seed: int) -> tuple[Pixels, Pixels]:
    """`size` images, the same share of every class."""
    rows = np.sort(stratified(np.asarray(labels), min(size, len(labels)), np.random.default_rng(seed)))
    return np.asarray(images[rows]), np.asarray(labels[rows])


def parts(train: tuple[Pixels, Pixels], test: tuple[Pixels, Pixels]) -> Parts:
    """Both parts under the names that `--data` expects."""
    (x_train, y_train), (x_test, y_test) = cut(*train, TRAIN, 0), cut(*test, TEST, 1)
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def turned(images: Pixels, rng: np.random.Generator) -> Pixels:
    """Every image [C, H, W] turned by 0, 90, 180 or 270 degrees."""
    return np.stack(
        [np.rot90(image, k, axes=(1, 2)) for image, k in zip(images, rng.integers(4, size=len(images)), strict=True)]
    )


def placed(images: Pixels, rng: np.random.Generator) -> Pixels:
    """Every grey image [H, W] resized and placed on the ground."""
    out = np.zeros((len(images), GROUND, GROUND), np.uint8)
    for ground, image in zip(out, images, strict=True):
        side = int(rng.integers(12, 37))
        top, left = rng.integers(GROUND - side + 1, size=2)
        small = Image.fromarray(image.squeeze()).resize((side, side), Image.Resampling.BILINEAR)
        ground[top : top + side, left : left + side] = np.asarray(small)
    return out


def main(cifar: str, flowers: str, fashion: str, out: str) -> None:
    """Write the five files."""
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    photographs = load(cifar)
    plain = parts((photographs.x_train, photographs.y_train), (photographs.x_test, photographs.y_test))
    clothes = [FashionMNIST(fashion, train=train) for train in (True, False)]
    grey = parts(*((images.data.numpy(), images.targets.numpy().astype(np.uint8)) for images in clothes))
    rng = np.random.default_rng(0)
    made = {
        "cifar": plain,
        "cifar-turned": plain | {part: turned(plain[part], rng) for part in ("x_train", "x_test")},
        "fashion": grey,
        "fashion-cut": grey | {part: placed(grey[part], rng) for part in ("x_train", "x_test")},
    }
    pictures = load(DataSettings(data=flowers, resize=64))
    made["flowers"] = parts((pictures.x_train, pictures.y_train), (pictures.x_test, pictures.y_test))
    for name, arrays in made.items():
        np.savez(folder / f"{name}.npz", **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
