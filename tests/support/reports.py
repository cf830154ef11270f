"""Searches of any size as a report takes them, made up without training anything."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path

import numpy as np

from policysearch.core.trial import Outcome
from policysearch.datasets.dataset import Dataset
from policysearch.experiments.search.report.data import Material
from policysearch.experiments.search.summary import finalists, summarise
from policysearch.experiments.search.verdict import judge_winner
from policysearch.experiments.search.winner_policy import final_policy
from policysearch.policy.space_files import parse_space
from policysearch.policy.spaces import Arm, Space
from policysearch.study.config import make_config
from policysearch.study.rows import COMPLETE, Row

SPACE = """
schema = 1
max_arms = 2000

[[family]]
name = "wide"
[family.parameters]
a = [0.1, 0.2, 0.3, 0.4]
b = $b
c = ["off", "target"]
d = $d
e = $e
[family.policy]
softening = { k = "$b", mode = "$c" }
sub_policies = [{ steps = [
    { operation = "flip-horizontal", probability = "$e" },
    { operation = "soft-crop", magnitude = "$a" },
    { operation = "rotate", magnitude = "$d" },
] }]
"""


SMALL = {"$b": "[1, 2]", "$d": "[0, 3, 6]", "$e": "[0.5, 1]"}
LARGE = {"$b": "[1, 2, 3, 4, 5]", "$d": "[3, 6, 9, 12, 15, 18, 21, 24, 27, 30]", "$e": "[0.1, 0.2, 0.3, 0.5, 1]"}


@cache
def space(large: bool = False) -> Space:
    """Some 70, or 1,200, different arms of one family with five parameters, and the fixed policies."""
    return parse_space("wide", space_text(large), "a space")


def space_text(large: bool) -> str:
    text = SPACE
    for name, values in (LARGE if large else SMALL).items():
        text = text.replace(f"= {name}\n", f"= {values}\n")
    return text


def rows_of(arms: Sequence[Arm], pulls: int, classes: int, seed: int) -> list[Row]:
    """Pulls of the arms in turn, each with metrics as a child has them."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(pulls):
        place = number % len(arms)
        accuracy = 0.9 - 0.2 * place / len(arms) + 0.01 * float(rng.normal())
        right = np.clip(rng.normal(40 * accuracy, 2, classes).round(), 0, 40).astype(int)
        metrics = {
            "accuracy": accuracy,
            "loss": 1 - accuracy,
            "ece": 0.05,
            "class_counts": [[int(count), 40] for count in right],
            "curve": [{"epoch": e, "accuracy": accuracy * e / 8, "loss": 2 - accuracy * e / 8} for e in (2, 4, 6, 8)],
        }
        outcome = Outcome(metrics, "", 1.5)
        rows.append(Row(number, arms[place], number // len(arms), state=COMPLETE, reward=accuracy, outcome=outcome))
    return rows


def made_up(folder: Path, arms: int = 30, trials: int = 60, classes: Sequence[str] = ("a", "b", "c")) -> Material:
    """A search that has ended, its finalists confirmed three times.

    Args:
        folder: that it says it is in; nothing is written.
        arms: that were pulled, the fixed policies among them.
        trials: pulls.
        classes: names of the classes.
    """
    large = arms > 60
    config = make_config(
        {"space": "wide.toml", "trials": trials, "images": 500, "epochs": 80, "confirm": 3, "out": str(folder)}
    )
    pulled = space(large).arms(0)[:arms]
    searched = rows_of(pulled, trials, len(classes), 0)
    summaries = summarise(searched)
    last = finalists(summaries, 4, [*space(large).free.values()])
    confirmed = rows_of(last, 3 * len(last), len(classes), 1)
    verdict = judge_winner(last[0], last, confirmed)
    return Material(
        folder=folder,
        config=config,
        searched=searched,
        confirmed=confirmed,
        summaries=summaries,
        confirmation=summarise(confirmed),
        verdict=verdict,
        policy=final_policy(config, verdict),
        background={},
        data="",
        space=space(large),
        space_text=space_text(large),
        classes=tuple(classes),
        span=(datetime(2026, 11, 30, 21, 25), datetime(2026, 12, 1, 3, 5)),
    )


def images_of(classes: Sequence[str], side: int = 32, channels: int = 3, per_class: int = 4) -> Dataset:
    """Noise, some images of each class."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(classes)), per_class)
    images = rng.integers(0, 256, (len(labels), channels, side, side), dtype=np.uint8)
    return Dataset("noise", images, labels, images[:0], labels[:0], tuple(classes), labelled=True)
