"""EntAugment: magnitudes by the entropy of what the network said of the image an epoch before."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from policysearch.child.adaptive.situation import Observation, Situation, State, Trainee
from policysearch.child.checkpoint import copied

_UNSEEN = -1.0


def certainty(logits: Tensor) -> Tensor:
    """1 - H(p) / ln K, with p the softmax and H its entropy in nats: 1 where sure of one class, 0 where all are equal.

    Args:
        logits: [B, K] float32, K 2 or more.

    Returns:
        [B] float32 in [0, 1].

    Example:
        >>> certainty(torch.tensor([[0.0, 0.0], [50.0, 0.0]])).tolist()
        [0.0, 1.0]
    """
    logs = logits.log_softmax(1)
    entropy = -(logs.exp() * logs).sum(1)
    return (1 - entropy / math.log(logits.shape[1])).clamp_(0, 1)


class EntAugment:
    """Magnitudes 1 - H(p) / ln K of each image (Yang et al. 2024, EntAugment; `certainty`).

    As in the code published with the paper, p is what the network said of the augmented image when it was last trained
    on, so that no pass is added, and magnitudes are drawn evenly in a warm-up. There it lasts 10 of 300 epochs; here it
    is the policy's `warmup`, a twentieth of the training by default (our choice, since trainings here are shorter). An
    image that has not been trained on yet has its magnitude drawn.
    """

    def __init__(self, trainee: Trainee) -> None:
        images = trainee.data.images
        self._certainties = torch.full((len(images),), _UNSEEN, device=images.device)

    def shares(self, situation: Situation) -> Tensor:
        """What each image was seen with last; nan in the warm-up."""
        certainties = self._certainties[situation.rows]
        adaptive = situation.policy.adaptive
        if adaptive is not None and situation.progress < adaptive.warmup_share:
            return torch.full_like(certainties, math.nan)
        return torch.where(certainties == _UNSEEN, math.nan, certainties)

    def observe(self, observation: Observation) -> None:
        """Remember how sure the network was."""
        self._certainties[observation.rows] = certainty(observation.logits)

    def state(self) -> State:
        """The certainties [N] of all images of the data."""
        return {"certainties": copied(self._certainties)}

    def restore(self, state: State) -> None:
        """Put them back."""
        self._certainties.copy_(state["certainties"])
