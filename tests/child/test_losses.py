"""Losses: each against its paper's formula, and in trainings."""

from __future__ import annotations

import json
import math
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.optimize import brentq

from policysearch.augmentation import soft_loss
from policysearch.child.device_data import on_device
from policysearch.child.losses import bi_tempered, focal, label_smoothing, make_loss, tempered_log_softmax
from policysearch.child.networks import build
from policysearch.child.recipe import Recipe
from policysearch.child.training import train
from policysearch.core.errors import UserError
from policysearch.datasets.load import load
from policysearch.datasets.split import split
from policysearch.policy.losses import (
    BiTempered,
    Focal,
    LabelSmoothing,
    OnlineLabelSmoothing,
    loss_in_words,
    parse_loss,
)
from policysearch.policy.policy import Policy
from tests.support.quick import write_npz

CPU = torch.device("cpu")
LOSSES = [
    None,
    LabelSmoothing(alpha=0.2),
    OnlineLabelSmoothing(alpha=0.3),
    Focal(gamma=0.5),
    Focal(gamma=2),
    BiTempered(t1=0.5, t2=1.5, smoothing=0.1),
    BiTempered(t1=1, t2=4),
    BiTempered(t1=0, t2=1),
]
AUTHORS_LOGITS = torch.tensor([[-0.5, 0.1, 2.0], [0.1, 1.5, -5.0], [4.0, -3.0, -6.0]])


def batch(size: int = 6, classes: int = 4, seed: int = 0, scale: float = 2.0):
    """Logits, soft targets and weights in float64; the last target is one-hot."""
    rng = np.random.default_rng(seed)
    targets = rng.dirichlet(np.ones(classes), size)
    targets[-1] = np.eye(classes)[1]
    arrays = rng.normal(size=(size, classes)) * scale, targets, rng.uniform(0, 1.5, size)
    return tuple(torch.tensor(array) for array in arrays)


def one_hot(size: int = 6, classes: int = 4, seed: int = 0):
    logits, _, _ = batch(size, classes, seed)
    labels = torch.arange(size) % classes
    return logits, labels, F.one_hot(labels, classes).double(), torch.ones(size, dtype=torch.float64)


def close(got: torch.Tensor, expected: object, tolerance: float = 1e-9) -> bool:
    number = expected.item() if isinstance(expected, torch.Tensor) else expected
    return got.item() == pytest.approx(number, abs=tolerance)


# What a loss is


@pytest.mark.parametrize("loss", LOSSES[1:], ids=lambda loss: loss.label)
def test_json_both_ways_and_the_hash_of_content(loss):
    again = parse_loss(json.loads(loss.to_json()))
    assert again == loss and again.hash == loss.hash and len(loss.hash) == 12
    assert sum(other is not None and other.hash == loss.hash for other in LOSSES) == 1
    assert loss_in_words(loss) and loss.label.startswith(loss.kind)


def test_defaults_and_numbers():
    assert parse_loss({"kind": "focal"}) == Focal(gamma=2)
    assert Focal(gamma=2).hash == Focal(gamma=2.0).hash != Focal(gamma=1).hash
    assert parse_loss(None) is None and parse_loss({"kind": "none"}) is None
    assert parse_loss({"kind": "none", "gamma": 3}) is None
    assert BiTempered(t1=0.5).label == "bi-tempered(t1=0.5, t2=1.2, smoothing=0)"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"kind": "label-smoothing", "alpha": 1}, "label-smoothing: alpha: .*less than 1, got 1"),
        ({"kind": "online-label-smoothing", "alpha": 1.1}, "alpha: .*less than or equal to 1, got 1.1"),
        ({"kind": "focal", "gamma": -1}, "gamma: .*greater than or equal to 0, got -1"),
        ({"kind": "focal", "gamma": math.inf}, "gamma: .*finite"),
        ({"kind": "bi-tempered", "t1": 1.5}, "t1: .*less than or equal to 1"),
        ({"kind": "bi-tempered", "t2": 0.9}, "t2: .*greater than or equal to 1"),
        ({"kind": "bi-tempered", "t2": 9}, "t2: .*less than or equal to 4"),
        ({"kind": "bi-tempered", "smoothing": math.nan}, "smoothing"),
        ({"kind": "focal", "alpha": 0.1}, "unknown key 'alpha'"),
        ({"kind": "none", "gama": 1}, "unknown key 'gama'"),
        ({"kind": "fokal"}, "did you mean focal"),
        ({"gamma": 1}, "must be a table with a kind"),
        ("focal", "must be a table with a kind"),
    ],
)
def test_bad_values_are_refused_by_field(data, message):
    with pytest.raises(UserError, match=message):
        parse_loss(data)


