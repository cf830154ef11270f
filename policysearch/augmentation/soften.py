"""Soft Augmentation: from visibility to confidence, targets and weights (Liu et al. 2023)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from policysearch.policy import Softening

__all__ = ["confidence", "soft_loss", "soften"]


def confidence(visibility: Tensor, k: float, p_min: float) -> Tensor:
    """Equation 7: 1 - (1 - p_min)·(1 - v)^k, elementwise.

    Args:
        visibility: any shape, float in [0, 1].
        k: the curve's power, above 0.
        p_min: confidence at visibility 0, in [0, 1].
    """
    return 1 - (1 - p_min) * (1 - visibility) ** k


def soften(curve: Softening, visibility: Tensor, labels: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Targets [B, num_classes] float32 and weights [B] float32 of images with labels [B] int64.

    Mode `target` is equation 4 (what the label loses is shared evenly by the other classes), `weight`
    equation 5, `both` equation 6.
    """
    p_min = 1 / num_classes if curve.p_min is None else curve.p_min
    p = confidence(visibility, curve.k, p_min)
    sure = torch.ones_like(p)
    targets = _targets(p if curve.mode in ("target", "both") else sure, labels, num_classes)
    return targets, p if curve.mode in ("weight", "both") else sure


def _targets(p: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    others = ((1 - p) / max(1, num_classes - 1))[:, None].expand(-1, num_classes)
    return others.scatter(1, labels[:, None], p[:, None])


def soft_loss(logits: Tensor, targets: Tensor, weights: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Mean over the batch of w·KL(target || softmax(logits)): listing 2, with one weight an image.

    The published listing multiplies a (B, 1) weight with a (B,) loss, which gives mean(w)·mean(KL); here
    every image keeps its own weight.

    Args:
        logits: [B, C] float.
        targets: [B, C] float, rows sum to 1.
        weights: [B] float, 0 or more.
        label_smoothing: share of each target spread evenly over all classes, in [0, 1).
    """
    if label_smoothing:
        targets = targets * (1 - label_smoothing) + label_smoothing / targets.shape[1]
    divergence = F.kl_div(F.log_softmax(logits, 1), targets, reduction="none").sum(1)
    return (weights * divergence).mean()
