"""Sample-aware RandAugment: magnitudes by how near the prediction of the image is to its label."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from policysearch.child.adaptive.situation import Observation, Situation, State, Trainee


def nearness(logits: Tensor, labels: Tensor) -> Tensor:
    """cos(p, y)^(2 / ln K), with p the softmax of K logits and y the label's unit vector.

    cos(p, y) is p_y / |p|. The exponent keeps the score of an even prediction, (1/√K)^(2 / ln K) = 1/e, the same for
    any number of classes (Xiao et al. 2025, the score of Sample-aware RandAugment, as their code computes it).

    Args:
        logits: [B, K] float32, K 2 or more.
        labels: [B] int64.

    Returns:
        [B] float32 in [0, 1].

    Example:
        >>> scores = nearness(torch.tensor([[0.0, 0.0], [50.0, 0.0]]), torch.tensor([1, 0]))
        >>> [round(score, 3) for score in scores.tolist()]
        [0.368, 1.0]
    """
    p = logits.softmax(1)
    cosine = p.gather(1, labels[:, None]).squeeze(1) / p.norm(dim=1)
    score: Tensor = cosine.clamp_(0, 1).pow(2 / math.log(logits.shape[1]))
    return score


class SampleAware:
    """Magnitudes by score in every second batch, drawn evenly in the others (Xiao et al. 2025).

    The paper halves each batch and takes two steps: it explores with even magnitudes on one half, and then scores and
    augments the other. Here batches stand for halves: those of even steps explore, and before each odd step the
    network, in training mode, judges its images as they are (the paper: after flip and crop).
    """

    def __init__(self, trainee: Trainee) -> None:
        self._trainee = trainee

    def shares(self, situation: Situation) -> Tensor:
        """The scores of the images, or nan in a batch that explores."""
        data, rows = self._trainee.data, situation.rows
        if situation.step % 2 == 0:
            return torch.full((len(rows),), math.nan, device=rows.device)
        return nearness(self._trainee.judge(data.images[rows]), data.labels[rows])

    def observe(self, observation: Observation) -> None:
        """Learn nothing: scores are computed when they are needed."""

    def state(self) -> State:
        """Nothing is remembered."""
        return {}

    def restore(self, state: State) -> None:
        """Nothing is remembered."""
