"""The two ways to make pixels, compiled loops and torch: one at a time, and side by side."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import torch

from policysearch.augmentation import Draw
from policysearch.augmentation.apply import apply as apply_by_choice
from policysearch.augmentation.compiled.backend import VARIABLE

BACKENDS = ("torch", "numba")


@contextmanager
def kernels(backend: str) -> Iterator[None]:
    """Pixels are made by this backend."""
    with mock.patch.dict(os.environ, {VARIABLE: backend}):
        yield


def apply(drawn: Draw, images: torch.Tensor) -> torch.Tensor:
    """Apply a draw by both backends, whose pixels must be the same."""
    results = []
    for backend in BACKENDS:
        with kernels(backend):
            results.append(apply_by_choice(drawn, images))
    by_torch, compiled = results
    assert torch.equal(compiled, by_torch), "compiled loops and torch give different pixels"
    return compiled