# What a loss computes


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.label if loss else "none")
def test_gradients_and_weights(loss):
    logits, targets, weights = batch()
    objective = make_loss(loss, 4, CPU)
    assert torch.autograd.gradcheck(lambda x: objective(x, targets, weights), logits.requires_grad_())
    alone = [objective(logits[i : i + 1], targets[i : i + 1], weights.new_ones(1)) for i in range(6)]
    assert close(objective(logits, targets, weights), sum(w * a for w, a in zip(weights, alone, strict=True)) / 6)
    assert close(objective(logits, targets, 0 * weights), 0)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.label if loss else "none")
def test_extremes_stay_finite(loss):
    for scale in (0.0, 1e-3, 50.0, 1e4):
        logits, targets, weights = (x.float() for x in batch(scale=scale))
        objective = make_loss(loss, 4, CPU)
        value = objective(logits.requires_grad_(), targets, weights)
        value.backward()
        objective.end_epoch()
        assert value.isfinite() and logits.grad.isfinite().all()


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.label if loss else "none")
def test_one_class_costs_nothing(loss):
    objective = make_loss(loss, 1, CPU)
    logits = torch.randn(3, 1, requires_grad=True)
    value = objective(logits, torch.ones(3, 1), torch.ones(3))
    value.backward()
    objective.end_epoch()
    assert close(value, 0, 1e-6) and not logits.grad.any()


def test_none_is_the_plain_loss_and_alone_takes_the_recipes_smoothing():
    arguments = batch()
    assert make_loss(None, 4, CPU)(*arguments) == soft_loss(*arguments)
    assert make_loss(None, 4, CPU, 0.1)(*arguments) == soft_loss(*arguments, 0.1)
    assert make_loss(Focal(), 4, CPU, 0.1)(*arguments) == focal(*arguments, gamma=2)


@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.5])
def test_label_smoothing_is_torchs_less_the_targets_entropy(alpha):
    logits, labels, targets, ones = one_hot()
    smoothed = torch.tensor([1 - alpha, 0, 0, 0], dtype=torch.float64) + alpha / 4
    entropy = -torch.xlogy(smoothed, smoothed).sum()
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    value = label_smoothing(ours, targets, ones, alpha=alpha)
    reference = F.cross_entropy(theirs, labels, label_smoothing=alpha)
    assert close(value + entropy, reference)
    value.backward()
    reference.backward()
    assert torch.allclose(ours.grad, theirs.grad)


def test_focal_by_hand():
    logits = torch.tensor([[0.7, 0.2, 0.1]], dtype=torch.float64).log()
    hard, soft = torch.tensor([[1.0, 0, 0]]), torch.tensor([[0.5, 0.5, 0]])
    assert close(focal(logits, hard, torch.ones(1), gamma=2), 0.3**2 * -math.log(0.7))
    expected = 0.5 * 0.3**2 * -math.log(0.7) + 0.5 * 0.8**2 * -math.log(0.2)
    assert close(focal(logits, soft, torch.ones(1), gamma=2), expected)
    assert close(focal(logits, soft, torch.tensor([0.5]), gamma=2), 0.5 * expected)


def test_focal_of_gamma_0_is_cross_entropy():
    logits, labels, targets, ones = one_hot()
    assert close(focal(logits, targets, ones, gamma=0), F.cross_entropy(logits, labels))
    logits, targets, _ = batch()
    assert close(focal(logits, targets, ones, gamma=0), F.cross_entropy(logits, targets))


@pytest.mark.parametrize("gamma", [0.1, 0.5, 1.0, 2.0])
def test_focal_of_a_certain_image_has_a_finite_gradient(gamma):
    logits = torch.tensor([[200.0, 0.0], [17.0, 0.0]], requires_grad=True)
    focal(logits, torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.ones(2), gamma=gamma).backward()
    assert logits.grad.isfinite().all()


