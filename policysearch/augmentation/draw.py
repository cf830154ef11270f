"""The only random place: what happens to each image of a batch, drawn as data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from policysearch.operations import OPERATIONS
from policysearch.policy import OneOf, Policy, Step, Uniform

__all__ = ["OPERATION_NAMES", "Draw", "draw"]

OPERATION_NAMES = tuple(OPERATIONS)
"""Operation index in a `Draw` -> name; index 0 is `identity`."""

_NUMBERS_A_STEP = 6  # choice, probability, level, sign, and a position in y and x


@dataclass(frozen=True)
class Draw:
    """What was drawn for B images and S steps; applying it again gives the same pixels.

    Attributes:
        operations: [B, S] int64, index into `OPERATION_NAMES`; 0 where a step was not applied.
        magnitudes: [B, S] float32, in the operation's unit, sign included.
        positions: [B, S, 2] float32 in [0, 1), (y, x): where crops and masks fall.
    """

    operations: Tensor
    magnitudes: Tensor
    positions: Tensor


@dataclass(frozen=True)
class _Table:
    """A policy as tensors over P sub-policies, S steps, C choices; identity fills the gaps."""

    cumulative: Tensor  # [P] float32, last is 1
    choices: Tensor  # [P, S] float32, number of choices
    operations: Tensor  # [P, S, C] int64
    probability: Tensor  # [P, S, C] float32, likewise the rest
    start: Tensor
    stop: Tensor
    levels: Tensor  # 0 for a continuous magnitude
    signed: Tensor  # bool


def _choices(step: Step | OneOf) -> tuple[Step, ...]:
    return step.one_of if isinstance(step, OneOf) else (step,)


def _row(step: Step) -> tuple[float, ...]:
    magnitude = step.magnitude
    if isinstance(magnitude, Uniform):
        span = (magnitude.start, magnitude.stop, float(magnitude.levels or 0))
    else:
        span = (magnitude or 0.0, magnitude or 0.0, 0.0)
    index = OPERATION_NAMES.index(step.operation)
    return (index, step.probability, *span, OPERATIONS[step.operation].signed)


@lru_cache(maxsize=64)
def _table(policy: Policy, device: torch.device) -> _Table:
    sub_policies = policy.sub_policies
    steps = max(1, *(len(sub.steps) for sub in sub_policies))
    most = max((len(_choices(step)) for sub in sub_policies for step in sub.steps), default=1)
    rows = torch.zeros(len(sub_policies), steps, most, 6)
    counts = torch.ones(len(sub_policies), steps)
    for p, sub in enumerate(sub_policies):
        for s, step in enumerate(sub.steps):
            counts[p, s] = len(_choices(step))
            for c, choice in enumerate(_choices(step)):
                rows[p, s, c] = torch.tensor(_row(choice))
    weights = torch.tensor([sub.weight for sub in sub_policies], dtype=torch.float64)
    cumulative = (weights.cumsum(0) / weights.sum()).float().to(device)
    operations, probability, start, stop, levels, signed = rows.to(device).unbind(-1)
    return _Table(cumulative, counts.to(device), operations.long(), probability, start, stop, levels, signed.bool())


def draw(policy: Policy, batch: int, generator: torch.Generator) -> Draw:
    """Draw a sub-policy for each of `batch` images, and for each of its steps all that is random.

    Args:
        policy: the policy to draw from.
        batch: number of images, 0 or more.
        generator: the source of randomness; the draw lives on its device.

    Returns:
        A `Draw` over S steps, S the longest sub-policy's length (at least 1).
    """
    device = generator.device
    table = _table(policy, device)
    steps = table.choices.shape[1]
    numbers = torch.rand(batch, 1 + steps * _NUMBERS_A_STEP, generator=generator, device=device)
    sub = torch.searchsorted(table.cumulative, numbers[:, 0].contiguous(), right=True)
    sub = sub.clamp_(max=len(table.cumulative) - 1)
    u = numbers[:, 1:].view(batch, steps, _NUMBERS_A_STEP)
    at = (sub[:, None], torch.arange(steps, device=device), (u[..., 0] * table.choices[sub]).long())
    applied = u[..., 1] < table.probability[at]
    magnitudes = _magnitudes(table, at, u[..., 2], u[..., 3] < 0.5)
    return Draw(torch.where(applied, table.operations[at], 0), magnitudes, u[..., 4:])


def _magnitudes(table: _Table, at: tuple[Tensor, ...], u: Tensor, negate: Tensor) -> Tensor:
    levels = table.levels[at]
    share = torch.where(levels > 0, (u * levels).floor() / (levels - 1).clamp(min=1), u)
    magnitudes = table.start[at] + (table.stop[at] - table.start[at]) * share
    return torch.where(table.signed[at] & negate, -magnitudes, magnitudes)
