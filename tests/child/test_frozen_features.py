"""What frozen features are judged by: linear probe, neighbours, rotations, collapse."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from policysearch.child.self_supervised.collapse import collapse, deviation
from policysearch.child.self_supervised.linear_probe import DECAY, fit_probe
from policysearch.child.self_supervised.neighbours import neighbour_votes
from policysearch.child.self_supervised.rotations import quarter_turns


def blobs(count=90, width=4, classes=3, seed=0):
    """Features of classes that overlap, and their labels."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % classes
    centres = torch.randn(classes, width, generator=generator)
    return centres[labels] + torch.randn(count, width, generator=generator), labels


def test_probe_of_one_feature_is_the_root_of_its_equation():
    """Features ±1 of two even classes: weights ∓a, and 1 / (1 + exp 2a) = decay · a."""
    features = torch.tensor([[-1.0], [1.0]]).repeat(5, 1)
    probe = fit_probe(features, torch.tensor([0, 1]).repeat(5), 2)
    root = brentq(lambda a: 1 / (1 + math.exp(2 * a)) - DECAY * a, 0, 20)
    assert probe.weights[0].tolist() == pytest.approx([-root, root], abs=1e-4)
    assert probe.bias.tolist() == pytest.approx([0, 0], abs=1e-6)


def test_probe_of_features_that_say_nothing_gives_the_shares_of_the_classes():
    labels = torch.tensor([0] * 6 + [1] * 3 + [2])
    shares = fit_probe(torch.full((10, 4), 7.0), labels, 3)(torch.full((1, 4), 7.0)).softmax(1)
    assert shares[0].tolist() == pytest.approx([0.6, 0.3, 0.1], abs=1e-5)


def optimality(probe, features, labels, classes):
    """How far the gradient of the objective is from 0, features standardised."""
    mean, scale = features.double().mean(0), features.double().std(0, unbiased=False)
    standard = (features.double() - mean) / scale
    error = (probe(features).softmax(1) - torch.nn.functional.one_hot(labels, classes)) / len(labels)
    slope = standard.T @ error + DECAY * probe.weights * scale[:, None]
    return max(slope.abs().max().item(), error.sum(0).abs().max().item())


def test_probe_is_at_the_minimum():
    features, labels = blobs()
    probe = fit_probe(features, labels, 3)
    assert optimality(probe, features, labels, 3) < 1e-5
    assert optimality(fit_probe(features, labels, 3, decay=0.1), features, labels, 3) > 1e-3  # the check has power


def test_probe_does_not_depend_on_the_features_scales():
    features, labels = blobs()
    scaled = features * torch.tensor([1.0, 1e3, 1e-3, 5.0]) + torch.tensor([0.0, 50.0, -1.0, 3.0])
    plain, other = (fit_probe(part, labels, 3)(part) for part in (features, scaled))
    assert torch.allclose(plain.softmax(1), other.softmax(1), atol=1e-3)


def votes_by_hand(features, labels, queries, classes, neighbours, temperature):
    features, queries = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (features.numpy(), queries.numpy()))
    rows = []
    for query in queries.astype(float):
        cosines = features.astype(float) @ query
        votes = np.zeros(classes)
        for row in np.argsort(-cosines, kind="stable")[:neighbours]:
            votes[labels[row]] += np.exp(cosines[row] / temperature)
        rows.append(votes / votes.sum())
    return np.array(rows)


@pytest.mark.parametrize(("neighbours", "temperature"), [(1, 0.07), (5, 0.07), (20, 1.0), (500, 0.5)])
def test_neighbours_vote_as_counted_by_hand(neighbours, temperature):
    features, labels = blobs()
    queries = blobs(count=13, seed=1)[0]
    votes = neighbour_votes(features, labels, queries, 3, neighbours=neighbours, temperature=temperature)
    expected = votes_by_hand(features, labels, queries, 3, neighbours, temperature)
    assert votes.numpy() == pytest.approx(expected, abs=1e-6)
    assert votes.sum(1).numpy() == pytest.approx(np.ones(13))


def test_neighbours_are_near_by_angle_and_not_by_length():
    features, labels = torch.tensor([[1.0, 0.0], [10.0, 10.0]]), torch.tensor([0, 1])
    votes = neighbour_votes(features, labels, torch.tensor([[1.0, 0.9]]), 2, neighbours=1)
    assert votes.argmax().item() == 1  # by distance it would be 0


def test_quarter_turns_are_numpys():
    images = torch.randint(0, 256, (3, 2, 5, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    turned, angles = quarter_turns(images)
    for image, angle, place in zip(turned, angles.tolist(), range(12), strict=True):
        assert np.array_equal(image, np.rot90(images[place % 3], angle, (1, 2)))
    assert angles.tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3


def test_stretching_does_not_give_the_angle_away():
    """A picture that looks the same from four sides looks the same after it was stretched."""
    image = torch.zeros(1, 1, 6, 10, dtype=torch.uint8)
    image[0, 0, 1:5, 3:7] = 200
    turned, _ = quarter_turns(image)
    assert turned.shape == (4, 1, 6, 10)
    assert all(torch.equal(other, turned[0]) for other in turned)


def test_deviation_is_numpys():
    rows = torch.randn(50, 6, generator=torch.Generator().manual_seed(0)) + 0.5
    unit = rows.numpy() / np.linalg.norm(rows.numpy(), axis=1, keepdims=True)
    assert deviation(rows) == pytest.approx(np.sqrt(6) * unit.std(0, ddof=1).mean(), abs=1e-6)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (torch.ones(40, 8), "is 0.000 times"),
        (torch.zeros(40, 8), "is 0.000 times"),
        (torch.ones(40, 8) + 0.02 * torch.randn(40, 8, generator=torch.Generator().manual_seed(0)), "is 0.017 times"),
        (torch.ones(40, 8) * torch.randn(40, 1, generator=torch.Generator().manual_seed(0)), "on one line"),
    ],
    ids=["equal", "zero", "nearly equal", "one line"],
)
def test_a_collapse_is_seen(outputs, message):
    assert message in collapse(outputs, deviation(outputs))


@pytest.mark.parametrize("width", [2, 8, 128])
def test_outputs_without_preference_are_no_collapse(width):
    outputs = torch.randn(500, width, generator=torch.Generator().manual_seed(0))
    assert deviation(outputs) == pytest.approx(1, abs=0.05)
    assert not collapse(outputs, deviation(outputs))
