"""The confirmation on fresh common replicates, and what may be said after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

from policysearch.policy.presets import BASELINES, preset
from policysearch.policy.spaces import Arm
from policysearch.study.rows import COMPLETE, Row

_FREE = {preset(name).hash: i for i, name in enumerate(BASELINES)}


@dataclass(frozen=True)
class Difference:
    """Paired over common replicates: mean and standard error of the winner's reward minus the other's, and n."""

    mean: float
    error: float
    n: int

    def __str__(self) -> str:
        spread = f" ± {self.error:.4f}" if self.n > 1 else ""
        return f"{self.mean:+.4f}{spread} (n = {self.n} paired)"


@dataclass(frozen=True)
class Verdict:
    """The arm chosen, whether it was confirmed, and its differences to the fixed policies among the finalists."""

    winner: Arm
    confirmed: bool
    differences: dict[str, Difference]
    sentence: str


def judge(fallback: Arm, arms: Sequence[Arm], rows: Sequence[Row]) -> Verdict:
    """Choose the finalist with the best mean over the confirmation's replicates.

    Only arms that finished as many replicates as any did are compared; the others are named. Equal means
    go to the fixed policies, identity first.

    Args:
        fallback: the arm to name if nothing was confirmed.
        arms: the finalists.
        rows: the confirmation's rows.
    """
    rewards = {arm.key: _by_replicate(arm, rows) for arm in arms}
    most = max((len(own) for own in rewards.values()), default=0)
    if not most:
        text = f"{fallback.name} has the best shrunken mean; it was not confirmed on fresh replicates"
        return Verdict(fallback, False, {}, text)
    whole = [arm for arm in arms if len(rewards[arm.key]) == most]
    winner = max(whole, key=lambda arm: (np.mean([*rewards[arm.key].values()]), -_FREE.get(arm.key, len(_FREE))))
    differences = {
        name: _paired(rewards[winner.key], rewards[preset(name).hash])
        for name in BASELINES
        if preset(name).hash != winner.key and rewards.get(preset(name).hash)
    }
    left_out = [arm.name for arm in arms if arm not in whole]
    return Verdict(winner, True, differences, _sentence(winner, differences, len(whole), left_out))


def _by_replicate(arm: Arm, rows: Sequence[Row]) -> dict[int, float]:
    own = (row for row in rows if row.arm.key == arm.key and row.state == COMPLETE)
    return {
        row.replicate: float(row.reward) for row in sorted(own, key=lambda r: r.replicate) if row.reward is not None
    }


def _paired(ours: dict[int, float], theirs: dict[int, float]) -> Difference:
    gaps = np.array([ours[j] - theirs[j] for j in sorted(ours.keys() & theirs.keys())])
    error = float(gaps.std(ddof=1) / np.sqrt(len(gaps))) if len(gaps) > 1 else float("nan")
    return Difference(float(gaps.mean()) if len(gaps) else float("nan"), error, len(gaps))


def _is_clear(difference: Difference, compared: int) -> bool:
    """One-sided paired t at 5 %, Bonferroni over the arms that could have won on the same replicates."""
    if difference.n < 2:
        return False
    level = 1 - 0.05 / max(1, compared - 1)
    return bool(difference.mean > t.ppf(level, difference.n - 1) * difference.error)


def _sentence(winner: Arm, differences: dict[str, Difference], compared: int, left_out: Sequence[str]) -> str:
    name = winner.name
    measured = ", ".join(f"against {other} {difference}" for other, difference in differences.items())
    parts = [f"{name} wins: {measured or 'no reference finished'}"]
    if winner.key in _FREE:
        parts.append("use it, it costs no search")
    tied = [other for other, difference in differences.items() if difference.mean == 0]
    if tied:
        parts.append(f"it ties with {' and '.join(tied)}, and is taken because it comes first among equals")
    unsure = [n for n, difference in differences.items() if n not in tied and not _is_clear(difference, compared)]
    if unsure:
        parts.append(f"the lead over {' and '.join(unsure)} may be chance (more --confirm replicates would tell)")
    if left_out:
        parts.append(f"left out, since not all of their replicates finished: {', '.join(left_out)}")
    return "; ".join(parts)
