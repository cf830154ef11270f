"""The schedule that a child is trained under: the policies of its lineage as one policy with stages."""

from __future__ import annotations

from collections.abc import Sequence

from policysearch.policy.policy import Policy, Stage
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


def schedule(line: Sequence[Row], policy: Policy, begin: int, end: int) -> Policy:
    """The policy of a trial that goes on from a lineage: all that the child was trained under, and then `policy`.

    A child whose checkpoint is lost is so trained again as it was, and the best child's last trial has the policy that
    the search was for.

    Args:
        line: the trials so far, the first one first; empty where training begins.
        policy: of the interval, without stages.
        begin, end: epochs between which it holds.
    """
    policies = [*(row.arm.policy.at(1.0) for row in line), policy]
    return scheduled(policies, [*(row.begin for row in line), begin], end)


def scheduled(policies: Sequence[Policy], begins: Sequence[float], total: float) -> Policy:
    """One policy with stages of several that hold one after the other.

    Neighbours that are equal become one stage. Softening and mixture are the first policy's: no stage can change them.

    Args:
        policies: without stages of their own.
        begins: the epochs at which each begins, growing, the first 0.
        total: epochs in all, above the last of `begins`.

    Example:
        >>> weak, strong = Policy.preset("randaugment:1,3"), Policy.preset("randaugment:2,9")
        >>> staged = scheduled([weak, weak, strong], [0, 2, 4], 8)
        >>> [stage.start for stage in staged.stages]
        [0.5]
    """
    changes: list[tuple[float, Policy]] = []
    for policy, begin in zip(policies, begins, strict=True):
        if not changes or policy != changes[-1][1]:
            changes.append((begin, policy))
    first = changes[0][1]
    stages = tuple(
        Stage(start=begin / total, sub_policies=policy.sub_policies, mix=policy.mix) for begin, policy in changes[1:]
    )
    return first.model_copy(update={"stages": stages}) if stages else first
