"""A policy as tensors, from which whole batches are drawn at once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from policysearch.policy.operations import KINDS, OPERATIONS
from policysearch.policy.policy import Policy
from policysearch.policy.steps import Normal, OneOf, SomeOf, Step, SubPolicy, Uniform, choices

_KIND_RANK = {kind: rank for rank, kind in enumerate(KINDS)}
_SlotStep = Step | OneOf | SomeOf


@dataclass(frozen=True)
class Shuffled:
    """A `SomeOf` of sub-policy `sub`, which fills `slots` slots from `first` on."""

    sub: int
    first: int
    probability: Tensor  # [C] float32
    cumulative: Tensor  # [slots + 1] float32, of the counts

    @property
    def slots(self) -> int:
        return len(self.cumulative) - 1


@dataclass(frozen=True)
class Table:
    """A policy as tensors over P sub-policies, S slots, C choices; identity fills the gaps.

    In a row `operation` is an index into `names`, `levels` is 0 for a continuous magnitude, `std` 0 if not normal.
    """

    names: tuple[str, ...]  # the operations, identity first, the same kinds together
    numbers: int  # most numbers that a kernel needs
    cumulative: Tensor  # [P] float32, last is 1
    choices: Tensor  # [P, S] float32, number of choices
    rows: Tensor  # [P, S, C, 9] float32: operation, probability, start, stop, levels, std, low, high, signed
    normal: bool
    shuffled: tuple[Shuffled, ...]


def _slots(sub: SubPolicy) -> list[_SlotStep]:
    """The steps, a `SomeOf` as often as it may be applied."""
    return [step for step in sub.steps for _ in range(len(step.counts) - 1 if isinstance(step, SomeOf) else 1)]


def operation_names(policy: Policy) -> tuple[str, ...]:
    """What images without a class of their own are drawn from, in the order of `in_kinds`."""
    return in_kinds({choice.operation for sub in policy.sub_policies for step in sub.steps for choice in choices(step)})


def in_kinds(names: Collection[str]) -> tuple[str, ...]:
    """Names of operations, each once, in the order of a draw: identity first, those of one kind together."""
    ranked = sorted({*names} - {"identity"}, key=lambda name: (_KIND_RANK[OPERATIONS[name].kind], name))
    return ("identity", *ranked)


def _row(step: Step, names: tuple[str, ...]) -> tuple[float, ...]:
    row, magnitude = OPERATIONS[step.operation], step.magnitude
    span = (0.0, 0.0, 0.0, 0.0)
    if isinstance(magnitude, Uniform):
        span = (magnitude.start, magnitude.stop, float(magnitude.levels or 0), 0.0)
    elif isinstance(magnitude, Normal):
        span = (magnitude.mean, magnitude.mean, 0.0, magnitude.std)
    elif magnitude is not None:
        span = (magnitude, magnitude, 0.0, 0.0)
    return (names.index(row.name), step.probability, *span, *step.range, step.draws_sign)


def _shuffled(policy: Policy) -> tuple[Shuffled, ...]:
    out = []
    for p, sub in enumerate(policy.sub_policies):
        slots = _slots(sub)
        for step in sub.steps:
            if isinstance(step, SomeOf):
                first = next(i for i, slot in enumerate(slots) if slot is step)
                probability = torch.tensor([choice.probability for choice in step.some_of])
                out.append(Shuffled(p, first, probability, torch.tensor(step.counts).cumsum(0)))
                slots[first : first + len(step.counts) - 1] = [Step(operation="identity")] * (len(step.counts) - 1)
    return tuple(out)


@lru_cache(maxsize=256)
def compiled(policy: Policy, device: torch.device) -> Table:
    """The policy's tensors on a device (kept for the next call)."""
    sub_policies = policy.sub_policies
    names = operation_names(policy)
    slots = [_slots(sub) for sub in sub_policies]
    most = max((len(choices(step)) for steps in slots for step in steps), default=1)
    rows = torch.zeros(len(slots), max(1, *map(len, slots), 1), most, 9)
    counts = torch.ones(rows.shape[:2])
    for p, steps in enumerate(slots):
        for s, step in enumerate(steps):
            counts[p, s] = len(choices(step))
            for c, choice in enumerate(choices(step)):
                rows[p, s, c] = torch.tensor(_row(choice, names))
    weights = torch.tensor([sub.weight for sub in sub_policies], dtype=torch.float64)
    cumulative = (weights.cumsum(0) / weights.sum()).float()
    return Table(
        names=names,
        numbers=max(OPERATIONS[name].numbers for name in names),
        cumulative=cumulative.to(device),
        choices=counts.to(device),
        rows=rows.to(device),
        normal=bool((rows[..., 5] > 0).any()),
        shuffled=tuple(
            Shuffled(s.sub, s.first, s.probability.to(device), s.cumulative.to(device)) for s in _shuffled(policy)
        ),
    )
