"""What may be said of a policy beside fixed ones: by hand, against SciPy, and how often it is said of equals."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ttest_rel

from policysearch.experiments.evaluation.contenders import contenders, fixed_arms
from policysearch.experiments.evaluation.metrics import ERROR, VALIDATION, Measured
from policysearch.experiments.evaluation.statistics import best_fixed, compared, metric_result, references
from policysearch.experiments.evaluation.verdict import Finding, _cost, dealt, false_claims, judge_policy
from policysearch.policy.presets import preset
from policysearch.stats.estimate import Estimate
from policysearch.stats.paired import PairedTest, student_pair, with_holm

FIXED = ("identity", "flip-crop", "randaugment", "trivialaugment-wide", "autoaugment-cifar10")
NAN = math.nan


def made(errors: dict[str, list[float]], validation: dict[str, list[float]] | None = None) -> Measured:
    """The first policy is the evaluated one; without validation accuracies they are 1 - error."""
    e = np.array([*errors.values()])
    v = np.array([*validation.values()]) if validation else 1 - e
    return Measured(tuple(errors), tuple(errors)[1:], {ERROR: e, VALIDATION: v})


def equal_arms(rng: np.random.Generator, seeds: int, carried: float = 0.5) -> Measured:
    """Policies that do not differ. A seed moves all alike; `carried` of a network's own luck shows on both parts."""
    shape = (1 + len(FIXED), seeds)
    network, shared = rng.normal(size=shape), rng.normal(size=(1, seeds))
    test, validation = (
        0.7 + 0.005 * (shared + carried**0.5 * network + (1 - carried) ** 0.5 * rng.normal(size=shape))
        for _ in range(2)
    )
    return Measured(("searched", *FIXED), FIXED, {ERROR: 1 - test, VALIDATION: validation})


def test_the_paired_t_test_is_scipys():
    rng = np.random.default_rng(0)
    for n in (2, 3, 5, 10, 40):
        ours, theirs = rng.normal(0.3, 0.01, n), rng.normal(0.305, 0.01, n)
        got, expected = student_pair("a", "b", ours, theirs), ttest_rel(ours, theirs)
        interval = expected.confidence_interval(0.95)
        assert got.n == n and got.p == pytest.approx(expected.pvalue) == got.holm
        assert (got.difference.low, got.difference.high) == pytest.approx((interval.low, interval.high))
        assert got.difference.mean == pytest.approx(np.mean(ours - theirs))


def test_the_detectable_difference_is_that_of_eighty_percent_power():
    """Simulated with seed 1: 4,000 studies of 10 pairs with that true difference; 80 ± 2.5 %, 4 standard errors."""
    rng, n = np.random.default_rng(1), 10
    gaps = rng.normal(0, 1, (4000, n))
    true = (2.2622 + 0.8834) / math.sqrt(n)  # t quantiles of 9 degrees: .975 and .80
    seen = ttest_rel(gaps + true, np.zeros_like(gaps), axis=1).pvalue < 0.05
    assert np.mean(seen) == pytest.approx(0.80, abs=0.025)
    one = student_pair("a", "b", gaps[0], np.zeros(n))
    assert one.detectable == pytest.approx(true * gaps[0].std(ddof=1), rel=1e-3)


def test_replicates_that_one_side_lacks_do_not_count():
    got = student_pair("a", "b", np.array([1.0, 2.0, NAN, 5.0]), np.array([0.5, 1.0, 1.0, NAN]))
    assert got.n == 2 and got.difference.mean == pytest.approx(0.75)
    one = student_pair("a", "b", np.array([1.0, NAN]), np.array([0.5, 1.0]))
    assert one.n == 1 and math.isnan(one.p) and math.isnan(one.difference.low) and not one.clear
    none = student_pair("a", "b", np.array([NAN]), np.array([0.5]))
    assert none.n == 0 and math.isnan(none.difference.mean)


def test_differences_that_happen_to_be_equal_are_no_proof():
    """Two seeds, each better by the same number of images: t is infinite, and nothing is claimed."""
    same = student_pair("a", "b", np.array([0.3, 0.4]), np.array([0.4, 0.5]))
    assert math.isnan(same.p) and not same.clear
    assert student_pair("a", "b", np.array([0.3, 0.4]), np.array([0.3, 0.4])).p == 1


def test_holm_by_hand():
    """p of 0.01, 0.04, 0.03 (and one unknown): 3 × 0.01, then 2 × 0.03, then 0.04, never below the one before."""
    pairs = [PairedTest("a", str(p), 5, Estimate(0, 0, 0), 0, 0, p=p, holm=p) for p in (0.01, 0.04, NAN, 0.03)]
    got = [pair.holm for pair in with_holm(pairs)]
    assert got[:2] == pytest.approx([0.03, 0.06]) and math.isnan(got[2]) and got[3] == pytest.approx(0.06)


