"""Self-supervised searches from end to end, on tiny data."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from policysearch.child.recipe import Recipe
from policysearch.core.seeds import child_seed
from policysearch.core.tasks import SELF_SUPERVISED, task_named
from policysearch.core.trial import Trial
from policysearch.datasets.load import load
from policysearch.experiments.evaluation.run import evaluate
from policysearch.experiments.evaluation.settings import EvaluateSettings
from policysearch.experiments.search.run import search
from policysearch.policy.policy import Policy
from policysearch.study.config import make_config
from tests.support.evaluations import values
from tests.support.quick import config_for, write_npz
from workers.evaluate import ChildSetup, attempt

CONSTANT = """
import torch

class Constant(torch.nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.head = torch.nn.Linear(8, classes)

    def forward(self, images):
        return self.head(torch.ones(len(images), 8) + 0 * images.sum())
"""


def trial(preset: str = "simsiam-sa1") -> Trial:
    policy = Policy.preset(preset)
    return Trial(0, policy.hash, policy.to_json(indent=None), 0, child_seed(0, 0), images=40, epochs=1)


def setup(data, model: str = "quick-resnet", **changes) -> ChildSetup:
    return ChildSetup(load(str(data)).handle, None, 0, model, Recipe(batch=20), "cpu", task=SELF_SUPERVISED, **changes)


def test_a_worker_trains_and_examines_the_child_of_the_task(tmp_path):
    metrics = setup(write_npz(tmp_path / "small.npz"), test=True)()(trial())
    assert {"accuracy", "rotation", "knn_accuracy", "test_accuracy"} <= metrics.keys()
    assert metrics["test_images"] == 30 and metrics["validation_images"] == 30


def test_a_collapse_is_an_outcome_without_a_reward(tmp_path):
    (tmp_path / "constant.py").write_text(CONSTANT)
    model = f"{tmp_path / 'constant.py'}:Constant"
    outcome = attempt(setup(write_npz(tmp_path / "small.npz"), model)(), trial())
    assert outcome.metrics == {}
    assert outcome.error.startswith("ChildError: collapsed: the deviation of its normalised outputs is 0.000")


def test_defaults_of_the_task_are_those_of_the_guide():
    config = make_config({"task": SELF_SUPERVISED})
    assert (config.model, config.space, config.images, config.epochs) == ("quick-resnet", "pairs", 1000, 20)
    assert config.confirm == 8
    assert (config.recipe.schedule, config.recipe.batch, config.recipe.rate) == ("cosine", 64, 0.05)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:data .*no test part")
@pytest.mark.parametrize("labelled", [True, False])
def test_a_search_without_labels_is_confirmed_and_judged_on_the_test_part(tmp_path, labelled):
    data = write_npz(tmp_path / "small.npz")
    if not labelled:
        with np.load(data) as arrays:
            images = arrays["x_train"]
        np.savez(data, x_train=images)
    settings = {"task": SELF_SUPERVISED, "reward": "rotation", "trials": 4, "model": "quick-resnet", "space": "pairs"}
    config = config_for(tmp_path / "run", data=str(data), **settings)
    result = search(config)
    fixed = task_named(SELF_SUPERVISED).fixed
    assert {*fixed} <= {summary.arm.policy.name for summary in result.confirmation}

    with (tmp_path / "run" / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert all(row["reward"] == row["rotation"] for row in rows)
    assert any(row["accuracy"] != row["rotation"] for row in rows) == labelled

    evaluate(str(tmp_path / "run"), EvaluateSettings(seeds=2), values(tmp_path / "test", data=str(data)))
    with (tmp_path / "test" / "trials.csv").open() as file:
        judged = [float(row["test_images"]) for row in csv.DictReader(file) if row["test_images"]]
    assert set(judged) == ({30} if labelled else {4 * 18})
