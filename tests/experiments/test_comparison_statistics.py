"""What a comparison of strategies may say: references for each interval and test, and laws of the verdict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest, permutation_test, t

from policysearch.experiments.comparison.outcomes import Arms, Comparison, Runs
from policysearch.experiments.comparison.regret_curves import curve, pulls_to, settled
from policysearch.experiments.comparison.statistics import Summary, summary
from policysearch.experiments.comparison.text import pair_grid
from policysearch.experiments.comparison.verdict import judge_strategies
from policysearch.stats.intervals import mean_interval, wilson
from policysearch.stats.paired import PairedTest, sign_flip_pair
from policysearch.stats.significance import holm, sign_flip

STEP = 0.001
ARMS = Arms(tuple(f"arm {k}" for k in range(200)), np.arange(0, -200, -1) * STEP)  # arm k has simple regret k·STEP


def runs(strategy: str, picks: object, budget: int = 40, overhead: float = 0.0, cost: float = 1.0) -> Runs:
    """Runs that pick arms [R, P] (or [R], with a single checkpoint), a worker-second a pull."""
    chosen = np.asarray(picks, dtype=np.int64)
    chosen = chosen[:, None] if chosen.ndim == 1 else chosen
    pulls = np.linspace(budget / chosen.shape[1], budget, chosen.shape[1]).astype(np.int64)
    spent = np.broadcast_to(pulls * cost, chosen.shape).astype(np.float64)
    n = len(chosen)
    regret = np.cumsum(chosen * STEP, 1)
    return Runs(strategy, budget, pulls, chosen, regret, spent, spent / 2, np.zeros(n, np.int64), np.ones(n), overhead)


def compared(*entries: Runs, arms: Arms = ARMS, live: bool = False, sensitivity: tuple[Runs, ...] = ()) -> Comparison:
    return Comparison(arms, entries, sensitivity, 0.005, 2, live, {})


def picks(rng: np.random.Generator, level: float, n: int, effect: object = 0.0) -> np.ndarray:
    """[n] arms whose regret is `level` in STEPs on average, with standard deviation 10, besides a run's own effect."""
    return np.clip(np.round(level + effect + 10 * rng.standard_normal(n)), 0, 199).astype(np.int64)


# references


def test_holm_by_hand_and_against_its_definition():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, np.nan, 0.6]) == pytest.approx([1.0, np.nan, 1.0], nan_ok=True)
    assert holm([]) == []
    rng = np.random.default_rng(0)
    for _ in range(50):
        p = rng.random(7) ** 3
        for level in (0.01, 0.05, 0.2):
            assert [v <= level for v in holm(p)] == step_down(p, level)


def step_down(p: np.ndarray, level: float) -> list[bool]:
    """Holm as a procedure: reject the smallest while it is at most level / (hypotheses left)."""
    rejected = [False] * len(p)
    for k, i in enumerate(np.argsort(p)):
        if p[i] > level / (len(p) - k):
            break
        rejected[i] = True
    return rejected


@pytest.mark.parametrize(("hits", "n"), [(0, 20), (20, 20), (7, 31), (1, 2), (180, 200)])
def test_the_share_s_interval_is_wilson_s(hits: int, n: int):
    theirs = binomtest(hits, n).proportion_ci(method="wilson")
    assert [float(v) for v in wilson(np.asarray(hits), n)] == pytest.approx([hits / n, theirs.low, theirs.high])


@pytest.mark.parametrize("n", [3, 8, 13, 40])
def test_the_sign_flip_test_is_scipy_s_permutation_test(n: int):
    """Beyond 13 differences both draw 9,999 patterns: at p near 0.1 each has a deviation of 0.003."""
    gaps = np.random.default_rng(n).integers(-3, 6, n) * STEP
    exact = n <= 13
    theirs = permutation_test(
        (gaps,),
        np.sum,
        permutation_type="samples",
        n_resamples=np.inf if exact else 9_999,
        rng=np.random.default_rng(1),
    )
    assert sign_flip(gaps) == pytest.approx(theirs.pvalue, abs=1e-12 if exact else 0.015)


def test_sign_flips_of_few_or_no_differences():
    assert np.isnan(sign_flip(np.array([0.3])))
    assert sign_flip(np.zeros(50)) == 1
    assert sign_flip(np.array([0.0] * 40 + [0.01] * 3)) == pytest.approx(2 / 8)  # where a paired t says 0.08


