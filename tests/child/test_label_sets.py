"""Children that learn several labels per image: metrics, also by scikit-learn, training, checkpoints, refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, f1_score

from policysearch.child.targets.label_sets import average_precisions, label_loss, label_scores
from policysearch.child.trainers import outputs_of, training_of
from policysearch.core.errors import UserError
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.load import load
from policysearch.policy.losses import parse_loss
from policysearch.policy.policy import Policy
from tests.support.small_children import same, state_after
from tests.support.target_data import device_targets, target_child, write_marked

IDENTITY = Policy.preset("identity")
MIXED = Policy.from_dict(
    {
        "sub_policies": [{"steps": [{"operation": "soft-crop", "magnitude": 0.2, "probability": 1.0}]}],
        "softening": {"k": 2.0, "mode": "both"},
        "mix": {"operation": "cutmix", "probability": 0.5},
    }
)


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path: Path = tmp_path_factory.mktemp("marked") / "marked.npz"
    return load(str(write_marked(path)), needs="label-sets")


def test_average_precision_by_hand() -> None:
    """Ranks of the three images with the label: 1, 3 and 4 of five."""
    logits = torch.tensor([5.0, 4.0, 3.0, 2.0, 1.0])[:, None]
    truth = torch.tensor([True, False, True, True, False])[:, None]
    assert float(average_precisions(logits, truth)) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)


def test_scores_are_those_of_scikit_learn_ties_and_absent_labels_included() -> None:
    rng = np.random.default_rng(0)
    logits, truth = rng.integers(-3, 4, (60, 5)).astype(np.float32), rng.random((60, 5)) < 0.3
    truth[:, 4] = False
    ours = label_scores(torch.from_numpy(logits), torch.from_numpy(truth).float())
    theirs = [average_precision_score(truth[:, k], logits[:, k]) for k in range(4)]
    assert ours["accuracy"] == pytest.approx(np.mean(theirs))
    assert ours["macro_f1"] == pytest.approx(f1_score(truth, logits > 0, average="macro", zero_division=0))
    assert ours["exact_match"] == pytest.approx(((logits > 0) == truth).all(1).mean())
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    assert ours["loss"] == pytest.approx(-np.where(truth, np.log(p), np.log(1 - p)).mean())


def test_the_loss_is_nothing_where_soft_targets_are_met_and_has_the_slope_of_cross_entropy() -> None:
    targets = torch.tensor([[0.8, 0.3], [1.0, 0.0]])
    met = torch.logit(targets.clamp(1e-7, 1 - 1e-7))
    assert float(label_loss(met, targets, torch.ones(2))) == pytest.approx(0, abs=1e-5)

    logits = torch.tensor([[0.5, -1.0], [2.0, 0.0]], requires_grad=True)
    label_loss(logits, targets, torch.tensor([1.0, 0.5])).backward()
    expected = (torch.sigmoid(logits.detach()) - targets) * torch.tensor([[1.0], [0.5]]) / 2
    assert torch.allclose(logits.grad, expected)


def test_a_child_learns_its_labels_and_is_judged_on_both_parts(marked: Dataset) -> None:
    exam = training_of("multi-label").exam(marked, torch.device("cpu"), 50)
    data = device_targets(marked)
    metrics, _ = target_child(
        "multi-label", marked, IDENTITY, images=80, epochs=6, examine=lambda answers: exam(data, answers, seed=0)
    )
    chance = float(marked.targets_train.mean())
    assert metrics["accuracy"] > chance + 0.25 and metrics["test_accuracy"] > chance + 0.25
    assert metrics["test_images"] == 30 and {"test_macro_f1", "test_exact_match", "test_loss"} <= metrics.keys()
    assert metrics["curve"][-1] == {"epoch": 6, "accuracy": metrics["accuracy"], "loss": metrics["loss"]}
    assert {"class_counts", "reliability", "correct", "ece"}.isdisjoint(metrics)


def test_a_child_goes_on_from_a_checkpoint_to_the_last_bit(marked: Dataset) -> None:
    whole, states = target_child("multi-label", marked, MIXED, epochs=2, stops=(1,), images=20)
    rest, rest_states = target_child("multi-label", marked, MIXED, epochs=2, origin=states[1], images=20)
    assert same(state_after(states[2]), state_after(rest_states[2]))
    assert rest["accuracy"] == whole["accuracy"] and rest["curve"] == whole["curve"]


def test_what_needs_one_class_per_image_is_refused_before_anything_is_trained(marked: Dataset) -> None:
    for policy, settings, sentence in (
        (Policy.preset("entaugment"), {}, "adapts to the class"),
        (IDENTITY, {"base_epochs": 2}, "--base-epochs 2 does not go with --task multi-label"),
        (IDENTITY, {"label_smoothing": 0.1}, "--label-smoothing 0.1 does not go with --task multi-label"),
        (IDENTITY, {"loss": parse_loss({"kind": "focal", "gamma": 2.0})}, "an arm with a loss does not go"),
    ):
        with pytest.raises(UserError, match=sentence):
            target_child("multi-label", marked, policy, **settings)


def test_a_network_gives_a_number_for_each_label(marked: Dataset) -> None:
    assert outputs_of("multi-label", marked) == 3
    assert training_of("multi-label").network_notes("quick-resnet", marked.shape, 3, 2) == ()
