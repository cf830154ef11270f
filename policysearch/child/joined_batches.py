"""Which batches of an epoch are augmented in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from policysearch.policy.policy import Policy

_AHEAD = 2**21  # values augmented in one call


class JoinedBatches(NamedTuple):
    """Batches that are augmented in one call.

    Attributes:
        policy: at their stage.
        step: of the first.
        sizes: of each.
        rows: [sum of sizes] int64, indices into the images.
    """

    policy: Policy
    step: int
    sizes: list[int]
    rows: Tensor


def joined_batches(
    policy: Policy,
    batches: Sequence[Tensor],
    *,
    step: int,
    steps: int,
    values: int,
    may_join: Callable[[Policy], bool],
) -> Iterator[JoinedBatches]:
    """The batches of an epoch, several small ones of one stage together.

    The cost of a call depends on the number of operations drawn more than on the number of images.

    Args:
        policy: its stage depends on (step of the batch) / steps.
        batches: indices [B] int64 into the images, one tensor per batch.
        step: the number of training steps before this epoch.
        steps: the number of training steps in all.
        values: of one image.
        may_join: whether batches augmented in one call come out as they would one by one.
    """
    of_batch = max(1, values * max(map(len, batches), default=1))
    at = 0
    while at < len(batches):
        current = policy.at((step + at) / steps)
        ahead = max(1, _AHEAD // of_batch) if may_join(current) else 1
        following = batches[at : at + ahead]
        joined = [batch for i, batch in enumerate(following) if policy.at((step + at + i) / steps) is current]
        yield JoinedBatches(current, step + at, list(map(len, joined)), torch.cat(joined))
        at += len(joined)
