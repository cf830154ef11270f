"""The last step of AutoAugment's search: its best policies as one."""

from __future__ import annotations

from collections.abc import Sequence

from policysearch.policy.spaces import Arm
from policysearch.study.autoaugment_rl.settings import NAME, parsed_settings


def concatenated(spec: str, ranked: Sequence[Arm]) -> tuple[Arm, ...]:
    """One policy of the sub-policies of the best policies, the last step of AutoAugment's search.

    Args:
        spec: of the strategy; it says how many.
        ranked: arms of the search with a reward, best first.
    """
    best = ranked[: parsed_settings(spec).best]
    if len(best) < 2:
        return ()
    sub_policies = tuple(sub for arm in best for sub in arm.policy.sub_policies)
    name = f"{NAME}-best-{len(best)}"
    policy = best[0].policy.model_copy(update={"name": name, "sub_policies": sub_policies})
    return (Arm({}, policy, best[0].loss),)
