"""Children that learn numbers of an image: metrics by hand and by scikit-learn, units, training, refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_absolute_error, r2_score

from policysearch.child.targets.numbers import number_goal, number_scores
from policysearch.child.trainers import outputs_of, training_of
from policysearch.core.errors import UserError
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.load import load
from policysearch.policy.policy import Policy
from tests.support.small_children import same, state_after
from tests.support.target_data import device_targets, target_child, write_shaded

IDENTITY = Policy.preset("identity")
MIXED = Policy.from_dict({"sub_policies": [{}], "mix": {"operation": "mixup", "probability": 0.5}})


@pytest.fixture(scope="module")
def shaded(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path: Path = tmp_path_factory.mktemp("shaded") / "shaded.npz"
    return load(str(write_shaded(path)), needs="numbers")


def test_scores_are_those_of_scikit_learn_in_the_numbers_own_units() -> None:
    rng = np.random.default_rng(0)
    truth, deviation = rng.normal(size=(40, 3)), np.array([10.0, 0.5, 3.0])
    guess = truth + rng.normal(size=(40, 3)) / 2
    ours = number_scores(*map(torch.from_numpy, (guess, truth, deviation)))
    assert ours["accuracy"] == pytest.approx(r2_score(truth, guess))
    assert ours["mae"] == pytest.approx(mean_absolute_error(truth * deviation, guess * deviation))
    assert ours["loss"] == pytest.approx(np.square(guess - truth).mean())


def test_a_number_that_does_not_vary_does_not_count_and_a_bad_guess_is_below_nothing() -> None:
    truth = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    one = torch.ones(2, dtype=torch.float64)
    assert number_scores(torch.tensor([[3.0, 0.0], [1.0, 0.0]]), truth, one)["accuracy"] == pytest.approx(-3)
    assert number_scores(truth[:, 1:] + 1, truth[:, 1:], one[:1])["accuracy"] == 0


def test_numbers_are_scaled_by_the_training_side_alone(shaded: Dataset) -> None:
    data = device_targets(shaded)
    scaled = number_goal(data).scale(data.targets)
    assert scaled.dtype == torch.float32
    assert torch.allclose(scaled[data.train].mean(0), torch.zeros(2), atol=1e-5)
    assert torch.allclose(scaled[data.train].std(0, correction=0), torch.ones(2), atol=1e-5)
    changed = replace(data, targets=data.targets.clone())
    changed.targets[data.validation] += 100
    assert torch.equal(number_goal(changed).scale(data.targets), scaled)


def test_a_child_learns_its_numbers_whatever_their_unit(shaded: Dataset) -> None:
    def scores(dataset: Dataset) -> dict[str, float]:
        exam = training_of("regression").exam(dataset, torch.device("cpu"), 50)
        data = device_targets(dataset)
        return target_child(
            "regression", dataset, IDENTITY, images=80, epochs=6, examine=lambda answers: exam(data, answers, seed=0)
        )[0]

    metrics = scores(shaded)
    assert metrics["accuracy"] > 0.5 and metrics["test_accuracy"] > 0.5 and metrics["test_images"] == 30
    assert {"class_counts", "reliability", "correct"}.isdisjoint(metrics)
    larger = scores(replace(shaded, targets_train=1024 * shaded.targets_train, targets_test=1024 * shaded.targets_test))
    assert larger["test_accuracy"] == pytest.approx(metrics["test_accuracy"], abs=1e-6)
    assert larger["test_mae"] == pytest.approx(1024 * metrics["test_mae"], rel=1e-6)


def test_a_child_goes_on_from_a_checkpoint_to_the_last_bit(shaded: Dataset) -> None:
    whole, states = target_child("regression", shaded, MIXED, epochs=2, stops=(1,), images=20)
    rest, rest_states = target_child("regression", shaded, MIXED, epochs=2, origin=states[1], images=20)
    assert same(state_after(states[2]), state_after(rest_states[2])) and rest["curve"] == whole["curve"]


def test_softening_is_refused_and_a_network_gives_a_number_for_each(shaded: Dataset) -> None:
    with pytest.raises(UserError, match="which softens, does not go with --task regression: numbers have no confid"):
        target_child("regression", shaded, Policy.preset("soft-crop"))
    assert outputs_of("regression", shaded) == 2
