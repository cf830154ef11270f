"""AdaAugment: magnitudes that an actor-critic learns to choose while the network trains."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from policysearch.augmentation import augment
from policysearch.child.adaptive.actor_critic import ActorCritic
from policysearch.child.adaptive.glimpse import HeadInputs
from policysearch.child.adaptive.situation import Observation, Situation, State, Trainee

_SEED_APART = 2
"""The child's seed and the next are its batch order's and its draws'."""
_LAST_SHARE = 0.01
"""Of the learning rate at the end of the training; the published code lets it fall evenly to that."""


def reward(plain: Tensor, adapted: Tensor, full: Tensor, progress: float) -> Tensor:
    """λ (L_full - L_adapted) + (1 - λ) (L_adapted - L_plain), with λ = 1 - progress.

    Early a magnitude pays that leaves the image easier than the largest would; late one that makes it harder than it
    is (Yang et al. 2024, AdaAugment's reward).

    Args:
        plain, adapted, full: [B] float32, cross-entropies of the images as they are, at their magnitudes, and at
            the largest.
        progress: share of the training done, in [0, 1].

    Example:
        >>> losses = torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([4.0])
        >>> [reward(*losses, progress=share).item() for share in (0.0, 0.5, 1.0)]
        [2.0, 1.5, 1.0]
    """
    return (1 - progress) * (full - adapted) + progress * (adapted - plain)


@dataclass(frozen=True)
class _Choice:
    """What the actor chose for a batch, until the network has been trained on it."""

    states: Tensor
    actions: Tensor
    plain: Tensor
    full: Tensor


class AdaAugment:
    """Magnitudes drawn by an actor from the features of the image as it is (Yang et al. 2024, AdaAugment).

    The state is what goes into the network's last linear layer, the next state that of the augmented image, and the
    reward compares the losses of the image as it is, augmented at the chosen magnitude and at the largest: two passes
    more per step. The sizes and constants are those of the code published with the paper. There an image's magnitude is
    drawn an epoch ahead, and the reward of the magnitude that was applied is credited to the next one; here it is drawn
    right before it is applied, and credited to itself.
    """

    def __init__(self, trainee: Trainee) -> None:
        data = trainee.data
        self._trainee = trainee
        self._head = HeadInputs(trainee.network, data.classes)
        self._agent = ActorCritic(self._head.width, trainee.seed + _SEED_APART, data.images.device)
        self._choice: _Choice | None = None

    def shares(self, situation: Situation) -> Tensor:
        """Draw them by the features of the images as they are, and note the losses at both ends."""
        data, rows, generator = self._trainee.data, situation.rows, situation.generator
        images, labels = data.images[rows], data.labels[rows]
        largest = torch.ones(len(rows), device=rows.device)
        full = augment(
            situation.policy, images, labels, num_classes=data.classes, generator=generator, shares=largest
        ).images

        full_loss = _losses(self._trainee.judge(full), labels)
        logits, states = self._judged(images)
        actions = self._agent.act(states, generator)
        self._choice = _Choice(states, actions, _losses(logits, labels), full_loss)
        self._head.watch()  # the training step passes next
        return actions

    def observe(self, observation: Observation) -> None:
        """Reward the choice by the loss that the network was trained with, and learn from it."""
        later = self._head.of(observation.logits)
        if later is None:  # a compiled network may pass by the hook
            _, later = self._judged(observation.images)
        self._head.unwatch()
        choice, self._choice = self._choice, None
        if choice is None:
            return
        adapted = _losses(observation.logits, self._trainee.data.labels[observation.rows])
        rewards = reward(choice.plain, adapted, choice.full, observation.progress)
        share = 1 - (1 - _LAST_SHARE) * observation.progress
        self._agent.learn(choice.states, choice.actions, rewards, later, share)

    def _judged(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and features, the network left as it is."""
        self._head.watch()
        logits = self._trainee.judge(images)
        features = self._head.of(logits)
        if features is None:
            raise RuntimeError("the network's last linear layer takes no part in its logits")
        return logits, features

    def state(self) -> State:
        """The actor-critic; between batches there is nothing else."""
        return self._agent.state()

    def restore(self, state: State) -> None:
        """Put the actor-critic back."""
        self._agent.restore(state)


def _losses(logits: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(logits, labels, reduction="none")
