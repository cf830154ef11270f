"""Both ranks by hand: of the true class among the logits, and of the features before the last layer."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from policysearch.child.feature_rank import Penultimate, effective_rank
from policysearch.child.metrics import scores
from policysearch.child.networks import build
from policysearch.child.recipe import Recipe
from policysearch.child.training_run import TrainingRun
from policysearch.child.training_spec import TrainingSpec
from policysearch.policy.policy import Policy
from policysearch.study.rewards import parse_reward
from tests.support.small_children import DropNet, small_data


@pytest.mark.parametrize(
    ("logits", "label", "value"),
    [
        ([3.0, 2.0, 1.0], 0, 1.0),
        ([3.0, 2.0, 1.0], 1, 1 / 2),
        ([3.0, 2.0, 1.0], 2, 1 / 3),
        ([2.0, 2.0, 1.0], 1, 1 / 1.5),  # places 1 and 2 shared
        ([0.0, 0.0, 0.0], 2, 1 / 2),  # all three shared: a constant answer earns nothing by its index
    ],
)
def test_the_reciprocal_rank_by_hand(logits, label, value):
    assert scores(torch.tensor([logits]), torch.tensor([label]))["reciprocal_rank"] == pytest.approx(value)


def test_the_reciprocal_rank_is_a_mean_and_of_two_classes_it_is_accuracy():
    logits = torch.tensor([[2.0, 1.0], [2.0, 1.0], [1.0, 2.0], [5.0, 4.0]])
    measured = scores(logits, torch.tensor([0, 1, 1, 0]))
    assert measured["reciprocal_rank"] == pytest.approx((1 + 1 / 2 + 1 + 1) / 4)
    assert measured["reciprocal_rank"] == pytest.approx((1 + measured["accuracy"]) / 2)


def turned(matrix: torch.Tensor) -> torch.Tensor:
    """The same singular values in other directions."""
    torch.manual_seed(0)
    left, right = (torch.linalg.qr(torch.randn(n, n).double())[0] for n in matrix.shape)
    return left @ matrix.double() @ right


@pytest.mark.parametrize(
    ("values", "rank"),
    [
        ([1, 1, 1], 3),
        ([5, 0, 0], 1),
        ([0, 0, 0], 0),
        ([3, 1], math.exp(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))),
        ([1, 1, 2], math.exp(2 * 0.25 * math.log(4) + 0.5 * math.log(2))),
    ],
)
def test_the_effective_rank_by_hand(values, rank):
    matrix = torch.zeros(7, len(values))
    matrix[: len(values)] = torch.diag(torch.tensor(values, dtype=torch.float))
    for features in (matrix, turned(matrix), turned(matrix).T, 100 * turned(matrix)):
        assert effective_rank(features) == pytest.approx(rank, abs=1e-5)


def test_features_that_are_not_finite_have_no_rank():
    assert math.isnan(effective_rank(torch.tensor([[1.0, math.inf]])))


def test_the_features_are_what_the_last_linear_layer_takes():
    network = build("small-resnet", (1, 28, 28), 10).eval()
    images = torch.randn(6, 1, 28, 28)
    with torch.no_grad(), Penultimate(network) as watch:
        logits = [network(images), network(images[:2])]
    assert [len(features) for features in watch.features] == [6, 2]
    (head,) = [module for module in network.modules() if isinstance(module, nn.Linear)]
    again = [head(features) for features in watch.features]
    difference = [ours - theirs for ours, theirs in zip(again, logits, strict=True)]
    scale = logits[0].norm() / again[0].norm()  # some networks scale their logits afterwards
    assert torch.allclose(again[0] * scale, logits[0], atol=1e-5), difference
    with torch.no_grad():
        network(images)
    assert len(watch.features) == 2, "it watches no longer"


def test_positions_are_averaged_and_a_network_without_a_linear_layer_gives_its_logits():
    tokens = nn.Sequential(nn.Flatten(2), nn.Linear(4, 3), nn.Flatten())
    with Penultimate(tokens) as watch:
        tokens(torch.arange(8.0).view(1, 2, 2, 2))
    assert watch.features[0].tolist() == [[2.0, 3.0, 4.0, 5.0]]
    convolution = nn.Sequential(nn.Conv2d(1, 3, 2), nn.Flatten())
    with Penultimate(convolution) as watch:
        logits = convolution(torch.ones(2, 1, 2, 2))
    assert torch.equal(watch.features[0], logits)


def test_a_network_that_was_not_watched_is_passed_again():
    """As under torch.compile: the same features, by a pass of their own."""
    spec = TrainingSpec(Policy.preset("identity"), small_data(), DropNet, 24, 1, 3, Recipe(batch=8), None, None)
    run = TrainingRun(spec)
    with torch.random.fork_rng(devices=[]):
        run.begin()
    run.epoch(1)
    run.validate(1)
    watched = torch.cat(run._features)
    assert torch.equal(watched, torch.cat(run._features_anew())) and len(watched) == len(spec.data.validation)
    run.finish()
    assert run.feature_rank == effective_rank(watched) and 1 < run.feature_rank <= watched.shape[1]


def test_both_are_rewards_as_people_write_them():
    metrics = {"accuracy": 0.5, "reciprocal_rank": 0.75, "feature_rank": 8.0}
    assert parse_reward("reciprocal-rank")(metrics) == 0.75
    assert parse_reward("accuracy+0.01*feature-rank")(metrics) == pytest.approx(0.58)
