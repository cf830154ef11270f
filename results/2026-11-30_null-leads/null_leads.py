"""Among equal finalists, how often is a lead over a fixed policy called clear? And how often is a true one seen?

    python null_leads.py > null_leads.md

Seven arms, four of them the fixed policies, as in a default search. Reward of an arm in a replicate: 0.82, plus what
the replicate brings to all arms (deviation 0.004), plus luck of its own, rounded to whole validation images. The
verdict is the program's own (`judge_winner`); beside it stands the rule of the version before, a one-sided paired t
test with Bonferroni over the finalists.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom, t

from policysearch.core.trial import Outcome
from policysearch.experiments.search.verdict import judge_winner
from policysearch.policy.policy import Policy
from policysearch.policy.presets import BASELINES
from policysearch.policy.spaces import Arm
from policysearch.stats.arrays import Floats
from policysearch.study.rows import COMPLETE, Row

SEARCHES = 10_000
ARMS = [Arm({"family": name}, Policy.preset(name)) for name in (*BASELINES, *(f"randaugment:1,{m}" for m in range(3)))]
SHARED = 0.004

EQUAL = (0.006,) * 7
LUCK = {
    "alike": EQUAL,
    "0.003 to 0.009": (0.009, 0.006, 0.004, 0.003, 0.003, 0.006, 0.009),
    "identity 0.012, others 0.004": (0.012,) + (0.004,) * 6,
}


@dataclass(frozen=True)
class Setting:
    """Replicates, validation images, the arms' deviations, and what the three searched arms are truly better by."""

    n: int
    images: int
    luck: str = "alike"
    lead: float = 0.0


def rewards(setting: Setting, rng: np.random.Generator) -> Floats:
    """[7, n] of one search."""
    shared = SHARED * rng.standard_normal(setting.n)
    luck = np.array(LUCK[setting.luck])[:, None] * rng.standard_normal((7, setting.n))
    true = setting.lead * (np.arange(7)[:, None] >= len(BASELINES))
    return np.round((0.82 + shared + luck + true) * setting.images) / setting.images


def rows(values: Floats, images: int) -> list[Row]:
    outcome = {"validation_images": images}
    return [
        Row(0, arm, j, state=COMPLETE, reward=float(value), outcome=Outcome(metrics=outcome))
        for arm, of_arm in zip(ARMS, values, strict=True)
        for j, value in enumerate(of_arm)
    ]


def claims_before(values: Floats) -> list[bool]:
    """Of the version before: which fixed policies the best mean was said to lead, with no word of chance."""
    best = int(values.mean(1).argmax())
    gaps = values[best] - values[: len(BASELINES)]
    n = gaps.shape[1]
    bound = t.ppf(1 - 0.05 / (len(values) - 1), n - 1) * gaps.std(1, ddof=1) / np.sqrt(n)
    return [bool(mean > 1e-12 and mean > error - 1e-15) for mean, error in zip(gaps.mean(1), bound, strict=True)]


def counted(setting: Setting) -> tuple[int, int, int]:
    """Searches that call a lead over any fixed policy clear, that claim a win over all, and that did so before."""
    rng = np.random.default_rng([setting.n, setting.images, round(1000 * setting.lead)])
    any_lead = wins = before = 0
    for _ in range(SEARCHES):
        values = rewards(setting, rng)
        verdict = judge_winner(ARMS[0], ARMS, rows(values, setting.images))
        clear = [pair.clear and pair.difference.mean > 0 for pair in verdict.differences.values()]
        any_lead += any(clear)
        wins += verdict.finding == "wins"
        before += any(claims_before(values))
    return any_lead, wins, before


def share(count: int) -> str:
    low, high = binom.ppf([0.025, 0.975], SEARCHES, max(count, 1) / SEARCHES) / SEARCHES
    return f"{100 * count / SEARCHES:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def table(settings: Sequence[Setting]) -> None:
    print("| replicates | images | deviations | true lead | any lead is called clear | X wins | before: any lead |")
    print("| - | - | - | - | - | - | - |")
    for setting in settings:
        lead = f"{100 * setting.lead:.1f} points" if setting.lead else "none"
        counts = " | ".join(map(share, counted(setting)))
        print(f"| {setting.n} | {setting.images:,} | {setting.luck} | {lead} | {counts} |", flush=True)


if __name__ == "__main__":
    SEARCHES = int(sys.argv[1]) if len(sys.argv) > 1 else SEARCHES
    print(f"{SEARCHES:,} searches of each kind, brackets: 95 %.\n")
    null = [Setting(n, images) for n in (2, 3, 4, 8) for images in (200, 500, 1000, 2000)]
    table([*null, *(Setting(n, 2000, luck) for luck in list(LUCK)[1:] for n in (2, 4, 8))])
    print()
    table([Setting(n, 2000, lead=lead) for lead in (0.01, 0.02, 0.03) for n in (2, 4, 8)])