def test_holm_is_over_both_references_of_the_evaluated_policy():
    measured = equal_arms(np.random.default_rng(3), 8)
    against = references(measured, "identity")
    assert against == ("identity", "trivialaugment-wide")
    result = metric_result(measured, ERROR, against)
    low, high = sorted(pair.p for pair in result.searched)
    assert sorted(pair.holm for pair in result.searched) == pytest.approx([min(1, 2 * low), min(1, max(high, 2 * low))])
    assert len(result.fixed) == 8 and all(pair.name != pair.other for pair in result.fixed)
    assert result.scores[2].sd == pytest.approx(np.std(measured.of("flip-crop", ERROR), ddof=1))


def test_the_best_fixed_policy_is_chosen_on_validation_never_on_test():
    measured = made(
        {"mine": [0.2, 0.2], "a": [0.1, 0.1], "b": [0.3, 0.3]},
        {"mine": [0.99, 0.99], "a": [0.5, 0.5], "b": [0.6, 0.6]},
    )
    assert best_fixed(measured) == "b"
    assert judge_policy(measured).best == "b"


def test_a_policy_that_lost_a_replicate_cannot_be_the_best_fixed_one():
    measured = made({"mine": [0.2, 0.2], "a": [0.1, NAN], "b": [0.3, 0.3], "c": [0.3, 0.3]})
    assert best_fixed(measured) == "b"
    assert best_fixed(made({"mine": [0.2], "a": [NAN]})) is None


GOOD = [0.20, 0.21, 0.19, 0.20, 0.205]


@pytest.mark.parametrize(
    ("shift", "finding", "told"),
    [
        (0.03, "better", "mine beats the best fixed policy, identity: +3.00 points [2.69, 3.31] (n = 5, p < 0.001)"),
        (-0.03, "worse", "mine is worse than the best fixed policy, identity: -3.00 points [-3.31, -2.69]"),
        (
            0.001,
            "unclear",
            "mine cannot be told apart from the best fixed policy, identity: +0.10 points [-0.21, 0.41]",
        ),
    ],
)
def test_the_sentence(shift, finding, told):
    wobble = np.array([0.0025, -0.0025, 0.0025, -0.0025, 0.0])
    trivial = [value + 0.05 for value in (0.21, 0.19, 0.2, 0.2, 0.21)]
    measured = made(
        {"mine": GOOD, "identity": [*(np.array(GOOD) + shift + wobble)], "trivialaugment-wide": trivial},
        {"mine": [0.1] * 5, "identity": [0.8] * 5, "trivialaugment-wide": [0.7] * 5},
    )
    verdict = judge_policy(measured)
    assert verdict.finding == finding and verdict.sentence.startswith(told), verdict.sentence
    assert "; it beats TrivialAugment: +" in verdict.sentence
    assert verdict.sentence.endswith("use identity, it is free") is (finding != "better")
    assert verdict.use == ("mine" if finding == "better" else "identity")
    assert ("could have been seen" in verdict.sentence.partition(";")[0]) is (finding == "unclear")


def test_worse_than_the_best_of_several_counts_for_their_number():
    """t = 3.679 with four degrees: p is 0.0212, and 0.0637 for the best of three."""
    gaps = np.array([0.0175, 0.0025, 0.0142, 0.0058, 0.01])
    ours = {"mine": [*(np.array(GOOD) + gaps)], "a": GOOD}
    assert judge_policy(made(ours)).finding == "worse"
    worse = {name: [value + 0.1 for value in GOOD] for name in ("b", "c")}
    verdict = judge_policy(made({**ours, **worse}))
    assert verdict.best == "a" and verdict.finding == "unclear" and verdict.use == "a"
    assert "p = 0.064 for the best of 3" in verdict.sentence
    better = judge_policy(made({"mine": GOOD, "a": [*(np.array(GOOD) + gaps)], **worse}))
    assert better.finding == "better" and "p = 0.021)" in better.sentence


def test_a_fixed_policy_that_is_evaluated_costs_nothing():
    values = {"identity": GOOD, "flip-crop": [v + 0.001 * i for i, v in enumerate(GOOD)]}
    measured = Measured(tuple(values), tuple(values), made(values).values)
    verdict = judge_policy(measured)
    assert verdict.best == "flip-crop" and verdict.use == "identity"
    assert verdict.sentence.endswith("identity is a fixed policy itself: it is free")
    values = {"entaugment": GOOD, "flip-crop": values["flip-crop"]}
    adapting = judge_policy(Measured(tuple(values), tuple(values), made(values).values))
    assert adapting.sentence.endswith("itself: it costs no search, and adapts as your network trains")


def test_no_policy_stands_twice_and_names_differ():
    identity, flip = fixed_arms(["identity", "flip-crop"])
    both = contenders(identity, [flip, identity, identity])
    assert [(each.name, each.fixed) for each in both] == [("identity", True), ("flip-crop", True)]
    namesake = replace(identity, policy=identity.policy.model_copy(update={"name": "flip-crop"}))
    first, second = contenders(namesake, [flip])
    assert first.name == f"flip-crop {identity.key[:6]}" and not first.fixed and second.name == "flip-crop"
    _, _, third, fourth = contenders(identity, [flip], [namesake_of(identity, 0.1), namesake_of(identity, 0.2), flip])
    assert third.name != fourth.name and third.name.startswith("identity ") and not third.fixed


