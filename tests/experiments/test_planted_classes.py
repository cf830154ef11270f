"""Digits-like images of which flips harm exactly two classes: real networks are trained, and those two are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from policysearch.child import judgement
from policysearch.child.device_data import DeviceData, on_device
from policysearch.child.metrics import class_counts
from policysearch.child.recipe import Recipe
from policysearch.child.threads import one_thread
from policysearch.child.training import train
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.split import split
from policysearch.experiments.search.report.classes import effects_of
from policysearch.experiments.search.result import read_whole
from policysearch.experiments.search.run import search
from policysearch.policy.policy import Policy
from policysearch.stats.class_effects import ClassShares, class_effects
from policysearch.study.by_class.phases import stages_of
from policysearch.study.by_class.settings import by_class_settings
from policysearch.study.config import SearchConfig

SIDE, CLASSES = 12, 10
NAMES = tuple("abcdefghij")
TURNED = (2, 5)
"""Mirror images of each other, so that a flip makes one of the other; all others come either way round."""
FEW, MORE = {"images": 20, "epochs": 40}, {"images": 100, "epochs": 20}
"""Of a training: with few images flips are best for all classes together, by some 4 points."""
RECIPE = Recipe(batch=20, checkpoints=1, rate=0.05)
FLIP = Policy(name="flip", sub_policies=[{"steps": [{"operation": "flip-horizontal", "probability": 0.5}]}])
NETWORK = """
from torch import nn

def tiny(channels, num_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(144, 32), nn.ReLU(), nn.Linear(32, num_classes))
"""
SPACE = """schema = 1
[[family]]
name = "flip"
parameters = { p = [0.4, 0.5] }
[family.policy]
sub_policies = [{ steps = [{ operation = "flip-horizontal", probability = "$p" }] }]
"""


def drawn(per_class: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images [N, 1, 12, 12] of a glyph a class, in noise, and their labels."""
    glyphs = np.random.default_rng(5).random((CLASSES, SIDE, SIDE)) < 0.35
    glyphs[TURNED[1]] = glyphs[TURNED[0]][:, ::-1]
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(CLASSES), per_class))
    shown = glyphs[labels]
    mirrored = (rng.random(len(labels)) < 0.5) & ~np.isin(labels, TURNED)
    shown[mirrored] = shown[mirrored][:, :, ::-1]
    pixels = 40 + 140 * shown + rng.normal(0, 70, shown.shape)
    return np.clip(pixels, 0, 255).astype(np.uint8)[:, None], labels.astype(np.int64)


@pytest.fixture(scope="module")
def data() -> DeviceData:
    dataset = Dataset("glyphs", *drawn(100, 0), *drawn(5, 1), NAMES)
    return on_device(dataset, split(dataset, 700, 0), torch.device("cpu"))


def network() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, 32), nn.ReLU(), nn.Linear(32, CLASSES))


def harmed_by_flips(data: DeviceData) -> set[str]:
    """The classes that flips harm, by six trained networks of each policy."""
    shares, images = {}, np.zeros(CLASSES)
    for policy in (FLIP, Policy.preset("identity")):
        counts = []
        for seed in range(6):
            with one_thread():
                trained = train(policy, data, network, **MORE, seed=seed, recipe=RECIPE)
            counts.append(trained["class_counts"])
        table = np.array(counts, dtype=np.float64)
        shares[policy.name], images = table[:, :, 0] / table[:, :, 1], table[0, :, 1]
    effects = class_effects("flip", ["identity"], ClassShares(shares, images, NAMES))
    return {effect.name for effect in effects.harmed}


def test_networks_that_flips_confuse_name_exactly_the_two_classes(data):
    assert harmed_by_flips(data) == {NAMES[k] for k in TURNED}


def test_counts_of_the_class_before_are_caught(data, monkeypatch):
    """The planted bug."""

    def rolled(logits: torch.Tensor, labels: torch.Tensor) -> list[list[int]]:
        counts = class_counts(logits, labels)
        return [*counts[1:], counts[0]]

    monkeypatch.setattr(judgement, "class_counts", rolled)
    assert harmed_by_flips(data) != {NAMES[k] for k in TURNED}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*looks at single classes", "ignore:.*is known to mislead")
def test_a_whole_search_gives_exactly_these_two_a_part_without_flips(tmp_path: Path):
    """The final policy flips all but the two."""
    x, y = drawn(100, 0)
    x_test, y_test = drawn(5, 1)
    np.savez(tmp_path / "glyphs.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test, classes=np.array(NAMES))
    (tmp_path / "network.py").write_text(NETWORK)
    (tmp_path / "space.toml").write_text(SPACE)
    config = SearchConfig(
        data=str(tmp_path / "glyphs.npz"),
        space=str(tmp_path / "space.toml"),
        model=f"{tmp_path / 'network.py'}:tiny",
        strategy="by-class:common=30,replicates=6,parts=2",
        trials=90,
        **FEW,
        confirm=8,
        finalists=2,
        validation=700,
        recipe=RECIPE,
        workers=0,
        out=str(tmp_path / "run"),
    )
    result = search(config)
    material = read_whole(tmp_path / "run")
    settings = by_class_settings(result.config.strategy)
    assert settings is not None
    assert {*(stages_of(material.searched, settings).harmed or ())} == {*TURNED}

    assert result.policy is not None and result.verdict is not None and result.verdict.finding == "wins"
    assert {*result.policy.classes} == {NAMES[k] for k in TURNED}
    for part in result.policy.classes.values():
        assert "flip-horizontal" not in part.model_dump_json()
    effects = effects_of(material)
    assert effects is not None and not effects.harmed, "what the common policy harms is mended"
