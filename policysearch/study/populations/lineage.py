"""The schedule that a child is trained under: the policies of its lineage as one policy with stages."""

from __future__ import annotations

from collections.abc import Sequence

from policysearch.policy.curricula import schedule
from policysearch.policy.policy import Policy
from policysearch.study.rows import Row


def lineage(row: Row, rows: Sequence[Row]) -> list[Row]:
    """The trials that a child went through, the first one first.

    Args:
        row: the last of them.
        rows: all trials, by number.
    """
    line = [row]
    while (parent := line[-1].parent) is not None:
        line.append(rows[parent])
    return line[::-1]


def grown(line: Sequence[Row], policy: Policy, begin: int, end: int) -> Policy:
    """The policy of a trial that goes on from a lineage: all that the child was trained under, and then `policy`.

    A child whose checkpoint is lost is so trained again as it was, and the last policy of the best child is what the
    search was for.

    Args:
        line: the trials so far, the first one first; empty where training begins.
        policy: of the interval, without stages.
        begin, end: epochs between which it holds.
    """
    begins = [*(row.begin for row in line), begin]
    policies = [*(row.arm.policy.at(1.0) for row in line), policy]
    return schedule([(at / end, part) for at, part in zip(begins, policies, strict=True)], policy.name)
