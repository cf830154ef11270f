"""The network that children of one replicate start from when they are fine-tuned, and what it says of a policy."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn

from policysearch.augmentation import augment
from policysearch.child.device_data import DeviceData
from policysearch.child.metrics import scores
from policysearch.policy.classes import with_softenings
from policysearch.policy.policy import Policy

_SHOWN = 256


@dataclass
class Bases:
    """Networks trained without augmentation, one for each (images, seed); those used last are kept.

    A replicate's arms share its base, which costs its training once in each worker; on CPU all workers come to the
    same weights.

    Attributes:
        room: how many are kept.
    """

    room: int = 4
    _networks: dict[tuple[int, int], nn.Module] = field(default_factory=dict)

    def of(self, key: tuple[int, int], train: Callable[[], nn.Module]) -> tuple[nn.Module, float]:
        """A copy of a base to train on from, and the seconds that its training took.

        Args:
            key: (images, seed).
            train: trains the base, if it is not kept.

        Returns:
            The copy, and 0 seconds where the base was kept.
        """
        started = time.perf_counter()
        new = key not in self._networks
        base = train() if new else self._networks.pop(key)
        seconds = time.perf_counter() - started if new else 0.0
        self._networks = dict([*self._networks.items(), (key, base)][-self.room :])
        return copy.deepcopy(base), seconds


@torch.no_grad()
def affinity(policy: Policy, data: DeviceData, network: nn.Module, batch: int, seed: int) -> dict[str, float]:
    """Judge a network that was trained without augmentation on augmented validation images.

    Args:
        policy: applied to each validation image once.
        network: the base.
        batch: images judged at a time.
        seed: of the draws.

    Returns:
        affinity: its accuracy on them less that on the clean ones, in [-1, 1] (Gontijo-Lopes et al. 2020, definition
        1); density_loss: its mean cross-entropy on them, nats (Fast AutoAugment's density matching, Lim et al. 2019,
        equation 3, with one fold).
    """
    network.eval()
    single = on_single_images(policy)
    generator = torch.Generator(data.images.device).manual_seed(seed)
    augmented = partial(_augmented, single, data, generator)
    on_augmented = _judged(data, network, batch, augmented)
    on_clean = _judged(data, network, batch, lambda rows: data.images[rows])
    return {"affinity": on_augmented["accuracy"] - on_clean["accuracy"], "density_loss": on_augmented["loss"]}


@torch.no_grad()
def severity(policy: Policy, data: DeviceData, seed: int) -> float:
    """The mean of 1 - visibility over 256 training images, in [0, 1].

    The images are spread evenly over the training side, which may be sorted by class.

    Args:
        policy: one with stages is taken at half of the training.
        data: images on the device.
        seed: of the draws.
    """
    rows = data.train[torch.linspace(0, len(data.train) - 1, _SHOWN, device=data.train.device).long()]
    generator = torch.Generator(data.images.device).manual_seed(seed)
    out = augment(
        on_single_images(policy), data.images[rows], data.labels[rows], num_classes=data.classes, generator=generator
    )
    return float(1 - out.visibility.mean())


def on_single_images(policy: Policy) -> Policy:
    """What the policy does to single images at half of the training, each by its class; targets stay hard.

    Neither a mix nor the weight of pairs is a matter of one image.
    """
    return with_softenings(policy.at(0.5), lambda softening: None).model_copy(update={"mix": None, "pair": None})


def _augmented(policy: Policy, data: DeviceData, generator: torch.Generator, rows: Tensor) -> Tensor:
    labels = data.labels[rows]
    return augment(policy, data.images[rows], labels, num_classes=data.classes, generator=generator).images


def _judged(data: DeviceData, network: nn.Module, batch: int, images: Callable[[Tensor], Tensor]) -> dict[str, float]:
    logits = [network(data.normalise(images(rows))).float() for rows in data.validation.split(batch)]
    return scores(torch.cat(logits), data.labels[data.validation])
