"""Children that are made up of digits-like data: flips harm exactly two of ten classes and help all others."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from tests.support.quick import QuickSetup

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TURNED = {2: "two", 5: "five"}
"""Classes that a flip harms."""
IMAGES = 100
BASE, LOSS, GAIN = 0.75, 0.25, 0.1
"""A class's accuracy, and what flips of its images take from it or add: over all classes they add 3 points."""
SPACE = """schema = 1
[[family]]
name = "flip"
parameters = { p = [0.5, 1.0] }
[family.policy]
sub_policies = [{ steps = [{ operation = "flip-horizontal", probability = "$p" }] }]
"""


def counts(trial, turned=tuple(TURNED)) -> list[list[int]]:
    """[right, images] of each class, by (arm, seed) alone, as of a network that learns mirrored images of a class."""
    policy = json.loads(trial.policy)
    parts = policy.get("classes") or {}
    rng = np.random.default_rng(int(hashlib.sha256(f"{trial.arm}:{trial.seed}".encode()).hexdigest()[:12], 16))
    right = []
    for k, name in enumerate(DIGITS):
        part = parts.get(name) or parts.get(str(k)) or {}
        flips = "flip-horizontal" in json.dumps(part.get("sub_policies") or policy["sub_policies"])
        change = (-LOSS if k in turned else GAIN) if flips else 0.0
        right.append(int(rng.binomial(IMAGES, BASE + change)))
    return [[count, IMAGES] for count in right]


def metrics(trial, turned=tuple(TURNED)) -> dict[str, object]:
    """What `train` gives, as far as a search needs it."""
    by_class = counts(trial, turned)
    accuracy = sum(right for right, _ in by_class) / (IMAGES * len(by_class))
    return {"accuracy": accuracy, "loss": 1 - accuracy, "seconds": 0.0, "class_counts": by_class}


class DigitSetup(QuickSetup):
    """Takes the place of `workers.evaluate.ChildSetup`; examined where it was set up for it."""

    def __call__(self):
        return self.examined if self.test else metrics

    @staticmethod
    def examined(trial) -> dict[str, object]:
        measured = metrics(trial)
        occluded = {f"test_accuracy_occluded_{share}": measured["accuracy"] for share in (0, 20, 40, 60, 80)}
        of_test = {f"test_{name}": value for name, value in measured.items()}
        return {**measured, **of_test, **occluded, "test_ece": 0.1, "test_entropy": 1.0, "cpu_seconds": 0.1}


def write_digits(path: Path) -> Path:
    """Images of noise with the labels and the names of the classes."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (400, 8, 8), dtype=np.uint8), np.arange(400) % 10
    parts = {"x_train": images[:300], "y_train": labels[:300], "x_test": images[300:], "y_test": labels[300:]}
    np.savez(path, **parts, classes=np.array(DIGITS))
    return path
