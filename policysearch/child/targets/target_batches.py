"""The augmented batches of an epoch, with targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from policysearch.augmentation.targets import Targeted, augment_targets
from policysearch.child.device_data import DeviceData
from policysearch.policy.policy import Policy

_AHEAD = 2**21  # values augmented in one call


def augmented_with_targets(
    policy: Policy,
    data: DeviceData,
    targets: Tensor,
    batches: Sequence[Tensor],
    *,
    step: int,
    steps: int,
    generator: torch.Generator,
    frequencies: Tensor | None,
) -> Iterator[Targeted]:
    """Augment the batches of an epoch.

    Several batches are augmented in one call, whose cost depends on the number of operations drawn more than on the
    number of images, unless the policy needs batches by themselves: for a mix, or for normalised weights.

    Args:
        policy: what to draw from; its stage depends on (step of the batch) / steps.
        data: the images.
        targets: [N, K] float32 of all images, as the network is to give them.
        batches: indices [B] int64 into the images, one tensor per batch.
        step: the number of training steps before this epoch.
        steps: the number of training steps in all.
        generator: on the images' device.
        frequencies: as for `augment_targets`.

    Yields:
        The batches in their order.
    """
    values = max(1, data.images[:1].numel() * max(map(len, batches), default=1))
    at = 0
    while at < len(batches):
        current = policy.at((step + at) / steps)
        alone = current.mix is not None or (current.softening is not None and current.softening.normalise)
        following = batches[at : at + (1 if alone else max(1, _AHEAD // values))]
        joined = [batch for i, batch in enumerate(following) if policy.at((step + at + i) / steps) is current]
        rows = torch.cat(joined)
        out = augment_targets(current, data.images[rows], targets[rows], generator, frequencies=frequencies)
        sizes = list(map(len, joined))
        yield from map(Targeted, out.images.split(sizes), out.targets.split(sizes), out.weights.split(sizes))
        at += len(joined)
