"""The winner of a search trained again with each of its factors taken away: what each adds there, without a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from policysearch.core.errors import UserError
from policysearch.policy.families import Value
from policysearch.policy.spaces import Arm, Space
from policysearch.stats.arrays import Floats
from policysearch.stats.paired import PairedTest, student_pair, with_holm
from policysearch.study.additive.factors import factors_of
from policysearch.study.config import SearchConfig
from policysearch.study.rows import COMPLETE, Row
from policysearch.study.sources import ABLATION


@dataclass(frozen=True)
class Without:
    """The winner with one factor taken away.

    Attributes:
        factor: without its family.
        level: that the winner has.
        reference: that takes its place, the first of the factor.
        arm: the winner with it.
    """

    factor: str
    level: Value
    reference: Value
    arm: Arm


def must_have_factors(config: SearchConfig, space: Space) -> None:
    """Check that the arms of a search have factors that can be taken away, where that is asked for.

    Raises:
        UserError: the space is no product of factors.
    """
    if config.ablate:
        factors_of(space, "--ablate")


def most_ablated(config: SearchConfig, space: Space) -> int:
    """How many arms an ablation trains at most, the winner included; 0 where none is asked for."""
    return 1 + len(factors_of(space).names) if config.ablate else 0


def without_factors(space: Space, winner: Arm) -> list[Without]:
    """The winner without each of the factors that have a say in it and are not at their first level.

    Args:
        space: of the search.
        winner: an arm that may be no point of the factors; then nothing can be taken away.
    """
    try:
        factors = factors_of(space)
    except UserError:
        return []
    levels = factors.levels(winner)
    if levels is None:
        return []
    table = []
    for f, (name, values) in enumerate(factors.choices.items()):
        if levels[f] > 0:
            changed = np.maximum(levels, 0)
            changed[f] = 0
            arm = factors.arm(changed.tolist())
            table.append(Without(name.partition(".")[2], values[int(levels[f])], values[0], arm))
    return table


def ablation(space: Space, winner: Arm, rows: Sequence[Row], replicates: int, images: int = 0) -> list[PairedTest]:
    """What each factor adds to the winner: its reward less that without the factor, on replicates that both have.

    The intervals are 95 % each, of the paired t; `holm` corrects p over the factors.

    Args:
        space, winner: as for `without_factors`.
        rows: of the confirmation; those of an ablation are among them.
        replicates: of the ablation.
        images: of which the rewards are shares; 0 where they are none.
    """
    ours = _rewards(winner, rows, replicates)
    pairs = [
        student_pair(
            f"{one.factor} = {one.level}", str(one.reference), ours, _rewards(one.arm, rows, replicates), images
        )
        for one in without_factors(space, winner)
    ]
    return with_holm([pair for pair in pairs if pair.n])


def _rewards(arm: Arm, rows: Sequence[Row], replicates: int) -> Floats:
    """[R] rewards by replicate of the ablation, nan where there is none."""
    values = np.full(replicates, np.nan)
    for row in rows:
        place = row.replicate - ABLATION
        if row.arm.key == arm.key and row.state == COMPLETE and row.reward is not None and 0 <= place < replicates:
            values[place] = row.reward
    return values


def is_of_ablation(row: Row) -> bool:
    """Whether a row of the confirmation is of an ablation."""
    return row.replicate >= ABLATION
