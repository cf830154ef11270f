"""A policy as layers of Keras 3, for any of its backends."""

from __future__ import annotations

import multiprocessing
import sys
import zlib
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops as xp

from policysearch.export.templates.array_augment import augmented, check_sizes, described, soft_augmented
from policysearch.export.templates.array_soft import hard
from policysearch.export.templates.array_steps import Table
from policysearch.export.templates.label_checks import check_classes


def loader_seed() -> int | None:
    """What a torch DataLoader has seeded this worker with; None elsewhere."""
    utils = sys.modules.get("torch.utils.data")
    info = utils.get_worker_info() if utils is not None else None
    return None if info is None else info.seed


def worker() -> str:
    """The process that this is, and its seed."""
    return f"{multiprocessing.current_process().name}, {loader_seed()}"


def values_of(tensor: Any) -> Any:
    """A tensor's values as an array of NumPy; None while a graph is built, which has none yet."""
    try:
        return xp.convert_to_numpy(tensor)
    except Exception:  # each backend raises an error of its own for a tensor of a graph
        return None


class PolicyLayer(keras.layers.Layer):
    """Images of 0..255 [B, H, W, C], uint8 or floats, each after a draw of its own; alone, [H, W, C], too.

    In training only; elsewhere images stay as they are. Floats are rounded to whole numbers and stay floats.
    `seed` repeats the draws; each worker process has others. `progress`: a variable, the share of the training done.

    Raises:
        ValueError: images have another shape, or no size that is known, or neither 1 nor 3 channels.
    """

    def __init__(self, seed: int | None = None, data_format: str | None = None, **settings: Any) -> None:
        super().__init__(autocast=False, **{"trainable": False, **settings})
        self.seed, self.data_format = seed, data_format or keras.config.image_data_format()
        if self.data_format not in ("channels_last", "channels_first"):
            raise ValueError(f"data_format is channels_last or channels_first, got {data_format!r}")
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.process = worker() if loader_seed() is None else "another, which the layer was sent from"
        self.progress: Any = 0.0
        self.is_checked = False
        if len(self.parts()[0].starts) > 1:
            self.progress = self.add_weight(
                shape=(), dtype="float32", initializer="zeros", trainable=False, name="progress"
            )
        self.built = True

    def parts(self) -> tuple[Table, Any]:
        """The policy, and the width and alpha of its mixture or None."""
        raise NotImplementedError

    def key(self) -> Any:
        """The seed generator, begun anew in a process that has copied it from another."""
        process = worker()
        if process != self.process:
            state = self.seed_generator.state
            seed = zlib.crc32(f"{xp.convert_to_numpy(state).tolist()}, {process}".encode()) & 0x7FFFFFFF
            state.assign(xp.cast(xp.array([seed, 0]), state.dtype))
            self.process = process
        return self.seed_generator

    def whole(self, images: Any) -> Any:
        """[B, H, W, C] float32 of whole numbers."""
        check_sizes(images if self.data_format == "channels_last" else Moved(images))
        self.check_range(images)
        pixels = xp.round(xp.cast(images, "float32"))
        pixels = pixels if len(images.shape) == 4 else pixels[None]
        return pixels if self.data_format == "channels_last" else xp.transpose(pixels, (0, 2, 3, 1))

    def check_range(self, images: Any) -> None:
        """Refuse the first images if they are in 0..1, where their values can be seen: a graph has none yet."""
        if not self.is_checked and "float" in keras.backend.standardize_dtype(images.dtype):
            values = values_of(images)
            if values is None:
                return
            if values.size and values.max() <= 1 and (values % 1).any():
                raise ValueError(
                    "images must have values of 0..255, got floats in 0..1: put the layer before rescaling"
                )
        self.is_checked = True

    def back(self, pixels: Any, images: Any) -> Any:
        """As the images were: alone or a batch, with their channels where they had them, and their dtype."""
        out = pixels if self.data_format == "channels_last" else xp.transpose(pixels, (0, 3, 1, 2))
        return xp.cast(out if len(images.shape) == 4 else out[0], images.dtype)

    def call(self, images: Any, training: bool = True) -> Any:
        if not training:
            return images
        table, mixture = self.parts()
        return self.back(augmented(table, mixture, self.key(), self.whole(images), self.progress), images)

    def compute_output_spec(self, images: Any, training: bool = True) -> Any:
        check_sizes(images if self.data_format == "channels_last" else Moved(images))
        return keras.KerasTensor(images.shape, dtype=images.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed, "data_format": self.data_format}


class Moved:
    """The dtype and the shape of images with their channels first, as if they came last."""

    def __init__(self, images: Any) -> None:
        shape = tuple(images.shape)
        self.dtype, self.shape = images.dtype, (*shape[:-3], *shape[-2:], shape[-3]) if len(shape) > 2 else shape


class SoftPolicyLayer(PolicyLayer):
    """(images [B, H, W, C], labels [B]) -> images, targets [B, num_classes] and weights [B], softened and mixed.

    Outside of training targets are hard and weights 1.
    """

    def __init__(self, num_classes: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.num_classes = num_classes

    def check_labels(self, images: Any, labels: Any) -> None:
        """Refuse labels of other images, and those that are no class, where their values can be seen."""
        if None not in (images.shape[0], labels.shape[0]) and images.shape[0] != labels.shape[0]:
            raise ValueError(f"each image needs one label, got {images.shape[0]} images and {labels.shape[0]} labels")
        values = values_of(labels)
        if values is not None:
            check_classes(values, self.num_classes)

    def soft_parts(self) -> tuple[Any, Sequence[Any]]:
        """The softening, and the mix of each stage."""
        raise NotImplementedError

    def call(self, batch: Any, training: bool = True) -> Any:
        images, labels = batch
        if len(images.shape) != 4 or len(labels.shape) != 1:
            shapes = f"{described(images)} and {described(labels)}"
            raise ValueError(f"a batch is images of four axes and whole numbers [B] as labels, got {shapes}")
        self.check_labels(images, labels)
        if not training:
            targets = hard(labels, self.num_classes)
            return images, targets, targets[:, 0] * 0 + 1
        (table, mixture), (softening, mixes), pixels = self.parts(), self.soft_parts(), self.whole(images)
        out, targets, weights = soft_augmented(
            table, mixture, softening, mixes, self.key(), pixels, labels, self.num_classes, self.progress
        )
        return self.back(out, images), targets, weights

    def compute_output_spec(self, batch: Any, training: bool = True) -> Any:
        images, labels = batch
        kinds = (
            (images.shape, images.dtype),
            ((*labels.shape, self.num_classes), "float32"),
            (labels.shape, "float32"),
        )
        return tuple(keras.KerasTensor(shape, dtype=dtype) for shape, dtype in kinds)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_classes": self.num_classes}
