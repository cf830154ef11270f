"""The augmented batches of an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from policysearch.augmentation import augment
from policysearch.child.class_activation import activation_maps
from policysearch.child.device_data import DeviceData
from policysearch.policy.mixes import MIXES
from policysearch.policy.policy import Policy

_AHEAD = 2**21  # values augmented in one call

Batch = tuple[Tensor, Tensor, Tensor]
"""Images [B, C, H, W] uint8, targets [B, classes] float32, weights [B] float32."""


def augmented(
    policy: Policy,
    data: DeviceData,
    network: nn.Module,
    batches: Sequence[Tensor],
    *,
    step: int,
    steps: int,
    generator: torch.Generator,
) -> Iterator[Batch]:
    """Augment the batches of an epoch.

    Several small batches are augmented in one call, whose cost depends on the number of operations drawn more than on
    the number of images, unless the policy needs batches by themselves: for a mix or for normalised weights.

    Args:
        policy: what to draw from; its stage depends on (step of the batch) / steps.
        data: the images and labels.
        network: gives the class activation maps, if the policy's mix needs them.
        batches: indices [B] int64 into the images, one tensor per batch.
        step: the number of training steps before this epoch.
        steps: the number of training steps in all.
        generator: on the images' device.

    Yields:
        The batches in their order.
    """
    values = max(1, data.images[:1].numel() * max(map(len, batches), default=1))
    at = 0
    while at < len(batches):
        current = policy.at((step + at) / steps)
        ahead = max(1, _AHEAD // values) if _may_join(current) else 1
        next_batches = batches[at : at + ahead]
        joined = [batch for i, batch in enumerate(next_batches) if policy.at((step + at + i) / steps) is current]
        yield from _together(current, data, network, joined, generator)
        at += len(joined)


def _may_join(policy: Policy) -> bool:
    """Whether batches augmented in one call come out as they would one by one."""
    return policy.mix is None and not (policy.softening and policy.softening.normalise)


def _together(
    policy: Policy, data: DeviceData, network: nn.Module, batches: list[Tensor], generator: torch.Generator
) -> Iterator[Batch]:
    rows = torch.cat(batches)
    images, labels = data.images[rows], data.labels[rows]
    maps = None
    if policy.mix is not None and MIXES[policy.mix.operation].needs_maps:
        maps = activation_maps(network, data.normalise(images), labels)
    out = augment(policy, images, labels, num_classes=data.classes, generator=generator, activation_maps=maps)
    sizes = [len(batch) for batch in batches]
    yield from zip(out.images.split(sizes), out.targets.split(sizes), out.weights.split(sizes), strict=True)