def test_an_interval_of_a_regret_counts_one_blind_run():
    values = np.array([0.0, 0.0, 0.01, 0.02])
    mean, low, high = mean_interval(values, 0.03)
    five = np.array([*values, 0.03])
    half = t.ppf(0.975, 4) * five.std(ddof=1) / np.sqrt(5)
    assert (mean, low, high) == pytest.approx((0.0075, 0.0, five.mean() + half))
    assert mean_interval(np.zeros(20), 0.03)[2] > 0  # twenty good runs do not prove that none is bad


def test_intervals_hold_what_they_promise_where_misses_are_rare():
    """At 95 %, fewer than 365 of 400 intervals hold the mean once in 1,700 (binomial); plain t: 74 %."""
    rng, blind, plain = np.random.default_rng(0), 0, 0
    for _ in range(400):
        values = np.where(rng.random(100) < 0.03, rng.choice([0.005, 0.01, 0.02, 0.05], 100), 0.0)
        truth = 0.03 * (0.005 + 0.01 + 0.02 + 0.05) / 4
        for interval, imagined in (("blind", 0.03), ("plain", None)):
            _, low, high = mean_interval(values, imagined)
            blind += interval == "blind" and low <= truth <= high
            plain += interval == "plain" and low <= truth <= high
    assert blind >= 365 > plain


def test_what_could_have_been_seen_is_seen_four_times_in_five():
    """200 pairs of strategies that differ by what is told to be detectable: 80 % ± 10 % (3.5 deviations)."""
    rng = np.random.default_rng(0)
    blind, n = 0.02, 100
    base = rng.standard_normal((200, n)) * 0.01
    seen = 0
    for row in base:
        difference = sign_flip_pair("a", "b", np.zeros(n), row, blind).detectable
        seen += sign_flip(rng.standard_normal(n) * 0.01 + difference) <= 0.05
    assert 140 <= seen <= 180


def test_too_few_runs_could_have_seen_nothing():
    assert np.isnan(sign_flip_pair("a", "b", np.zeros(5), np.ones(5), 0.1).detectable)
    assert sign_flip_pair("a", "b", np.zeros(6), np.ones(6), 0.1).p == pytest.approx(2 / 64)


def test_pulls_to_a_target_by_hand():
    entry = runs("a", [[9, 3, 9, 4], [9, 9, 5, 0], [0, 0, 0, 6], [1, 1, 1, 1]])
    assert settled(entry, ARMS, 5 * STEP).tolist() == [40, 30, np.inf, 10]
    result = summary(compared(entry)).budgets[0].results[0]
    assert result.pulls_to_delta == 40 and result.within.mean == 0.75
    assert np.isnan(summary(compared(runs("a", [0, 9]))).budgets[0].results[0].pulls_to_delta)
    falling = runs("b", [[8, 4, 2, 2]])
    assert pulls_to(falling, ARMS, 3 * STEP) == pytest.approx(25)
    assert pulls_to(falling, ARMS, 9 * STEP) == 10
    assert np.isnan(pulls_to(falling, ARMS, 1 * STEP))


def test_the_share_of_random_s_pulls():
    found = summary(compared(runs("random", [[8, 6, 5, 4]] * 3), runs("ucb", [[6, 4, 2, 1]] * 3)))
    share = {r.strategy: r.share_of_random for r in found.budgets[0].results}
    assert share == pytest.approx({"random": 1.0, "ucb": 0.5})
    early = replace(runs("random", [[9, 9, 9, 9]] * 3), budget=20)
    found = summary(compared(early, runs("random", [[8, 6, 5, 4]] * 3), runs("ucb", [[6, 4, 2, 1]] * 3)))
    last = {r.strategy: r.share_of_random for r in found.budgets[-1].results}
    assert last == pytest.approx(share), "the target is what random ends with at its largest budget"


def test_curves_by_cost_read_every_run_at_the_same_spending():
    entry = runs("a", [[4, 2], [4, 2]])
    spent = replace(entry, seconds=np.array([[10.0, 20.0], [20.0, 40.0]]))
    found = curve(spent, ARMS, 0.0, "simple", "seconds")
    assert found.x.tolist() == [15, 30]
    assert found.mean == pytest.approx(np.array([(3 + 4) / 2, (2 + 3) / 2]) * STEP)