def namesake_of(arm, sigma):
    return replace(arm, policy=preset(f"soft-crop:{sigma}").model_copy(update={"name": arm.name}))


def test_a_grid_is_not_called_free():
    verdict = judge_policy(made({"mine": [0.3, 0.4, 0.3], "randaugment-grid:1,4": [0.2, 0.2, 0.21]}))
    assert verdict.sentence.endswith("use randaugment-grid:1,4, its grid is all that it costs")


def test_a_policy_that_adapts_is_not_called_free():
    assert _cost("flip+sample-aware-randaugment:1") == "it costs no search, and adapts as your network trains"
    assert _cost("flip+randaugment:2,9") == "it is free" and "grid" in _cost("randaugment-grid:1,4")


def test_without_two_common_replicates_nothing_is_claimed():
    assert judge_policy(made({"mine": [0.3, NAN], "a": [0.2, 0.2]})).finding == "unknown"
    alone = judge_policy(made({"mine": [0.3, 0.3], "a": [NAN, NAN]}))
    assert alone.finding == "unknown" and alone.best is None and "compared with nothing" in alone.sentence


def test_dealing_keeps_networks_whole_and_replicates_together():
    measured = equal_arms(np.random.default_rng(0), 5)
    (deal,) = dealt(measured, 1, np.random.default_rng(1))
    for j in range(5):
        was, now = (
            sorted(zip(m.values[ERROR][:, j], m.values[VALIDATION][:, j], strict=True)) for m in (measured, deal)
        )
        assert was == now
    assert not np.array_equal(measured.values[ERROR], deal.values[ERROR])


def claims(verdict, seeds: int, carried: float, studies: int = 1500) -> tuple[float, float]:
    """Shares of studies of equal arms, each dealt anew, that end in "better" and in "worse"."""
    rng = np.random.default_rng(2023)
    found = [false_claims(equal_arms(rng, seeds, carried), 1, rng, verdict) for _ in range(studies)]
    return sum(f.better for f in found) / studies, sum(f.worse for f in found) / studies


def ours(measured: Measured) -> Finding:
    return judge_policy(measured).finding


def beats_any(measured: Measured) -> Finding:
    """Planted bug: whichever fixed policy it looks best against, uncorrected."""
    pairs = [compared(measured, ERROR, measured.names[:1], [name])[0] for name in FIXED]
    return "better" if any(pair.p <= 0.05 and pair.difference.mean < 0 for pair in pairs) else "unclear"


def weakest_on_test(measured: Measured) -> Finding:
    """Planted bug: the fixed policy compared with is picked by its test error, in the evaluated one's favour."""
    worst = max(FIXED, key=lambda name: float(measured.of(name, ERROR).mean()))
    pair = compared(measured, ERROR, measured.names[:1], [worst])[0]
    return "better" if pair.clear and pair.difference.mean < 0 else "unclear"


def uncorrected_for_the_choice(measured: Measured) -> Finding:
    """Planted bug, the rule of the version before: the best of several on validation counts as one."""
    pair = compared(measured, ERROR, measured.names[:1], references(measured, best_fixed(measured)))[0]
    return "worse" if pair.clear and pair.difference.mean > 0 else "unclear"


def best_on_test(measured: Measured) -> Finding:
    """The best fixed policy is chosen on the test part: even that must not make an equal policy look worse."""
    return ours(Measured(measured.names, measured.fixed, {**measured.values, VALIDATION: 1 - measured.values[ERROR]}))


def normal_test(measured: Measured) -> Finding:
    """Planted bug: 1.96 standard errors, however few the seeds, one comparison after the other."""
    best = best_fixed(measured)
    gaps = measured.of(str(best), ERROR) - measured.of("searched", ERROR)
    return "better" if gaps.mean() > 1.96 * gaps.std(ddof=1) / math.sqrt(len(gaps)) else "unclear"


@pytest.mark.parametrize(("seeds", "carried"), [(2, 0.5), (5, 0.0), (10, 1.0)])
def test_equal_policies_are_seldom_called_better(seeds, carried):
    """By design at most 2.5 % each: of 1,500 studies more than 60, 4 %, come once in 3,000 such tests at that rate.
    The version before called 3.0 to 8.0 % worse, since the best fixed policy is the best of several on validation."""
    better, worse = claims(ours, seeds, carried)
    assert better <= 0.04 and worse <= 0.04


@pytest.mark.parametrize("bug", [beats_any, weakest_on_test])
def test_the_check_catches_a_verdict_that_picks_its_opponent(bug):
    assert claims(bug, 10, 0.5)[0] > 0.05


def test_the_check_catches_a_normal_test_of_two_seeds():
    """Where nothing is carried over from validation, the best fixed policy is any: 15 % in place of 2.5 %."""
    assert claims(normal_test, 2, 0.0)[0] > 0.05


def test_the_check_catches_a_best_fixed_policy_chosen_on_test():
    """The luckiest of five on the test part makes an equal policy look worse, unless its choice is corrected for."""
    assert claims(uncorrected_for_the_choice, 10, 1.0)[1] > 0.04
    assert claims(best_on_test, 10, 0.0)[1] <= 0.04
