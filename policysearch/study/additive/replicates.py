"""Which replicate a pull is of, where pulls are spread evenly over a few of them."""

from __future__ import annotations

from collections.abc import Sequence

from policysearch.policy.spaces import Arm
from policysearch.study.rows import FAILED, Row


def next_replicate(arm: Arm, rows: Sequence[Row], replicates: int) -> int:
    """The replicate whose turn it is; where the arm has been pulled there, the next on which it has not.

    The same arm on the same replicate is the same training, which says nothing new.

    Args:
        arm: that is pulled.
        rows: the trials so far; pull t is of replicate t mod `replicates`.
        replicates: over how many the pulls are spread; an arm that has been pulled on all of them goes on to further
            ones.
    """
    turn = len(rows)
    pulled = {row.replicate for row in rows if row.arm.key == arm.key and row.state != FAILED}
    in_turn = ((turn + i) % replicates for i in range(replicates))
    free = (replicate for replicate in (*in_turn, *range(replicates, len(rows) + 1)) if replicate not in pulled)
    return next(free, turn % replicates)