def test_truth_and_its_own_errors_by_hand():
    arms = Arms(("a", "b", "c"), np.zeros(3), np.array([0.9, 0.8, 0.7]), np.array([0.01, 0.02, np.nan]))
    result = summary(compared(runs("x", [0, 1, 1, 1]), arms=arms)).budgets[0].results[0]
    assert result.truth.mean == pytest.approx(0.075)
    assert result.truth_error == pytest.approx(np.hypot(0.75 * 0.01, 0.75 * 0.02)), "a in 1/4 of the runs, minus 1"
    unknown = summary(compared(runs("x", [0, 2]), arms=arms)).budgets[0].results[0]
    assert unknown.truth.mean == pytest.approx(0.1) and np.isnan(unknown.truth_error)


# laws of the verdict


def five(rng: np.random.Generator, n: int = 40) -> Summary:
    effect = 8 * rng.standard_normal(n)
    return summary(compared(*(runs(f"s{k}", picks(rng, 60, n, effect)) for k in range(5))))


@pytest.mark.slow
def test_equal_strategies_are_rarely_told_apart():
    """200 comparisons of five equal strategies, ten pairs each. At a true rate of 5 %, more than 20 with any pair
    claimed happen once in 1,000 (binomial). Planted: without Holm's correction the same pairs are claimed far oftener.
    """
    rng = np.random.default_rng(0)
    found = [five(rng).budgets[0] for _ in range(200)]
    assert sum(any(p.holm <= 0.05 for p in at.pairs) for at in found) <= 20
    assert sum(len(at.verdict.contenders) < 5 for at in found) <= 20
    assert sum(len(at.verdict.contenders) == 1 for at in found) <= 10
    uncorrected = [judge_strategies(40, at.results, [replace(p, holm=p.p) for p in at.pairs], 0.005) for at in found]
    assert sum(len(verdict.contenders) < 5 for verdict in uncorrected) > 20


def test_a_planted_lead_is_found_and_pairing_is_what_finds_it():
    """A lead of 6 standard errors of the paired difference is found nearly always; the unpaired standard error
    (planted) is four times as large here, since the runs' own effects do not cancel, and misses it."""
    rng, n = np.random.default_rng(1), 50
    won = missed = 0
    for _ in range(40):
        effect = 40 * rng.standard_normal(n)
        levels = {"best": 80, "second": 92, "third": 95}
        entries = {name: picks(rng, level, n, effect) for name, level in levels.items()}
        verdict = summary(compared(*(runs(name, own) for name, own in entries.items()))).budgets[0].verdict
        won += verdict.contenders == ("best",)
        gap = entries["second"].mean() - entries["best"].mean()
        unpaired = np.sqrt(sum(entries[name].var(ddof=1) / n for name in ("best", "second")))
        missed += gap < t.ppf(0.975, 2 * n - 2) * unpaired
    assert won >= 36 and missed >= 36


def test_a_lead_of_three_deviations_is_found_and_said():
    rng = np.random.default_rng(2)
    found = summary(compared(runs("good", picks(rng, 40, 30)), runs("bad", picks(rng, 70, 30)))).budgets[0].verdict
    assert found.chosen == "good" and found.contenders == ("good",)
    assert found.sentence.startswith("Budget 40: use good; its pick is 0.0")
    assert "better than the next, bad (30 paired runs, p < 0.001 after Holm)" in found.sentence


def test_a_common_effect_of_the_runs_changes_no_difference():
    rng = np.random.default_rng(3)
    own = {name: 60 + rng.integers(-9, 9, 30) for name in "abc"}
    effect = rng.integers(0, 40, 30)
    plain = summary(compared(*(runs(name, one) for name, one in own.items()))).budgets[0].pairs
    shifted = summary(compared(*(runs(name, one + effect) for name, one in own.items()))).budgets[0].pairs
    for a, b in zip(plain, shifted, strict=True):
        assert (a.name, a.other, a.p, a.holm) == (b.name, b.other, b.p, b.holm)
        assert a.difference.mean == pytest.approx(b.difference.mean)
        assert a.difference.high == pytest.approx(b.difference.high)


def test_the_order_of_runs_changes_nothing():
    rng = np.random.default_rng(4)
    entries = [runs(name, rng.integers(0, 60, (40, 5))) for name in ("random", "ucb", "greedy")]
    order = rng.permutation(40)
    fields = ("picks", "regret", "seconds", "clock", "failures", "utilisation")
    mixed = [replace(entry, **{name: getattr(entry, name)[order] for name in fields}) for entry in entries]
    a, b = (summary(compared(*those)).budgets[0] for those in (entries, mixed))
    assert repr((a.results, a.pairs, a.verdict, a.curves)) == repr((b.results, b.pairs, b.verdict, b.curves))


