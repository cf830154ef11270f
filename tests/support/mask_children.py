"""Images with masks, and children that learn them in hundredths of a second."""

from __future__ import annotations

import io
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import torch
from PIL import Image
from pyarrow import parquet

from policysearch.child.checkpoint import Checkpoint
from policysearch.child.device_data import DeviceData, on_device
from policysearch.child.networks.small_unet import SmallUNet
from policysearch.child.recipe import Recipe
from policysearch.child.segmentation.training import train_segmenter
from policysearch.child.training_spec import TrainingSpec
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.split import split
from policysearch.policy.policy import Policy
from tests.support.small_children import KeptAt

CLASSES = ("paper", "ink", "blot")
SHADES = (220, 30, 120)
SIDE = 12


def drawn(number: int) -> tuple[np.ndarray, np.ndarray]:
    """An image [1, 12, 12] uint8 with a box of ink and a blot, and its mask [12, 12]."""
    rng = np.random.default_rng(number)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for kind in (1, 2):
        top, left = rng.integers(0, SIDE - 5, 2)
        mask[top : top + 5, left : left + 5] = kind
    noise = rng.integers(-15, 16, mask.shape)
    return (np.array(SHADES)[mask] + noise).astype(np.uint8)[None], mask


def small_masks(train: int = 36, test: int = 12) -> Dataset:
    """So many images with masks, the last pixel of each without a class."""
    images, masks = map(np.stack, zip(*map(drawn, range(train + test)), strict=True))
    masks[:, -1, -1] = 255
    zeros = np.zeros(train + test, np.int64)
    return Dataset(
        "blots",
        images[:train],
        zeros[:train],
        images[train:],
        zeros[train:],
        ("mask",),
        masks_train=masks[:train],
        masks_test=masks[train:],
        mask_classes=CLASSES,
    )


def write_masks(folder: Path, parts: dict[str, int], size: int = SIDE) -> None:
    """`PART/images/i.png` and `PART/masks/i.png`, with their `classes.txt`; a part "" is the folder itself."""
    number = 0
    for part, count in parts.items():
        for kind in ("images", "masks"):
            (folder / part / kind).mkdir(parents=True)
        for i in range(count):
            image, mask = drawn(number)
            for kind, values in (("images", image[0]), ("masks", mask)):
                enlarged = Image.fromarray(values).resize((size, size), Image.Resampling.NEAREST)
                enlarged.save(folder / part / kind / f"{i}.png")
            number += 1
    (folder / "classes.txt").write_text("\n".join(CLASSES))


def encoded(values: np.ndarray) -> dict[str, object]:
    """A cell of Parquet with the image of these values [H, W]."""
    content = io.BytesIO()
    Image.fromarray(values).save(content, "PNG")
    return {"bytes": content.getvalue(), "path": None}


def write_mask_parquet(file: Path, count: int, **columns: list[object]) -> None:
    """So many images with their masks, and further columns."""
    pairs = [drawn(number) for number in range(count)]
    both = {"image": [encoded(image[0]) for image, _ in pairs], "mask": [encoded(mask) for _, mask in pairs]}
    parquet.write_table(pyarrow.table({**both, **columns}), file)


def device_masks(dataset: Dataset | None = None) -> DeviceData:
    """The training part on the CPU; a third is for validation."""
    dataset = dataset or small_masks()
    return on_device(dataset, split(dataset, None, 0), torch.device("cpu"))


def small_segmenter() -> SmallUNet:
    """A U-Net of two levels."""
    return SmallUNet(1, len(CLASSES), (4, 8))


def segment(
    policy: Policy,
    *,
    epochs: int = 2,
    seed: int = 3,
    images: int = 16,
    origin: bytes | None = None,
    stops: Collection[int] = (),
    data: DeviceData | None = None,
    examine: Any = None,
    **recipe: Any,
) -> tuple[dict[str, Any], dict[int, bytes]]:
    """The metrics of a child that do not depend on the clock, and its checkpoints after the epochs in `stops`."""
    torch.set_num_threads(1)
    keeper = KeptAt({*stops, epochs})
    metrics = train_segmenter(
        TrainingSpec(
            policy,
            data or device_masks(),
            small_segmenter,
            images=images,
            epochs=epochs,
            seed=seed,
            recipe=Recipe(**{"batch": 8, "rate": 0.3, **recipe}),
            origin=None if origin is None else Checkpoint.from_bytes(origin),
            keeper=keeper,
            examine=examine,
        )
    )
    return {k: v for k, v in metrics.items() if "second" not in k and "memory" not in k}, keeper.content
