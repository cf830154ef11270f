"""SimSiam: its loss, its network, its training, and what it refuses."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from policysearch.augmentation.views import views
from policysearch.child.checkpoint import Checkpoint
from policysearch.child.generators import Generators
from policysearch.child.learner import Learner
from policysearch.child.networks import build
from policysearch.child.recipe import Recipe
from policysearch.child.self_supervised import siamese_run
from policysearch.child.self_supervised.backbone import without_classifier
from policysearch.child.self_supervised.refusals import must_take_policy, must_take_training
from policysearch.child.self_supervised.rotations import exam_of
from policysearch.child.self_supervised.siamese import Siamese, pair_loss, siamese
from policysearch.child.sgd import SGD
from policysearch.child.training_spec import ChildError
from policysearch.core.errors import CheckpointError, UserError
from policysearch.datasets.dataset import Dataset
from policysearch.policy.losses import parse_loss
from policysearch.policy.policy import Policy
from tests.support.siamese_children import CROP, Constant, WideDropNet, siamese_child, unlabelled
from tests.support.small_children import IMAGES, same, small_data, state_after


def outputs(batch=5, size=3, seed=0):
    """Projections and predictions of two views, as leaves, and weights of the pairs."""
    generator = torch.Generator().manual_seed(seed)
    first, second = (torch.randn(batch, 2 * size, generator=generator).requires_grad_() for _ in range(2))
    return first, second, torch.rand(batch, generator=generator) + 0.5


def slope(loss, first, second, weights):
    """The gradient of a loss with respect to the first view's outputs."""
    (gradient,) = torch.autograd.grad(loss(first, second, weights), first)
    return gradient.double().numpy()


def slope_by_hand(first, second, weights):
    """The same in NumPy: d/dp of -w/2B cos(p, z) is -w/2B (z/|z| - cos p/|p|) / |p|, and that of z is 0."""
    p, z, w = (x.detach().double().numpy() for x in (first.chunk(2, 1)[1], second.chunk(2, 1)[0], weights))
    along, to = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (p, z))
    turn = (to - (along * to).sum(1, keepdims=True) * along) / np.linalg.norm(p, axis=1, keepdims=True)
    return np.hstack([np.zeros_like(p), -w[:, None] / (2 * len(w)) * turn])


def test_loss_is_the_papers():
    first, second, weights = outputs()
    z1, p1, z2, p2 = (x.detach().double().numpy() for out in (first, second) for x in out.chunk(2, 1))

    def cos(a, b):
        return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)

    expected = np.mean(weights.numpy() * -(cos(p1, z2) + cos(p2, z1)) / 2)
    assert pair_loss(first, second, weights).item() == pytest.approx(expected, abs=1e-6)
    assert pair_loss(first, second, weights).item() == pytest.approx(pair_loss(second, first, weights).item())


def test_gradient_stops_at_the_projections():
    assert slope(pair_loss, *outputs()) == pytest.approx(slope_by_hand(*outputs()), abs=1e-7)


def test_a_loss_without_the_stop_is_caught():
    def planted(first, second, weights):
        (z1, p1), (z2, p2) = first.chunk(2, 1), second.chunk(2, 1)
        return -(weights * (F.cosine_similarity(p1, z2) + F.cosine_similarity(p2, z1))).mean() / 2

    first, second, weights = outputs()
    assert planted(first, second, weights).item() == pytest.approx(pair_loss(first, second, weights).item())
    assert not np.allclose(slope(planted, *outputs()), slope_by_hand(*outputs()), atol=1e-3)


def test_a_pair_without_weight_moves_nothing():
    first, second, weights = outputs()
    weights[2] = 0
    moved = slope(pair_loss, first, second, weights)
    assert not moved[2].any() and moved[[0, 1, 3, 4], 3:].all()