def test_what_cannot_be_told_apart_goes_to_what_costs_least():
    same = np.arange(20)
    entries = {"a": runs("a", same), "b": runs("b", same, cost=0.9), "c": runs("c", same, cost=0.88, overhead=0.2)}
    said = {
        names: summary(compared(*(entries[name] for name in names))).budgets[0].verdict for names in ("ab", "bc", "ac")
    }
    assert said["ab"].chosen == "b" and "fewest worker-seconds" in said["ab"].sentence
    assert said["bc"].chosen == "b" and "the best mean of those that cost alike" in said["bc"].sentence
    assert said["ac"].chosen == "c", "what a choice takes by the clock has no say"
    alike = summary(compared(runs("x", same), runs("y", same + 1))).budgets[0].verdict
    assert alike.chosen == "x" and alike.contenders == ("x",)


def test_a_sure_difference_of_no_account_is_no_reason_to_choose():
    """A quarter of 200 runs are worse by one STEP: p is small, and the mean difference is 0.05 of δ."""
    little = np.tile([0, 0, 0, 1], 50)
    at = summary(compared(runs("a", little * 0), runs("b", little))).budgets[0]
    assert at.pairs[0].holm < 0.001 and at.verdict.contenders == ("a", "b")
    assert "cannot be told apart, or differ by less than a tenth of δ" in at.verdict.sentence
    assert pair_grid(at).rows[0][-1] == "worse, too little to matter"
    much = summary(compared(runs("a", little * 0), runs("b", 2 * little))).budgets[0]
    assert much.verdict.contenders == ("a",) and pair_grid(much).rows[0][-1] == "worse"


def test_many_strategies_can_still_be_told_apart():
    """Of 40 strategies there are 780 pairs: a p of 1 in 10,000, the least that drawn patterns resolve, is nothing."""
    rng = np.random.default_rng(6)
    many = [runs(f"s{k}", picks(rng, 30 + 40 * (k > 0), 80)) for k in range(40)]
    assert summary(compared(*many)).budgets[0].verdict.contenders == ("s0",)


def test_strategies_with_fewer_runs_are_compared_on_those_they_share():
    found = summary(compared(runs("a", np.arange(40)), runs("tpe", np.arange(10) + 3))).budgets[0]
    (only,) = found.pairs
    assert only.n == 10 and (only.name, only.other) == ("tpe", "a")
    assert only.difference.mean == pytest.approx(-3 * STEP)


def test_one_strategy_one_run_and_nothing_but_the_best():
    alone = summary(compared(runs("a", [0, 0, 3]))).budgets[0]
    assert "only a was run" in alone.verdict.sentence and alone.pairs == ()
    single = summary(compared(runs("a", [2]), runs("b", [5]))).budgets[0]
    assert np.isnan(single.results[0].simple.low) and np.isnan(single.pairs[0].holm)
    assert "no difference could have been seen in 1 paired run" in single.verdict.sentence
    perfect = summary(compared(runs("a", [0] * 30), runs("b", [0] * 30))).budgets[0]
    assert perfect.pairs[0].p == 1 and len(perfect.verdict.contenders) == 2
    assert perfect.verdict.detectable > 0 and perfect.results[0].simple.mean == 0


def test_a_setting_is_paired_with_the_rule_as_compared():
    entries = (runs("ucb", np.arange(20)), runs("ucb", np.zeros(20), budget=80), runs("greedy", np.arange(20)))
    settings = (runs("ucb:c=2", np.arange(20) + 2), runs("tpe:x=1", np.arange(20)))
    first, second = summary(compared(*entries, sensitivity=settings)).sensitivity
    assert (first.rule, first.parameter) == ("ucb", "c=2")
    assert isinstance(first.default, PairedTest) and first.default.difference.mean == pytest.approx(2 * STEP)
    assert second.default is None


def test_a_replay_says_what_it_is():
    replayed, live = (summary(compared(runs("a", [0] * 40), live=on)).cautions for on in (False, True))
    assert "bootstrap of the table" in replayed[0] and not any("bootstrap" in text for text in live)