def test_online_label_smoothing_over_two_epochs_by_hand():
    """Class 0 is met with (0.8, 0.2) and (0.6, 0.4), class 1 is missed: S_0 becomes (0.7, 0.3), S_1 keeps 1/2."""
    objective = make_loss(OnlineLabelSmoothing(alpha=0.25), 2, CPU)
    p = torch.tensor([[0.8, 0.2], [0.6, 0.4], [0.7, 0.3]], dtype=torch.float64)
    targets = torch.tensor([[1.0, 0], [1, 0], [0, 1]], dtype=torch.float64)
    hard = [-math.log(0.8), -math.log(0.6), -math.log(0.3)]
    soft = [-(math.log(a) + math.log(b)) / 2 for a, b in p.tolist()]
    expected = sum(0.25 * h + 0.75 * s for h, s in zip(hard, soft, strict=True)) / 3
    assert close(objective(p.log(), targets, torch.ones(3)), expected)
    assert torch.equal(objective.rows, torch.full((2, 2), 0.5))
    objective.end_epoch()
    assert torch.allclose(objective.rows, torch.tensor([[0.7, 0.3], [0.5, 0.5]]))
    p = torch.tensor([[0.1, 0.9]], dtype=torch.float64)
    missed, met = torch.tensor([[1.0, 0]], dtype=torch.float64), torch.tensor([[0, 1.0]], dtype=torch.float64)
    expected = 0.25 * -math.log(0.1) + 0.75 * -(0.7 * math.log(0.1) + 0.3 * math.log(0.9))
    assert close(objective(p.log(), missed, torch.ones(1)), expected, 1e-6)
    objective(p.log(), met, torch.ones(1))
    objective.end_epoch()
    assert torch.allclose(objective.rows, torch.tensor([[0.7, 0.3], [0.1, 0.9]]))


def test_online_label_smoothing_with_soft_targets_and_weights():
    objective = make_loss(OnlineLabelSmoothing(alpha=0), 2, CPU)
    p = torch.tensor([[0.8, 0.2], [0.6, 0.4], [0.9, 0.1]])
    targets = torch.tensor([[1.0, 0.0], [0.5, 0.5], [1.0, 0.0]])
    objective(p.log(), targets, torch.tensor([0.5, 1.0, 0.0]))
    objective.end_epoch()
    shares = np.array([0.5 * 1, 1 * 0.5])
    row = (shares[:, None] * p[:2].numpy()).sum(0) / shares.sum()
    assert np.allclose(objective.rows[0], row) and np.allclose(objective.rows[1], 0.5)
    target = np.array([0.25, 0.75]) @ objective.rows.numpy()
    expected = -(target * np.log([0.3, 0.7])).sum()
    got = objective(torch.tensor([[0.3, 0.7]]).log(), torch.tensor([[0.25, 0.75]]), torch.ones(1))
    assert close(got, expected, 1e-6)


def test_online_label_smoothing_at_its_ends():
    logits, labels, targets, ones = one_hot()
    assert close(
        make_loss(OnlineLabelSmoothing(alpha=1), 4, CPU)(logits, targets, ones), F.cross_entropy(logits, labels)
    )
    objective = make_loss(OnlineLabelSmoothing(alpha=0.6), 4, CPU)
    expected = F.cross_entropy(logits, labels, label_smoothing=0.4)  # uniform in the first epoch
    assert close(objective(logits, targets, ones), expected, 1e-6)
    fresh = make_loss(OnlineLabelSmoothing(), 4, CPU)
    fresh.end_epoch()
    assert torch.equal(fresh.rows, torch.full((4, 4), 0.25))


def exp_t(x: np.ndarray, t: float) -> np.ndarray:
    return np.exp(x) if t == 1 else np.maximum(1 + (1 - t) * x, 0) ** (1 / (1 - t))


def log_t(x: np.ndarray, t: float) -> np.ndarray:
    return np.log(x) if t == 1 else (x ** (1 - t) - 1) / (1 - t)


def tempered(logits: np.ndarray, t: float) -> np.ndarray:
    """The tempered softmax of one image, its normalisation found by root search."""
    top = logits.max()
    level = brentq(lambda x: exp_t(logits - x, t).sum() - 1, top - 1e-9, top + 1e4, xtol=1e-14, rtol=1e-14)
    return exp_t(logits - level, t)


@pytest.mark.parametrize("t2", [1.0, 1.05, 1.2, 2.0, 4.0])
@pytest.mark.parametrize("t1", [0.0, 0.5, 0.9, 1.0])
def test_bi_tempered_against_the_formula(t1, t2):
    logits, targets, weights = batch(size=20, classes=10, scale=5)
    targets = 0.95 * targets + 0.005  # the reference cannot take log 0
    total = 0.0
    for a, y, w in zip(logits.numpy(), targets.numpy(), weights.numpy(), strict=True):
        p = tempered(a, t2)
        total += w * (y * (log_t(y, t1) - log_t(p, t1)) - (y ** (2 - t1) - p ** (2 - t1)) / (2 - t1)).sum()
    assert close(bi_tempered(logits, targets, weights, t1=t1, t2=t2), total / 20, 1e-8)


