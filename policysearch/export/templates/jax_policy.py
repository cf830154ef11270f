"""A policy as pure functions of a key and a batch, for JAX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as xp
import numpy as np

from policysearch.export.templates.array_augment import augmented, check_sizes, described, soft_augmented
from policysearch.export.templates.array_steps import Table
from policysearch.export.templates.label_checks import check_classes


def whole_batch(images: Any) -> jax.Array:
    """[B, H, W, C] float32 of uint8 images, or of one.

    Raises:
        TypeError: they are not uint8.
        ValueError: they are not [B, H, W, C] or [H, W, C] with 1 or 3 channels.
    """
    if getattr(images, "dtype", None) != xp.uint8:
        rule = f"images must be uint8 [B, H, W, C] or [H, W, C], got {described(images)}"
        raise TypeError(f"{rule}: jax.numpy.round(images).astype('uint8') of values 0..255; normalise afterwards")
    check_sizes(images)
    pixels = xp.asarray(images).astype(xp.float32)
    return pixels if pixels.ndim == 4 else pixels[None]


def images_after(table: Table, mixture: Any, key: Any, images: Any, progress: Any) -> jax.Array:
    """uint8 images of the same shape, each after a draw of its own."""
    out = augmented(table, mixture, key, whole_batch(images), progress).astype(xp.uint8)
    return out if images.ndim == 4 else out[0]


def batch_after(
    table: Table,
    mixture: Any,
    softening: Any,
    mixes: Sequence[Any],
    key: Any,
    images: Any,
    labels: Any,
    num_classes: int,
    progress: Any,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """uint8 images [B, H, W, C], targets [B, num_classes] and weights [B], softened and mixed."""
    pixels, classes = whole_batch(images), xp.asarray(labels)
    if images.ndim != 4 or classes.shape != images.shape[:1] or not xp.issubdtype(classes.dtype, xp.integer):
        raise ValueError(
            f"images [B, H, W, C] go with whole numbers [B] as labels, got {described(images)} and {described(labels)}"
        )
    if not isinstance(classes, jax.core.Tracer):
        check_classes(np.asarray(classes), num_classes)
    out, *rest = soft_augmented(table, mixture, softening, mixes, key, pixels, classes, num_classes, progress)
    return out.astype(xp.uint8), *rest
