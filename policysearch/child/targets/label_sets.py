"""Several labels per image: binary cross-entropy of each, mean average precision, and F1."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from policysearch.child.device_data import DeviceData
from policysearch.child.targets.goal import Goal, Scores, targets_of


def label_goal(data: DeviceData) -> Goal:
    """To predict of each label by itself whether an image has it."""
    frequencies = targets_of(data)[data.train].float().mean(0)
    return Goal(scale=Tensor.float, loss=label_loss, scores=label_scores, frequencies=frequencies)


def label_loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Mean over the batch of w·sum over labels of KL(target || sigmoid(logit)).

    The cross-entropies less the targets' own entropies, in which the network has no part: as in `soft_loss` a network
    that meets soft targets has loss 0. The sum over labels, not their mean, so that a label's gradient does not depend
    on how many others there are.

    Args:
        logits: [B, K] float.
        targets: [B, K] float in [0, 1].
        weights: [B] float, 0 or more.

    Example:
        >>> round(float(label_loss(torch.zeros(1, 2), torch.tensor([[1.0, 0.5]]), torch.ones(1))), 4)  # log 2, and 0
        0.6931
    """
    crossed = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    entropies = -(torch.xlogy(targets, targets) + torch.xlogy(1 - targets, 1 - targets))
    return (weights * (crossed - entropies).sum(1)).mean()


def label_scores(logits: Tensor, labels: Tensor) -> Scores:
    """Metrics of logits [N, K] against labels [N, K] of 0 and 1.

    Returns:
        accuracy: mean average precision, see `average_precisions`, over the labels that any of these images has;
        macro_f1: the mean over labels of the harmonic mean of precision and recall, where a label is predicted with a
        probability above a half; labels that no image has or gets do not count, and one of which none is right counts
        as 0; exact_match: the share of images of which every label is right; all in [0, 1]. loss: the mean over images
        and labels of the binary cross-entropy, nats.
    """
    truth = labels > 0.5
    predicted = logits > 0
    precisions = average_precisions(logits, truth)
    return {
        "accuracy": float(precisions[~precisions.isnan()].mean()),
        "macro_f1": _macro_f1(predicted, truth),
        "exact_match": float((predicted == truth).all(1).double().mean()),
        "loss": float(F.binary_cross_entropy_with_logits(logits.double(), labels.double())),
    }


def average_precisions(logits: Tensor, truth: Tensor) -> Tensor:
    """The average precision of each label: the mean over its images of the precision at their rank.

    Sum over thresholds of (R_n - R_(n-1))·P_n, as scikit-learn has it: images of equal logits share a threshold.

    Args:
        logits: [N, K] float.
        truth: [N, K] bool.

    Returns:
        [K] float64 in [0, 1]; nan where no image has the label.

    Example:
        >>> average_precisions(torch.tensor([[3.0], [2.0], [1.0]]), torch.tensor([[True], [False], [True]]))
        tensor([0.8333], dtype=torch.float64)
    """
    ordered, order = logits.sort(stable=True, dim=0, descending=True)
    hits = truth.gather(0, order).double()
    ranks = torch.arange(1, len(logits) + 1, device=logits.device)[:, None]

    # Images of equal logits are taken together: each counts with the precision at the last of them.
    last = torch.ones_like(ordered, dtype=torch.bool)
    last[:-1] = ordered[:-1] != ordered[1:]
    places = torch.where(last, ranks - 1, len(logits))
    ends = places.flip(0).cummin(0).values.flip(0)
    precision = (hits.cumsum(0) / ranks).gather(0, ends)
    return (hits * precision).sum(0) / hits.sum(0)


def _macro_f1(predicted: Tensor, truth: Tensor) -> float:
    either = predicted.sum(0) + truth.sum(0)
    there = either > 0
    right = (predicted & truth).sum(0)[there]
    return float((2 * right / either[there].double()).mean()) if bool(there.any()) else 0.0