def test_bi_tempered_gives_the_values_its_authors_test_with():
    """google/bi-tempered-loss, tensorflow/loss_test.py."""
    targets = torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1], [0.2, 0.8, 0.0]])
    got = [
        float(bi_tempered(AUTHORS_LOGITS[i : i + 1], targets[i : i + 1], torch.ones(1), t1=0.5, t2=1.5))
        for i in range(3)
    ]
    assert got == pytest.approx([0.02301914, 0.18972909, 0.93874922], abs=1e-6)
    heavy = tempered_log_softmax(AUTHORS_LOGITS, 4.0).exp()
    assert heavy[0].tolist() == pytest.approx([0.3205458, 0.32714278, 0.3523402], abs=2e-5)  # which sum to 1.00003
    one = torch.tensor([[0.2, 0.5, 0.3]])
    for t1, t2, value in ((1.0, 1.0, 1.6583576), (0.9, 1.1, 0.45677936), (0.8, 1.2, 0.34298314)):
        entropy = 1.0296530 if t1 == 1 else 0.0  # they give cross-entropy there, not the divergence
        got = bi_tempered(AUTHORS_LOGITS[:1], one, torch.ones(1), t1=t1, t2=t2)
        assert close(got + entropy, value, 1e-5)


def test_bi_tempered_at_1_and_1_is_the_plain_loss():
    arguments = batch()
    assert close(bi_tempered(*arguments, t1=1, t2=1), soft_loss(*arguments))
    assert close(bi_tempered(*arguments, t1=1 - 1e-7, t2=1 + 1e-7), soft_loss(*arguments), 1e-5)
    assert close(bi_tempered(*arguments, t1=1, t2=1, smoothing=0.2), soft_loss(*arguments, 0.2))


def test_bi_tempered_below_1_is_bounded():
    wrong = torch.tensor([[1e6, 0.0, 0.0]])
    for t1 in (0.0, 0.5, 0.8):
        bound = 1 / (1 - t1) - 1 / (2 - t1) + 1 / (2 - t1)
        assert float(bi_tempered(wrong, torch.tensor([[0, 1.0, 0]]), torch.ones(1), t1=t1, t2=1.2)) <= bound + 1e-6


@pytest.mark.parametrize("t", [1.0, 1.05, 1.5, 2.0, 4.0])
def test_the_tempered_softmax_sums_to_1_wherever_the_logits_are(t):
    for scale in (1e-3, 1.0, 50.0, 1000.0):
        logits = batch(size=50, classes=10, scale=scale)[0]
        p = tempered_log_softmax(logits, t).exp()
        assert torch.allclose(p.sum(1), torch.ones(50).double(), atol=1e-5)
        assert torch.allclose(p, tempered_log_softmax(logits + 7, t).exp(), atol=1e-9)
        assert (p >= 0).all()


# What a training does with it


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """60 grey training images of 8×8, 3 classes."""
    dataset = load(str(write_npz(tmp_path_factory.mktemp("data") / "small.npz")))
    return on_device(dataset, split(dataset, 30, 0), CPU)


def child(data, loss, **recipe):
    torch.set_num_threads(1)
    policy, factory = Policy.preset("soft-crop"), partial(build, "small-resnet", (1, 8, 8), 3)
    return train(policy, data, factory, images=40, epochs=3, seed=1, recipe=Recipe(batch=16, **recipe), loss=loss)


@pytest.mark.parametrize("loss", LOSSES[1:], ids=lambda loss: loss.label)
def test_trainings_are_finite_repeatable_and_not_the_plain_one(small, loss):
    got, again, plain = child(small, loss), child(small, loss), child(small, None)
    assert all(math.isfinite(v) for v in got.values() if isinstance(v, float))
    for name in ("loss", "train_loss", "augmented_train_loss", "curve"):
        assert got[name] == again[name] != plain[name]


def test_metrics_are_of_the_plain_loss_whatever_is_minimised(small):
    """With a rate near 0 nothing is learnt: what is measured does not depend on what is minimised."""
    plain = child(small, None, rate=1e-12)
    for loss in LOSSES[1:]:
        got = child(small, loss, rate=1e-12)
        for name in ("loss", "train_loss", "augmented_train_loss"):
            assert got[name] == pytest.approx(plain[name], abs=1e-6)
