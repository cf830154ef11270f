"""The augmented batches of an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from policysearch.augmentation import augment
from policysearch.child.adaptive.adaptation import Adaptation
from policysearch.child.adaptive.situation import Situation
from policysearch.child.class_activation import activation_maps
from policysearch.child.device_data import DeviceData
from policysearch.child.joined_batches import joined_batches
from policysearch.policy.mixes import mix_row
from policysearch.policy.policy import Policy

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
    adaptation: Adaptation | None = None,
) -> Iterator[Batch]:
    """Augment the batches of an epoch.

    Several small batches are augmented in one call, whose cost depends on the number of operations drawn more than on
    the number of images, unless the policy needs batches by themselves: for a mix, for normalised weights, or for
    magnitudes that the network gives right before it is trained on a batch.

    Args:
        policy: what to draw from; its stage depends on (step of the batch) / steps.
        data: the images and labels.
        network: gives the class activation maps, if the policy's mix needs them.
        batches: indices [B] int64 into the images, one tensor per batch.
        step: the number of training steps before this epoch.
        steps: the number of training steps in all.
        generator: on the images' device.
        adaptation: gives each image its magnitudes, if the policy is adaptive; None draws them evenly.

    Yields:
        The batches in their order.
    """
    values = data.images[:1].numel()
    for call in joined_batches(policy, batches, step=step, steps=steps, values=values, may_join=_may_join):
        situation = Situation(call.policy, call.rows, call.step, steps, generator)
        shares = None if adaptation is None else adaptation.shares(situation)
        yield from _together(situation, data, network, call.sizes, shares)


def _may_join(policy: Policy) -> bool:
    """Whether batches augmented in one call come out as they would one by one."""
    if policy.mix is not None or (policy.softening and policy.softening.normalise):
        return False
    return policy.adaptive is None or not policy.adaptive.row.up_to_date


def _together(
    situation: Situation, data: DeviceData, network: nn.Module, sizes: list[int], shares: Tensor | None
) -> Iterator[Batch]:
    policy, rows = situation.policy, situation.rows
    images, labels = data.images[rows], data.labels[rows]
    maps = None
    if policy.mix is not None and mix_row(policy.mix.operation).needs_maps:
        maps = activation_maps(network, data.normalise(images), labels)
    out = augment(
        policy,
        images,
        labels,
        num_classes=data.classes,
        generator=situation.generator,
        activation_maps=maps,
        shares=shares,
    )
    yield from zip(out.images.split(sizes), out.targets.split(sizes), out.weights.split(sizes), strict=True)
