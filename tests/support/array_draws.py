"""The code that is exported for arrays (JAX, Keras) and for NumPy, which it is written in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from policysearch.export.array_plan import ArrayLibrary
from policysearch.export.to_jax import LIBRARY as JAX
from policysearch.export.to_keras import LIBRARY as KERAS

NUMPY = ArrayLibrary("numpy", "array_augment", "array_library")
BY_NAME = {library.name: library for library in (NUMPY, JAX, KERAS)}


def channels_last(images: Any) -> NDArray[np.float32]:
    """[B, H, W, C] float32 of torch's [B, C, H, W] uint8."""
    return images.permute(0, 2, 3, 1).numpy().astype("float32")
