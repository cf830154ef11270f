"""Soft Augmentation: from visibility to confidence, targets and weights (Liu et al. 2023)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from policysearch.policy.softening import Softening


def confidence(visibility: Tensor, k: float, p_min: float) -> Tensor:
    """Equation 7: 1 - (1 - p_min)·(1 - v)^k, elementwise.

    Args:
        visibility: any shape, float in [0, 1].
        k: the curve's power, above 0.
        p_min: confidence at visibility 0, in [0, 1].
    """
    return 1 - (1 - p_min) * (1 - visibility) ** k


def policy_confidence(
    softening: Softening, seen: Callable[[Collection[str] | None], Tensor], num_classes: int
) -> Tensor:
    """[B]: equation 7; with curves of single operations, the product of each curve's confidence, floored.

    Args:
        softening: the curves.
        seen: the visibility [B] that some operations leave (None: all that have no curve of their own).
        num_classes: p_min is one over it where a curve gives none.
    """
    floors = [1 / num_classes if curve.p_min is None else curve.p_min for curve, _ in softening.curves()]
    parts = [
        confidence(seen(names), curve.k, floor)
        for (curve, names), floor in zip(softening.curves(), floors, strict=True)
        if floor < 1
    ]
    return torch.stack(parts).prod(0).clamp(min=min(floors)) if parts else torch.ones_like(seen(frozenset()))


def soften(
    mode: str, p: Tensor, labels: Tensor, num_classes: int, spread: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Targets [B, num_classes] float32 and weights [B] float32 of images with labels [B] int64 and confidence p [B].

    Mode `target` is equation 4 (what the label loses is shared evenly by the other classes), `weight`
    equation 5, `both` equation 6. With `spread` [num_classes, num_classes] float32 what a label of class c loses is
    shared by row c, whose sum is 1 and whose own place is 0.
    """
    sure = torch.ones_like(p)
    targets = _targets(p if mode in ("target", "both") else sure, labels, num_classes, spread)
    return targets, p if mode in ("weight", "both") else sure


def _targets(p: Tensor, labels: Tensor, num_classes: int, spread: Tensor | None) -> Tensor:
    if num_classes == 1:
        return torch.ones_like(p)[:, None]
    if spread is None:
        others = ((1 - p) / (num_classes - 1))[:, None].expand(-1, num_classes)
    else:
        others = (1 - p)[:, None] * spread[labels]
    return others.scatter(1, labels[:, None], p[:, None])


def shares(counts: Mapping[int, Mapping[int, float]], num_classes: int) -> Tensor:
    """Rows of a confusion matrix as shares: what a target loses goes to classes as they were predicted for its own.

    Args:
        counts: by the true class and the predicted one, numbers above 0, without the diagonal.
        num_classes: 2 or more.

    Returns:
        [num_classes, num_classes] float32, rows sum to 1, the diagonal is 0; a class without counts spreads evenly.

    Example:
        >>> shares({0: {1: 3, 2: 1}}, 3).tolist()
        [[0.0, 0.75, 0.25], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]]
    """
    rows = 1 - torch.eye(num_classes, dtype=torch.float64)
    for true, row in counts.items():
        rows[true] = 0
        for other, count in row.items():
            rows[true, other] = count
    return (rows / rows.sum(1, keepdim=True)).float()


def intersection_over_union(first: Tensor, second: Tensor) -> Tensor:
    """[b, 4] and [b, 4] boxes as (top, left, height, width), any unit -> [b] in [0, 1]; 0 for two empty boxes."""
    low = torch.maximum(first[:, :2], second[:, :2])
    high = torch.minimum(first[:, :2] + first[:, 2:], second[:, :2] + second[:, 2:])
    common = (high - low).clamp(min=0).prod(1)
    union = first[:, 2:].prod(1) + second[:, 2:].prod(1) - common
    return torch.where(union > 0, common / union.clamp(min=1e-9), 0.0)


def pair_confidence(iou: Tensor, k: float, p_min: float, easy: bool = False) -> Tensor:
    """The weight of two crops of one image in self-supervised training, by how much they share.

    Equation 9 (SA#1, pairs that share little count less): 1 - (1 - p_min)·(1 - IoU)^k; with `easy` equation 10
    (SA#2, pairs that share much count less): 1 - (1 - p_min)·IoU^k. The paper normalises the weights to mean 1.

    Args:
        iou: any shape, float in [0, 1]; see `intersection_over_union`.
        k: the curve's power, above 0.
        p_min: the smallest weight, in [0, 1].
    """
    return confidence(1 - iou if easy else iou, k, p_min)


def soft_loss(logits: Tensor, targets: Tensor, weights: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Mean over the batch of w·KL(target || softmax(logits)): listing 2, with one weight per image.

    The published listing multiplies a (B, 1) weight with a (B,) loss, which gives mean(w)·mean(KL); here
    every image keeps its own weight.

    Args:
        logits: [B, C] float.
        targets: [B, C] float, rows sum to 1.
        weights: [B] float, 0 or more.
        label_smoothing: share of each target spread evenly over all classes, in [0, 1).

    Example:
        >>> logits = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
        >>> targets = torch.tensor([[0.9, 0.1], [0.5, 0.5]])
        >>> round(float(soft_loss(logits, targets, weights=torch.tensor([0.5, 1.0]))), 4)
        0.022
    """
    if label_smoothing:
        targets = targets * (1 - label_smoothing) + label_smoothing / targets.shape[1]
    divergence = F.kl_div(F.log_softmax(logits, 1), targets, reduction="none").sum(1)
    return (weights * divergence).mean()
