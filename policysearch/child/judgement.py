"""What a network is worth on labelled images, of the training part or of validation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from policysearch.child.device_data import DeviceData
from policysearch.child.learner import Learner
from policysearch.child.metrics import auroc, class_counts, reliability, scores

_FURTHER: Mapping[str, Callable[[Tensor, Tensor], float]] = {"auroc": auroc}
"""Metrics that are measured where they are asked for, by name."""


@dataclass(frozen=True)
class Judgement:
    """A network on labelled images.

    Attributes:
        scores: its metrics by name, see `metrics.scores`.
        bins: of its reliability.
        class_counts: [images predicted right, images] of each class; of masks see `Overlap.pixels`.
    """

    scores: dict[str, float]
    bins: list[list[float]] = field(default_factory=list)
    class_counts: list[list[int]] = field(default_factory=list)


@torch.no_grad()
def judge(learner: Learner, data: DeviceData, batch: int, rows: Tensor, further: tuple[str, ...] = ()) -> Judgement:
    """Judge a network on some images.

    Args:
        learner: holds it.
        data: images and labels.
        batch: images judged at a time.
        rows: [N] int64, which of the images.
        further: metrics that are measured besides.
    """
    learner.judged.eval()
    logits = torch.cat([learner.answers(data.normalise(data.images[part])) for part in rows.split(batch)])
    return judged(logits, data.labels[rows], further)


def judged(logits: Tensor, labels: Tensor, further: tuple[str, ...] = ()) -> Judgement:
    """What logits are worth.

    Args:
        logits: [N, C] float.
        labels: [N] int64.
        further: metrics that are measured besides.
    """
    more = {name: _FURTHER[name](logits, labels) for name in further}
    return Judgement({**scores(logits, labels), **more}, reliability(logits, labels), class_counts(logits, labels))
