"""Weights of pairs of views as values, and what a policy of pairs may not hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from policysearch.core.errors import UserError
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.softening import Power
from policysearch.policy.steps import Step, SubPolicy, Uniform, Value, choices

OFF = "off"
_WHOLE = frozenset({"flip-horizontal", "flip-vertical"})
"""Moves after which every pixel of the image is still there."""


@dataclass(frozen=True)
class PairRow:
    """One way to weigh pairs: its equation, which pairs count less, and whether these are the easy ones."""

    equation: str
    about: str
    easy: bool


PAIR_WEIGHTS: dict[str, PairRow] = {
    "sa1": PairRow("1 - (1 - {p_min:g})·(1 - IoU)^{k:g}", "pairs that share little count less (SA#1)", False),
    "sa2": PairRow("1 - (1 - {p_min:g})·IoU^{k:g}", "pairs that share much count less (SA#2)", True),
}
"""Liu et al. 2023, "Soft Augmentation for Image Classification", equations 9 and 10."""


class Pair(Value):
    """What two views of one image count in self-supervised training, by the pixels that they share.

    IoU is the number of the image's pixels that both views show over the number that at least one shows. `sa1`
    (equation 9) gives the pair 1 - (1 - p_min)·(1 - IoU)^k, `sa2` (equation 10) 1 - (1 - p_min)·IoU^k, `off` 1. The
    weights are normalised to mean 1 in the batch (section B.4). The paper's best `k` is 4 (table 9).

    Attributes:
        weight: which equation.
        k: the curve's power, above 0.
        p_min: the smallest weight before normalisation, in [0, 1).

    Example:
        >>> pair_in_words(Pair(weight="sa1", k=4))
        'pairs weighted by 1 - (1 - 0)·(1 - IoU)^4: pairs that share little count less (SA#1)'
    """

    weight: Literal["off", "sa1", "sa2"] = "sa1"
    k: Power = 4.0
    p_min: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False, strict=True)] = 0.0


def weighing(pair: Pair | None) -> Pair | None:
    """The pair's weight if it is one; None where it is off."""
    return None if pair is None or pair.weight == OFF else pair


def pair_in_words(pair: Pair) -> str:
    """One line: the equation with its numbers, and which pairs count less."""
    row = PAIR_WEIGHTS[pair.weight]
    return f"pairs weighted by {row.equation.format(p_min=pair.p_min, k=pair.k)}: {row.about}"


def obstacle_to_views(part: Any) -> str:
    """What of a policy two views of an image without a label cannot have, by its field's name; empty if nothing.

    A mixture can: it is a mean of draws of one image.
    """
    return next((name for name in ("softening", "mix", "adaptive", "classes") if getattr(part, name)), "")


def check_pair(pair: Pair, parts: Sequence[Any]) -> None:
    """Check that a policy has pairs to weigh.

    Args:
        pair: in force.
        parts: the policy at each of its stages.

    Raises:
        UserError: it softens, mixes, averages draws or adapts; or every view shows the whole image.
    """
    for part in parts:
        other = obstacle_to_views(part) or ("mixture" if part.mixture else "")
        if other:
            raise UserError(f"pair weighs two views of one image by what both show of it: leave out {other!r}")
    if not any(_may_hide(step) for part in parts for step in _steps(part.sub_policies)):
        raise UserError(
            f"pair: {pair.weight} has nothing to weigh, since every view shows the whole image (IoU 1): add a step "
            "that leaves out a part of it, such as resized-crop"
        )


def _steps(sub_policies: Sequence[SubPolicy]) -> list[Step]:
    return [choice for sub in sub_policies for step in sub.steps for choice in choices(step)]


def _may_hide(step: Step) -> bool:
    """Whether some draw of the step leaves out a part of the image."""
    row = OPERATIONS[step.operation]
    if row.visibility != "counted" or row.name in _WHOLE or step.probability == 0:
        return False
    if isinstance(step.magnitude, Uniform):
        return (step.magnitude.start, step.magnitude.stop) != (row.neutral, row.neutral)
    return step.magnitude is None or step.magnitude != row.neutral
