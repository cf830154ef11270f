"""What was chosen when, as one policy with stages."""

from __future__ import annotations

from collections.abc import Sequence

from policysearch.child.stretch_plan import Stretch
from policysearch.policy.curricula import schedule
from policysearch.policy.policy import Policy
from policysearch.study.rows import Row


def stage_policy(policies: Sequence[Policy]) -> Policy:
    """The policy of a stretch: of several that trained side by side, each for an equal share of the images."""
    if len(policies) == 1:
        return policies[0]
    parts = []
    for policy in policies:
        total = sum(sub.weight for sub in policy.sub_policies)
        parts += [sub.model_copy(update={"weight": sub.weight / total}) for sub in policy.sub_policies]
    return policies[0].model_copy(update={"name": f"{len(policies)} policies", "sub_policies": tuple(parts)})


def schedule_of(rows: Sequence[Row], stretches: Sequence[Stretch], name: str) -> Policy:
    """The policy of the whole training.

    Args:
        rows: the record, the same number for each stretch, in order.
        stretches: of the training.
        name: of the policy.
    """
    width, steps = len(rows) // len(stretches), stretches[-1].end
    parts = []
    for number, stretch in enumerate(stretches):
        of_stretch = rows[number * width : (number + 1) * width]
        parts.append((stretch.first / steps, stage_policy([row.arm.policy for row in of_stretch])))
    return schedule(parts, name)
