"""What is measured on a labelled set: accuracy, also by class, loss, entropy, calibration, ranks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

_TOP = 5


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
        of the true class among the logits, in (0, 1]. worst_class: the least share of a class's images that are
        predicted right; macro_f1: the mean over classes of the harmonic mean of precision and recall, both in [0, 1].
        top_5, of 6 classes or more: the share of images whose true class is among the 5 of the largest logits.
    """
    log_p = F.log_softmax(logits.double(), 1)
    p = log_p.exp()
    confidence, predicted = p.max(1)
    correct = predicted == labels
    by_class = _ByClass.of(predicted, labels, logits.shape[1])
    ranks = _ranks(logits, labels)
    return {
        "accuracy": float(correct.double().mean()),
        "correct": int(correct.sum()),
        "balanced_accuracy": float(by_class.accuracies.mean()),
        "loss": float(F.nll_loss(log_p, labels)),
        "entropy": float(-(p * log_p).sum(1).mean()),
        "ece": expected_calibration_error(confidence, correct, bins),
        "most_predicted": float(predicted.bincount().max() / len(labels)),
        "reciprocal_rank": float((1 / ranks).mean()),
        "worst_class": float(by_class.accuracies.min()),
        "macro_f1": by_class.macro_f1,
        **({"top_5": float((ranks <= _TOP).double().mean())} if logits.shape[1] > _TOP else {}),
    }


def class_counts(logits: Tensor, labels: Tensor) -> list[list[int]]:
    """[images predicted right, images] of each class, C of them.

    Args:
        logits: [N, C] float.
        labels: [N] int64.

    Example:
        >>> class_counts(torch.tensor([[2.0, 1.0], [2.0, 1.0], [0.0, 1.0]]), torch.tensor([0, 1, 1]))
        [[1, 1], [1, 2]]
    """
    by_class = _ByClass.of(logits.argmax(1), labels, logits.shape[1])
    return torch.stack([by_class.right, by_class.images], 1).tolist()


def auroc(logits: Tensor, labels: Tensor) -> float:
    """Area under the ROC curve, one class against the rest, averaged over classes; a half is what chance gives.

    By scikit-learn, which takes a second to import and some 15 ms for 2,000 images of 10 classes: so it is measured
    where somebody asks for it. Classes without images, or with all of them, have no curve and do not count.

    Args:
        logits: [N, C] float.
        labels: [N] int64.

    Returns:
        A share in [0, 1]; nan where a logit is not finite, or no class has a curve.
    """
    from sklearn.metrics import roc_auc_score

    if not bool(logits.isfinite().all()):
        return math.nan
    p, truth = F.softmax(logits.double(), 1).cpu().numpy(), labels.cpu().numpy()
    present = [k for k in range(p.shape[1]) if 0 < (truth == k).sum() < len(truth)]
    areas = [float(roc_auc_score(truth == k, p[:, k])) for k in present]
    return math.fsum(areas) / len(areas) if areas else math.nan


@dataclass(frozen=True)
class _ByClass:
    """[C] int64 counts of each class: its images, those predicted right, and those predicted to be of it."""

    images: Tensor
    right: Tensor
    predicted: Tensor

    @classmethod
    def of(cls, predicted: Tensor, labels: Tensor, classes: int) -> _ByClass:
        right = labels[predicted == labels]
        return cls(*(indices.bincount(minlength=classes) for indices in (labels, right, predicted)))

    @property
    def accuracies(self) -> Tensor:
        """Of the classes that have images; each counts alike, however few these are."""
        there = self.images > 0
        return self.right[there] / self.images[there].double()

    @property
    def macro_f1(self) -> float:
        """Over the classes that have images or predictions; one of which none is right counts as 0."""
        either = self.images + self.predicted
        there = either > 0
        return float((2 * self.right[there] / either[there].double()).mean())


def _ranks(logits: Tensor, labels: Tensor) -> Tensor:
    """[N] float64 the rank of the true class by its logit, 1 the first; ties have their mean rank."""
    truth = logits.gather(1, labels[:, None])
    above, equal = (logits > truth).sum(1), (logits == truth).sum(1)
    return (above + (equal + 1) / 2).double()
