"""Which children of a population go on as they are, and which begin again with what one of the best has learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from policysearch.study.rows import Row


@dataclass(frozen=True)
class Origin:
    """What a child goes on from.

    Attributes:
        row: the trial whose child goes on; None: training begins anew.
        explored: whether the policy is changed.
    """

    row: Row | None
    explored: bool


def truncated(rewards: Sequence[float | None], replaced: int, rng: np.random.Generator) -> list[int]:
    """Who is taken over by whom: truncation selection (Jaderberg et al. 2017, section 4.1.1; Ho et al. 2019).

    Each of the worst takes over one of the best, drawn evenly. A child without a reward is among the worst, however
    many these are; equal rewards are put in random order.

    Args:
        rewards: [P] of an interval's children; None where there is none.
        replaced: how many of the worst are replaced, by one of as many best, at most P/2.
        rng: all randomness.

    Returns:
        [P] the index of the child that each goes on from, its own where it stays; -1 where it has no reward and nobody
        has one.

    Example:
        >>> truncated([0.1, 0.9, 0.5, 0.4], 1, np.random.default_rng(0))
        [1, 1, 2, 3]
    """
    count = len(rewards)
    shuffled = rng.random(count)
    order = sorted(range(count), key=lambda i: (-np.inf if (r := rewards[i]) is None else r, shuffled[i]))
    without = sum(reward is None for reward in rewards)
    best = [i for i in order[count - replaced :] if rewards[i] is not None]

    origins = list(range(count))
    for i in order[: max(replaced, without)]:
        if i not in best:
            origins[i] = best[int(rng.integers(len(best)))] if best else -1
    return origins


def origins(generation: Sequence[Row], rows: Sequence[Row], replaced: int, rng: np.random.Generator) -> list[Origin]:
    """What each child of the next interval goes on from.

    Where a whole interval failed, each child goes on, explored, from the last trial of its own that succeeded.

    Args:
        generation: the trials of the interval, all ended, child by child.
        rows: all trials.
        replaced: as for `truncated`.
        rng: all randomness.
    """
    takers = truncated([row.reward for row in generation], replaced, rng)
    return [
        Origin(_last_success(generation[i], rows), True) if taker < 0 else Origin(generation[taker], taker != i)
        for i, taker in enumerate(takers)
    ]


def _last_success(row: Row, rows: Sequence[Row]) -> Row | None:
    while row.reward is None:
        if row.parent is None:
            return None
        row = rows[row.parent]
    return row
