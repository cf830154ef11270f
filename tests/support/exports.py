"""What tests of exports share: real images, the exported file as a module, and counting what is drawn."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import torch
from scipy.stats import chisquare

from policysearch.augmentation import Draw
from policysearch.datasets.config import DataSettings
from policysearch.datasets.load import load
from policysearch.policy.policy import Policy

FALSE_ALARM = 1e-6
"""Of each chi-square test; seeds are fixed, so a test that passes once passes always."""


@lru_cache(maxsize=1)
def shipped() -> torch.Tensor:
    """[6000, 1, 28, 28] uint8: the shipped training images."""
    return torch.from_numpy(load(DataSettings()).x_train)


def real(channels: int, batch: int = 12) -> torch.Tensor:
    """[batch, channels, 28, 28]: shipped images; in colour, three different ones as the channels."""
    return shipped()[: batch * channels].reshape(batch, channels, 28, 28).clone()


def policy(*steps: dict, **more: object) -> Policy:
    return Policy.from_dict({"sub_policies": [{"steps": list(steps)}], **more})


def imported(path: Path, name: str = "learned_policy") -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def steps_of(draw: Draw, row: int) -> list[tuple[str, torch.Tensor, torch.Tensor]]:
    """What was drawn for one image: names, magnitudes [] and numbers [K] of the steps that are applied."""
    cells = zip(draw.operations[row].tolist(), draw.magnitudes[row], draw.numbers[row], strict=True)
    return [(draw.names[i], magnitude, numbers) for i, magnitude, numbers in cells if i]


def pvalue(drawn: Iterable[object], expected: dict[object, float]) -> float:
    """Chi-square of what was drawn against its probabilities; what has none must not occur."""
    counts = Counter(drawn)
    assert not counts.keys() - expected.keys(), counts.keys() - expected.keys()
    total = sum(counts.values())
    return float(chisquare([counts[k] for k in expected], [total * p for p in expected.values()]).pvalue)