def trained_by_hand(epochs, batch, rate, decay, seed=3):
    """A plain loop, which shares with the child what is drawn, and SGD (`test_sgd` compares that with torch's)."""
    data, generators = small_data(), Generators(seed, torch.device("cpu"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = siamese(WideDropNet, (1, 8, 8)).to(memory_format=torch.channels_last).train()
        optimiser = SGD(network.parameters(), momentum=0.9, weight_decay=decay)
        step, steps = 0, epochs * IMAGES // batch
        for _ in range(epochs):
            for rows in data.train[torch.randperm(IMAGES, generator=generators.order)].split(batch):
                one, two, weights = views(CROP, data.images[rows], generators.draws)
                (z1, p1), (z2, p2) = (network(data.normalise(view)).chunk(2, 1) for view in (one, two))
                total = sum(
                    w * (F.cosine_similarity(p, z.detach(), dim=0))
                    for w, ps, zs in zip(weights, zip(p1, p2, strict=True), zip(z2, z1, strict=True), strict=True)
                    for p, z in zip(ps, zs, strict=True)
                )
                optimiser.zero_grad()
                (-total / 2 / len(rows)).backward()
                optimiser.step(rate * (1 + math.cos(math.pi * step / steps)) / 2)
                step += 1
    return network.state_dict()


def test_training_is_that_of_a_plain_loop():
    expected = trained_by_hand(epochs=2, batch=12, rate=0.05, decay=1e-3)
    _, kept = siamese_child(epochs=2, batch=12, rate=0.05, weight_decay=1e-3)
    state = Checkpoint.from_bytes(kept[2]).state["learner"]["network"]["saved"]
    for name, value in expected.items():
        assert torch.allclose(state[name].float(), value.float(), atol=2e-5), name


def test_labels_do_not_touch_the_network():
    data = small_data()
    other = replace(data, labels=(data.labels + torch.arange(len(data.labels)) // 7) % 3)
    one, two = (siamese_child(data=part)[1][2] for part in (data, other))
    assert same(state_after(one)["learner"], state_after(two)["learner"])
    assert state_after(one)["curve"] != state_after(two)["curve"]


@pytest.mark.parametrize("schedule", ["cosine", "constant", "trunk"])
def test_a_stopped_child_goes_on_as_if_it_had_not_been(schedule):
    whole, kept = siamese_child(epochs=3, stops=[1], schedule=schedule, averaging=0.5)
    again, kept_again = siamese_child(epochs=3, origin=kept[1], schedule=schedule, averaging=0.5)
    assert {**again, "trained_epochs": 3, "continued_from": 0} == whole
    assert same(state_after(kept[3]), state_after(kept_again[3]))


def test_a_checkpoint_at_the_end_is_measured_alone():
    whole, kept = siamese_child()
    again, _ = siamese_child(origin=kept[2])
    assert {**again, "trained_epochs": 2, "continued_from": 0} == whole


def test_a_checkpoint_of_another_network_is_refused():
    _, kept = siamese_child()
    with pytest.raises(CheckpointError, match="another network"):
        siamese_child(factory=lambda: build("quick-resnet", (1, 8, 8), 3), origin=kept[2])


def test_metrics_are_all_there_and_in_their_ranges():
    metrics, _ = siamese_child(checkpoints=2)
    assert {"accuracy", "loss", "knn_accuracy", "rotation", "feature_deviation", "feature_rank"} <= metrics.keys()
    for name in ("accuracy", "knn_accuracy", "rotation", "balanced_accuracy", "ece"):
        assert 0 <= metrics[name] <= 1, name
    assert -1 <= metrics["augmented_train_loss"] <= 1 and metrics["validation_images"] == 24
    assert [point["epoch"] for point in metrics["curve"]] == [1, 2]
    assert metrics["curve"][-1]["accuracy"] == metrics["accuracy"] == metrics["correct"] / 24


def test_weights_of_pairs_reach_the_network():
    plain, weighted = (siamese_child(Policy.preset(name), epochs=1) for name in ("simsiam", "simsiam-sa1"))
    assert plain[0]["severity"] == weighted[0]["severity"] > 0
    assert not same(state_after(plain[1][1])["learner"], state_after(weighted[1][1])["learner"])


def test_without_labels_rotations_are_what_is_judged():
    metrics, _ = siamese_child(data=unlabelled(small_data()))
    assert metrics["class_counts"] == []
    assert metrics["accuracy"] == metrics["rotation"] and metrics["validation_images"] == 4 * 24
    labelled, _ = siamese_child()
    assert labelled["rotation"] == metrics["rotation"] and labelled["accuracy"] != metrics["accuracy"]


def test_an_examination_gets_the_probe():
    seen = []

    def examine(logits):
        seen.append(logits(torch.zeros(5, 1, 8, 8)))
        return {"test_accuracy": 0.5}

    metrics, _ = siamese_child(options={"examine": examine})
    assert metrics["test_accuracy"] == 0.5 and [tuple(out.shape) for out in seen] == [(5, 3)]


@pytest.mark.parametrize("labelled", [True, False])
def test_the_test_part_is_told_apart_by_classes_or_by_angles(labelled):
    images, labels = np.zeros((6, 1, 8, 8), np.uint8), np.arange(6) % 3 * labelled
    classes = ("a", "b", "c") if labelled else ("unlabelled",)
    exam = exam_of(Dataset("dots", images, labels, images, labels, classes, labelled=labelled), torch.device("cpu"), 4)
    seen = []

    def logits(inputs):
        seen.append(inputs)
        return torch.eye(3 if labelled else 4)[torch.zeros(len(inputs), dtype=torch.long)]

    metrics = exam(small_data(), logits, seed=0)
    assert metrics["test_images"] == (6 if labelled else 24)
    assert metrics["test_accuracy"] == pytest.approx(1 / 3 if labelled else 1 / 4)
    assert ("test_class_counts" in metrics) == labelled


@pytest.mark.parametrize("name", ["small-resnet", "quick-resnet", pytest.param("resnet-18", marks=pytest.mark.slow)])
def test_networks_of_the_registry_lose_their_classifier_alone(name):
    torch.manual_seed(0)
    network = build(name, (3, 32, 32), 7).eval()
    images = torch.randn(2, 3, 32, 32)
    logits, head = network(images), [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
    backbone, width = without_classifier(network, (3, 32, 32))
    assert width == head.in_features
    assert torch.allclose(head(backbone(images)), logits, atol=1e-5)


def test_heads_are_those_of_the_paper_for_a_resnet18():
    network = Siamese(nn.Flatten(), 512)
    assert network.size == 2048 and network.prediction[0].out_features == 512
    assert Siamese(nn.Flatten(), 32).size == 128


class NoLinear(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(1, 3, 3)

    def forward(self, x):
        return self.convolution(x).mean((2, 3))


class LinearInside(NoLinear):
    """A linear layer that is not the classifier."""

    def __init__(self):
        super().__init__()
        self.squeeze = nn.Linear(3, 5)

    def forward(self, x):
        y = super().forward(x)
        return y * self.squeeze(y).mean(1, keepdim=True)


class OneFeature(NoLinear):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(1, 3)

    def forward(self, x):
        return self.head(x.mean((1, 2, 3))[:, None])


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (NoLinear, "does not end with a linear layer"),
        (LinearInside, "does not end"),
        (OneFeature, "2 or more features"),
    ],
)
def test_networks_without_features_are_refused(network, message):
    with pytest.raises(UserError, match=message):
        without_classifier(network(), (1, 8, 8))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mix": {"operation": "mixup"}}, "no mix"),
        ({"softening": {"mode": "both", "k": 2}}, "no softening"),
        ({"adaptive": {"rule": "entaugment"}}, "no adaptive"),
    ],
)
def test_policies_for_labels_are_refused(changes, message):
    policy = Policy.from_dict({**CROP.model_dump(mode="json", by_alias=True), **changes})
    with pytest.raises(
        UserError, match=f"policy 'crop' does not suit --task self-supervised: two views of an image have {message}"
    ):
        must_take_policy(policy)


def test_a_policy_is_refused_for_its_last_stage_too():
    late = {"start": 0.5, "sub_policies": [{"steps": []}], "mix": {"operation": "mixup"}}
    with pytest.raises(UserError, match="have no mix"):
        siamese_child(CROP.model_copy(update={"stages": Policy(sub_policies=[{"steps": []}], stages=[late]).stages}))


@pytest.mark.parametrize(
    ("recipe", "images", "loss", "message"),
    [
        ({"base_epochs": 2}, 10, None, "--base-epochs 2 does not go with --task self-supervised"),
        ({"label_smoothing": 0.1}, 10, None, "--label-smoothing 0.1 does not go with"),
        ({}, 10, {"kind": "focal", "gamma": 2.0}, "an arm with a loss does not go with"),
        ({}, 1, None, "a batch has one image alone"),
        ({"batch": 2}, 11, None, "a batch has one image alone"),
    ],
)
def test_trainings_that_need_labels_or_pairs_of_images_are_refused(recipe, images, loss, message):
    with pytest.raises(UserError, match=message):
        must_take_training(Recipe(**recipe), images, parse_loss(loss) if loss else None)


def test_a_collapsed_child_has_failed():
    with pytest.raises(ChildError, match="collapsed: the deviation of its normalised outputs is 0"):
        siamese_child(factory=Constant)


@pytest.mark.slow
def test_a_network_trained_without_the_stop_collapses_and_is_caught(monkeypatch):
    """Chen & He 2021, figure 2: with the stop the same training goes well."""

    def planted(first, second, weights):
        (z1, p1), (z2, p2) = first.chunk(2, 1), second.chunk(2, 1)
        return -(weights * (F.cosine_similarity(p1, z2) + F.cosine_similarity(p2, z1))).mean() / 2

    metrics, _ = siamese_child(epochs=60, rate=1.0)
    assert metrics["feature_deviation"] > 0.5
    monkeypatch.setattr(siamese_run, "pair_loss", planted)
    with pytest.raises(ChildError, match=r"collapsed: the deviation of its normalised outputs is 0\.0"):
        siamese_child(epochs=60, rate=1.0)


def test_a_child_that_diverges_has_failed():
    with pytest.raises(ChildError, match="diverged: training loss is nan"):
        siamese_child(rate=1e38, epochs=3)


def test_views_are_drawn_anew_at_every_step(monkeypatch):
    seen = []

    def watched(*arguments):
        seen.append(views(*arguments))
        return seen[-1]

    monkeypatch.setattr(siamese_run, "views", watched)
    siamese_child(epochs=1)
    assert len(seen) == 3
    assert all(not torch.equal(first, second) for first, second, _ in seen)


class Roomy(WideDropNet):
    """A network on a device that has room for the passes of eight images."""

    held = 0

    def forward(self, images):
        if self.training and torch.is_grad_enabled():
            Roomy.held += len(images)
            if Roomy.held > 8:
                Roomy.held = 0
                raise torch.cuda.OutOfMemoryError("no room")
        return super().forward(images)


def test_the_batch_that_fits_has_room_for_both_views(monkeypatch):
    """Twelve images are 24 passes, six are 12, and three are 6."""
    monkeypatch.setattr(Learner, "update", lambda learner, loss, share=1.0: setattr(Roomy, "held", 0))
    with pytest.raises(ChildError, match=r"out of memory on cpu with batch 12: 3 fits, give --batch 3"):
        siamese_child(factory=Roomy)
