"""What may be said after a confirmation, and which arms are taken to it."""

from __future__ import annotations

import numpy as np
import pytest

from policysearch.core.trial import Outcome
from policysearch.experiments.search.summary import finalists, summarise
from policysearch.experiments.search.verdict import judge
from policysearch.policy.policy import Policy
from policysearch.policy.spaces import Arm
from policysearch.study.rows import COMPLETE, FAILED, Row
from policysearch.study.sources import FRESH


def arm(name: str) -> Arm:
    return Arm({"family": name}, Policy.preset(name))


OURS, IDENTITY, TRIVIAL = arm("randaugment:1,3"), arm("identity"), arm("trivialaugment-wide")


def rows(*pairs: tuple[Arm, list[float | None]]) -> list[Row]:
    """A failed pull is None."""
    return [
        Row(0, a, FRESH + j, state=FAILED if r is None else COMPLETE, reward=r, outcome=Outcome(seconds=2.0))
        for a, rewards in pairs
        for j, r in enumerate(rewards)
    ]


def test_the_winner_and_its_paired_differences_by_hand():
    verdict = judge(
        OURS,
        [OURS, IDENTITY, TRIVIAL],
        rows((OURS, [0.90, 0.92, 0.94]), (IDENTITY, [0.80, 0.81, 0.85]), (TRIVIAL, [0.89, 0.91, 0.95])),
    )
    assert verdict.winner is OURS and verdict.confirmed
    gap = verdict.differences["identity"]
    assert (gap.mean, gap.n) == (pytest.approx(0.1), 3)
    assert gap.error == pytest.approx(np.std([0.10, 0.11, 0.09], ddof=1) / np.sqrt(3))
    assert "over trivialaugment-wide may be chance" in verdict.sentence
    assert "identity +0.1000" in verdict.sentence


def test_every_fixed_policy_among_the_finalists_is_compared_with():
    fixed = arm("randaugment")
    made = rows((OURS, [0.90, 0.92]), (IDENTITY, [0.8, 0.8]), (TRIVIAL, [0.8, 0.8]), (fixed, [0.89, 0.92]))
    verdict = judge(OURS, [OURS, IDENTITY, TRIVIAL, fixed], made)
    assert set(verdict.differences) == {"identity", "trivialaugment-wide", "randaugment"}
    assert "randaugment" in verdict.sentence.partition("the lead over")[2]


def test_an_arm_with_failed_replicates_is_left_out_and_named():
    verdict = judge(
        OURS,
        [OURS, IDENTITY, TRIVIAL],
        rows((OURS, [0.99, None, None]), (IDENTITY, [0.9, 0.9, 0.9]), (TRIVIAL, [0.95, 0.8, 0.8])),
    )
    assert verdict.winner is IDENTITY
    assert "left out" in verdict.sentence and OURS.policy.name in verdict.sentence


def test_equal_means_go_to_what_is_free():
    verdict = judge(
        OURS, [OURS, IDENTITY, TRIVIAL], rows((OURS, [0.9, 0.9]), (IDENTITY, [0.5, 0.5]), (TRIVIAL, [0.9, 0.9]))
    )
    assert verdict.winner is TRIVIAL and "costs no search" in verdict.sentence
    everything = [OURS, TRIVIAL, arm("randaugment"), IDENTITY]
    assert judge(OURS, everything, rows(*((a, [0.9, 0.9]) for a in everything))).winner is IDENTITY


def test_nothing_confirmed():
    for nothing in ([], rows((OURS, [None]))):
        verdict = judge(OURS, [OURS, IDENTITY], nothing)
        assert verdict.winner is OURS and not verdict.confirmed and "not confirmed" in verdict.sentence


def claims(n: int, level: float, seed: int) -> bool:
    """Whether the verdict claims a clear lead over TrivialAugment among six arms, `level` better or not."""
    arms = [IDENTITY, TRIVIAL, *(arm(f"randaugment:1,{m}") for m in range(4))]
    rng = np.random.default_rng(seed)
    made = rows(
        *(
            (a, list(0.8 + 0.01 * rng.standard_normal(n) + level * (a.key not in (IDENTITY.key, TRIVIAL.key))))
            for a in arms
        )
    )
    verdict = judge(arms[0], arms, made)
    return verdict.winner is not TRIVIAL and "trivialaugment-wide may be chance" not in verdict.sentence.replace(
        "identity and ", ""
    )


def test_equal_arms_are_rarely_claimed_to_differ_and_a_real_lead_is_seen():
    """600 searches among equal arms: at a true rate of 5 %, 50 claims or more happen once in 1,000 (binomial)."""
    assert sum(claims(4, 0.0, seed) for seed in range(600)) < 50
    assert sum(claims(8, 0.06, seed) for seed in range(100)) > 90


def test_finalists_are_the_best_and_the_fixed_policies():
    record = rows((OURS, [0.9]), (IDENTITY, [0.7]), (arm("flip-crop"), [0.8]), (arm("randaugment"), [None]))
    summaries = summarise(record)
    assert [s.arm.policy.name for s in summaries] == ["randaugment:1,3", "flip-crop", "identity", "randaugment:2,9"]
    fixed = [IDENTITY.key, arm("flip-crop").key, arm("randaugment").key, TRIVIAL.key]
    assert [a.key for a in finalists(summaries, 1)] == [OURS.key, *fixed]
    assert sorted(a.key for a in finalists(summaries, 3)) == sorted([OURS.key, *fixed])
    assert summaries[-1].pulls == 0 and summaries[-1].failures == 1 and summaries[-1].seconds == 2


def test_where_noise_explains_all_the_means_still_rank():
    arms = [arm(f"randaugment:1,{m}") for m in range(8)]
    values = [0.8, 0.805, 0.795, 0.81, 0.79, 0.8, 0.802, 0.798]
    summaries = summarise(rows(*((a, [v - 0.05, v + 0.05]) for a, v in zip(arms, values, strict=True))))
    assert np.ptp([s.shrunken for s in summaries]) < 1e-9
    assert [round(s.mean, 3) for s in summaries] == sorted(values, reverse=True)
