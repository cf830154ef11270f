from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest

from policysearch.child.recipe import Recipe
from policysearch.core import tasks
from policysearch.core.errors import UserError
from policysearch.study import task_defaults
from policysearch.study.config import SearchConfig, load_config, make_config, save_config
from policysearch.study.reward_metrics import METRICS, metrics_of_task
from policysearch.study.rewards import must_be_a_reward, parse_reward


@pytest.fixture
def other_defaults(monkeypatch):
    """Text lines with defaults that no other task has."""
    row = replace(tasks.TASKS["text-lines"], defaults={"images": 321, "space": "single"}, recipe={"rate": 0.02})
    monkeypatch.setattr(task_defaults, "TASKS", MappingProxyType({**tasks.TASKS, "text-lines": row}))


def test_open_settings_get_the_defaults_of_the_task(other_defaults):
    config = make_config({"task": "text-lines", "recipe": {"batch": 16}})
    assert (config.images, config.space, config.recipe.rate, config.recipe.batch) == (321, "single", 0.02, 16)


def test_what_is_set_stays(other_defaults):
    config = SearchConfig(task="text-lines", images=500, recipe=Recipe(rate=0.1))
    assert (config.images, config.recipe.rate) == (500, 0.1)


def test_defaults_of_the_task_count_as_open(other_defaults):
    """`evaluate` takes all training images where nobody said how many."""
    config = make_config({"task": "text-lines", "space": "single"})
    assert "images" not in config.model_fields_set and "space" in config.model_fields_set


def test_classification_is_as_without_a_task(other_defaults):
    assert SearchConfig(task="classification") == SearchConfig()
    assert "images" not in SearchConfig(task="classification").model_fields_set


def test_a_saved_config_is_read_back_as_it_was(other_defaults, tmp_path):
    config = SearchConfig(task="text-lines", epochs=7)
    save_config(config, tmp_path / "config.toml")
    assert load_config(tmp_path / "config.toml") == config


def test_an_unknown_task_is_refused():
    with pytest.raises(UserError, match=r"task: input should be .*'self-supervised'.*got 'detection'"):
        make_config({"task": "detection"})


def test_metrics_of_a_task_are_its_headline_loss_and_own():
    assert metrics_of_task("classification") is METRICS
    names = set(metrics_of_task("self-supervised"))
    assert {"accuracy", "loss", "knn_accuracy", "rotation", "seconds"} <= names and "ece" not in names


@pytest.mark.parametrize(
    ("task", "reward", "message"),
    [
        ("classification", "rotation", "rotation is a metric of --task self-supervised, and the task is class"),
        ("text-lines", "accuracy-0.5*ece", "ece is a metric of --task classification, and the task is text-lines"),
        ("self-supervised", "character-accuracy", "character-accuracy is a metric of --task text-lines, and the"),
    ],
)
def test_a_metric_of_another_task_is_refused_with_its_task(task, reward, message):
    with pytest.raises(UserError, match=message):
        must_be_a_reward(reward, metrics=metrics_of_task(task))


def test_a_task_has_sums_of_its_own_metrics():
    metrics = metrics_of_task("self-supervised")
    reward = parse_reward("rotation-0.5*feature-deviation", metrics)
    assert reward({"rotation": 0.75, "feature_deviation": 0.5}) == 0.5
