"""What is measured on a labelled set: accuracy, loss, entropy, calibration."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def expected_calibration_error(confidence: Tensor, correct: Tensor, bins: int = 10) -> float:
    """Equation 8 of Liu et al. 2023: sum over M equal bins of |B_m|/n · |acc(B_m) - conf(B_m)|, in [0, 1].

    Args:
        confidence: [N] float, largest predicted probability.
        correct: [N] bool.
        bins: M; bin m holds confidences in (m/M, (m+1)/M].
    """
    place = _places(confidence, bins)
    gap = torch.zeros(bins, dtype=torch.float64, device=confidence.device)
    gap.scatter_add_(0, place, correct.double() - confidence.double())
    return float(gap.abs().sum() / max(1, len(confidence)))


def _places(confidence: Tensor, bins: int) -> Tensor:
    return (confidence.double() * bins).ceil().long().clamp(1, bins) - 1


def reliability(logits: Tensor, labels: Tensor, bins: int = 10) -> list[list[float]]:
    """The bins of the calibration error: [images, sum of their confidences, images predicted right] each.

    Args:
        logits: [N, C] float.
        labels: [N] int64.
        bins: as in `expected_calibration_error`, the least confident first.
    """
    confidence, predicted = F.softmax(logits.double(), 1).max(1)
    counts = torch.stack([torch.ones_like(confidence), confidence, (predicted == labels).double()], 1)
    sums = torch.zeros(bins, 3, dtype=torch.float64, device=logits.device)
    sums.index_add_(0, _places(confidence, bins), counts)
    return [[int(images), round(confident, 6), int(right)] for images, confident, right in sums.tolist()]


def scores(logits: Tensor, labels: Tensor, bins: int = 10) -> dict[str, float]:
    """Metrics of logits [N, C] against labels [N] int64; `bins` are those of the calibration error.

    Returns:
        accuracy in [0, 1], correct (count), balanced_accuracy (the mean over classes of the share of their images that
        are predicted right, in [0, 1]), loss (mean cross-entropy, nats), entropy (mean predictive
        entropy, nats), ece in [0, 1], most_predicted: share of the images that get the class that is predicted most
        often, in (0, 1]; 1 where the network always gives the same answer. reciprocal_rank: the mean of 1/r, r the rank
        of the true class among the logits, in (0, 1].
    """
    log_p = F.log_softmax(logits.double(), 1)
    p = log_p.exp()
    confidence, predicted = p.max(1)
    correct = predicted == labels
    return {
        "accuracy": float(correct.double().mean()),
        "correct": int(correct.sum()),
        "balanced_accuracy": _balanced_accuracy(correct, labels),
        "loss": float(F.nll_loss(log_p, labels)),
        "entropy": float(-(p * log_p).sum(1).mean()),
        "ece": expected_calibration_error(confidence, correct, bins),
        "most_predicted": float(predicted.bincount().max() / len(labels)),
        "reciprocal_rank": _reciprocal_rank(logits, labels),
    }


def _reciprocal_rank(logits: Tensor, labels: Tensor) -> float:
    """The mean of 1/r over the images, r the rank of the true class by its logit; ties have their mean rank."""
    truth = logits.gather(1, labels[:, None])
    above, equal = (logits > truth).sum(1), (logits == truth).sum(1)
    return float((1 / (above + (equal + 1) / 2).double()).mean())


def _balanced_accuracy(correct: Tensor, labels: Tensor) -> float:
    """The mean over the classes that have labels; each counts alike, however few images it has."""
    images = labels.bincount()
    right = labels[correct].bincount(minlength=len(images))
    there = images > 0
    return float((right[there] / images[there].double()).mean())
