"""Metrics by class and by rank against hand-worked values and scikit-learn's own."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score, top_k_accuracy_score

from policysearch.child.metrics import auroc, class_counts, scores
from policysearch.core.errors import UserError
from policysearch.study.rewards import further_metrics, named_metrics, parse_reward, try_reward


def _drawn(seed: int, classes: int, images: int = 300) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits that know something of uneven labels."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(classes, images, p=rng.dirichlet(np.ones(classes)))
    logits = rng.normal(size=(images, classes)) + 1.5 * np.eye(classes)[labels]
    return torch.tensor(logits), torch.tensor(labels)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("classes", [2, 6, 10])
@pytest.mark.parametrize("seed", range(3))
def test_scikit_learn_says_the_same(seed, classes):
    logits, labels = _drawn(seed, classes)
    measured, predicted, truth = scores(logits, labels), logits.argmax(1).numpy(), labels.numpy()
    assert measured["macro_f1"] == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert measured["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, predicted))
    assert ("top_5" in measured) == (classes > 5)
    if classes > 5:
        expected = top_k_accuracy_score(truth, logits.numpy(), k=5, labels=range(classes))
        assert measured["top_5"] == pytest.approx(expected)
    present = [k for k in range(classes) if (truth == k).any()]
    p = torch.softmax(logits, 1).numpy()
    assert auroc(logits, labels) == pytest.approx(np.mean([roc_auc_score(truth == k, p[:, k]) for k in present]))
    if len(present) == classes > 2:
        assert auroc(logits, labels) == pytest.approx(roc_auc_score(truth, p, multi_class="ovr"))


def test_counts_and_the_worst_class_by_hand():
    """Of class 0 two of two, of class 1 one of three, of class 2 no image: it has no say."""
    labels = torch.tensor([0, 0, 1, 1, 1])
    logits = torch.eye(3)[[0, 0, 1, 0, 2]]
    assert class_counts(logits, labels) == [[2, 2], [1, 3], [0, 0]]
    measured = scores(logits, labels)
    assert measured["worst_class"] == pytest.approx(1 / 3)
    # F1: 2·2 / (2 + 3), 2·1 / (3 + 1), and 0 of the class that is named once and never there.
    assert measured["macro_f1"] == pytest.approx((4 / 5 + 2 / 4 + 0) / 3)


def test_equal_logits_are_no_answer():
    """All of six classes tie at a mean rank of 3.5, and of eleven at 6."""
    assert scores(torch.zeros(4, 6), torch.tensor([0, 1, 2, 3]))["top_5"] == 1
    assert scores(torch.zeros(4, 11), torch.tensor([0, 1, 2, 3]))["top_5"] == 0
    assert auroc(torch.zeros(4, 3), torch.tensor([0, 1, 2, 2])) == 0.5


def test_an_area_that_does_not_exist_is_not_a_number():
    assert math.isnan(auroc(torch.zeros(3, 2), torch.tensor([1, 1, 1])))
    assert math.isnan(auroc(torch.tensor([[math.nan, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])))


def test_rewards_as_people_write_them():
    metrics = {"accuracy": 0.5, "worst_class": 0.25, "macro_f1": 0.375, "top_5": 0.75, "auroc": 0.875}
    for text, value in (("worst-class", 0.25), ("macro-f1", 0.375), ("top-5", 0.75), ("auroc", 0.875)):
        try_reward(text)
        assert parse_reward(text)(metrics) == value
    assert parse_reward("accuracy+2*macro-f1-0.5*top-5")(metrics) == 0.875
    assert named_metrics("accuracy-0.5*top-5") == ("accuracy", "top_5") and named_metrics("a.py:f") is None
    with pytest.raises(UserError, match="macro_f1"):
        parse_reward("macro-f")


def test_the_area_is_measured_where_a_reward_may_use_it():
    assert further_metrics(["accuracy", "-loss"]) == ()
    assert further_metrics(["accuracy", "accuracy+auroc"]) == further_metrics(["rewards.py:own"]) == ("auroc",)
