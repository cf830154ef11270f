"""Networks that answer together, and trials that are trained otherwise than the others of their experiment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from policysearch.child.device_data import on_device
from policysearch.child.ensemble import train_ensemble
from policysearch.child.metrics import scores
from policysearch.child.recipe import Recipe
from policysearch.child.test_set import Exam
from policysearch.child.variant import Variant
from policysearch.core.trial import Trial
from policysearch.datasets.load import load
from policysearch.datasets.split import split
from policysearch.policy.policy import Policy
from tests.support.quick import write_npz
from workers.evaluate import ChildSetup

FLIP = Policy.preset("trivialaugment")
RECIPE = Recipe(batch=20)


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    return write_npz(tmp_path_factory.mktemp("data") / "small.npz")


def test_an_ensemble_answers_with_the_mean_of_probabilities(path):
    """Two members whose logits are known: one that always says class 0, and one that is not sure of anything."""
    dataset = load(str(path))
    data = on_device(dataset, split(dataset, 30, 0), torch.device("cpu"))
    exam = Exam.of(dataset, torch.device("cpu"), 10)
    sure, unsure = torch.tensor([2.0, 0.0, 0.0]), torch.zeros(3)
    said = {5: sure, 6: unsure}

    def member(seed, examine):
        assert examine(lambda inputs: said[seed].expand(len(inputs), 3)) == {}
        return {"seconds": 2.0, "cpu_seconds": 1.5}

    metrics = train_ensemble(member, [5, 6], data, exam, RECIPE)
    mean = ((sure.softmax(0) + unsure.softmax(0)) / 2).log()
    for labels, prefix in ((data.labels[data.validation], ""), (exam.labels, "test_")):
        expected = scores(mean.expand(len(labels), 3), labels)
        for name in ("accuracy", "loss", "entropy"):
            assert metrics[f"{prefix}{name}"] == pytest.approx(expected[name], rel=1e-6)
    assert metrics["test_accuracy_occluded_40"] == metrics["test_accuracy"]
    assert (metrics["seconds"], metrics["cpu_seconds"], metrics["members"]) == (4.0, 3.0, 2)
    untested = train_ensemble(lambda seed, examine: examine(lambda x: sure.expand(len(x), 3)), [5], data, None, RECIPE)
    assert not [name for name in untested if name.startswith("test_")]


def trained(path: Path, task: str, recipe: Recipe = RECIPE, **changes) -> dict[str, float]:
    torch.set_num_threads(1)
    evaluate = ChildSetup(str(load(str(path)).handle), 30, 0, "small-resnet", recipe, "cpu", test=True)()
    trial = replace(Trial(0, FLIP.hash, FLIP.to_json(indent=None), 0, 7, 40, 2, task=task), **changes)
    metrics = evaluate(trial)
    return {k: v for k, v in metrics.items() if "seconds" not in k and k not in ("peak_memory_mb", "images_per_second")}


def test_a_variant_is_the_child_of_another_recipe(path):
    other = RECIPE.model_copy(update={"rate": 0.02, "weight_decay": 0.01})
    numbers = {"rate": 0.02, "weight_decay": 0.01}
    assert trained(path, Variant(**numbers).to_json()) == {**trained(path, "", other), **numbers}


def test_an_ensemble_is_its_first_member_and_others(path):
    alone, together = trained(path, ""), trained(path, Variant(members=2).to_json())
    assert together == trained(path, Variant(members=2).to_json()) and together["members"] == 2
    assert together["test_loss"] != alone["test_loss"] and 0 < together["test_loss"] < 3
    assert Variant.from_json('{"folds": 2}') is None
