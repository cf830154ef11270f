"""Indices and posteriors against closed forms, the papers' algorithms written out, and SciPy."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import rel_entr
from scipy.stats import beta, binomtest, invgamma, kstest, norm, t

from policysearch.core.errors import UserError
from policysearch.experiments.search.summary import summarise
from policysearch.rules import Pull, Tally, recommend
from policysearch.rules.exp3 import Exp3
from policysearch.rules.kl_ucb import KlUcb, bernoulli_kl, upper_bound
from policysearch.rules.linucb import LinUcb
from policysearch.rules.posterior import binomial, drawn_noise, noise
from policysearch.rules.thompson import Thompson, TopTwoThompson, _likeliest
from policysearch.rules.thompson_beta import ThompsonBeta
from policysearch.rules.ucb_normal import UcbNormal
from policysearch.rules.ucb_tuned import UcbTuned
from policysearch.study.rows import COMPLETE
from tests.support.histories import choices, history

ARMS = ([0.80, 0.84, 0.81], [0.86, 0.82], [0.79, 0.80, 0.83, 0.78])


def test_ucb_tuned_is_the_papers_where_the_range_is_one_and_nothing_is_pooled():
    h = history(*ARMS)
    log = np.log(9)
    expected = [np.mean(x) + np.sqrt(log / len(x) * min(0.25, np.var(x) + np.sqrt(2 * log / len(x)))) for x in ARMS]
    assert UcbTuned(scale=1 / noise(h), prior=0).index(h) == pytest.approx(expected, rel=1e-12)
    many = history(list(ARMS[0]) * 1000, list(ARMS[1]) * 1000)  # the variances rule now: both are below the cap
    log, rule = np.log(5000), UcbTuned(scale=3, prior=0)
    spread = 9 * noise(many) ** 2
    expected = [
        np.mean(x) + np.sqrt(log / n * (np.var(x) + spread * np.sqrt(2 * log / n)))
        for x, n in ((ARMS[0], 3000), (ARMS[1], 2000))
    ]
    assert rule.index(many) == pytest.approx(expected, rel=1e-9)


def test_ucb_tuned_in_a_short_search_is_ucb_of_0_71():
    h = history(*ARMS)
    expected = h.means + np.sqrt(0.5) * noise(h) * np.sqrt(2 * np.log(9) / h.pulls)
    assert UcbTuned().index(h) == pytest.approx(expected, rel=1e-12)


def test_ucb_normal_is_the_papers():
    h = history(*ARMS)
    expected = [np.mean(x) + np.sqrt(16 * np.var(x, ddof=1) * np.log(8) / len(x)) for x in ARMS]
    assert UcbNormal(forced=1, c=1).index(h) == pytest.approx(expected, rel=1e-9)
    assert set(choices(UcbNormal(forced=1, c=1), h, 20)) == {1}, "8 ln 9 = 17.6: the arm with the fewest pulls"
    assert set(choices(UcbNormal(forced=0, c=0), h, 20)) == {1}, "the best mean"
    assert set(choices(UcbNormal(forced=1), history([0.5] * 4, [0.4] * 9, [0.3] * 8), 20)) == {0}
    assert 2 not in choices(UcbNormal(forced=1), history([0.5] * 4, [0.4] * 9, [], failures={2: 4}), 20)


def test_bernoulli_divergence_is_scipys():
    p, q = np.random.default_rng(0).random((2, 500))
    assert bernoulli_kl(p, q) == pytest.approx(rel_entr(p, q) + rel_entr(1 - p, 1 - q), rel=1e-9, abs=1e-14)


def test_upper_bound_is_the_root_that_brentq_finds():
    rng = np.random.default_rng(1)
    p, allowed = rng.uniform(0.001, 0.999, 300), 10 ** rng.uniform(-6, 1, 300)
    top = 1 - 1e-15
    expected = [
        brentq(lambda q, a=a, d=d: bernoulli_kl(a, q) - d, a, top, xtol=1e-15) if bernoulli_kl(a, top) > d else top
        for a, d in zip(p, allowed, strict=True)
    ]
    assert upper_bound(p, allowed) == pytest.approx(expected, abs=1e-9)
    assert upper_bound(np.zeros(1), np.array([0.3]))[0] == pytest.approx(1 - np.exp(-0.3), abs=1e-12)
    assert upper_bound(np.ones(1), np.array([0.3])).tolist() == [1.0]
    assert upper_bound(np.array([0.4]), np.zeros(1)).tolist() == pytest.approx([0.4])


def counted(correct, judged, pulls):
    h = history(*([9.0] * n for n in pulls))
    return replace(h, correct=np.array(correct, float), judged=np.array(judged, float))


def test_counts_come_before_rewards_and_a_pull_is_worth_at_most_images():
    h = counted([80, 170], [100, 200], [1, 2])
    share, worth = binomial(h, 60, "kl-ucb")
    assert (share.tolist(), worth.tolist()) == ([0.8, 0.85], [60, 60])
    assert binomial(h, 1000, "kl-ucb")[1].tolist() == [100, 100]
    assert [x.tolist() for x in ThompsonBeta(60).posterior(h)] == [pytest.approx([49, 103]), pytest.approx([13, 19])]
    expected = upper_bound(np.array([0.8, 0.85]), np.log(3) / np.array([60, 120]))
    assert KlUcb(images=60).index(h) == pytest.approx(expected)
    log = np.log(16)
    many = counted([70, 80], [100, 100], [8, 8])
    bound = upper_bound(np.array([0.7, 0.8]), np.full(2, (log + 3 * np.log(log)) / (8 * 12.5)))
    assert KlUcb(c=3).index(many) == pytest.approx(bound)


def test_rewards_outside_zero_to_one_without_counts_are_refused():
    for rule in (KlUcb(), ThompsonBeta()):
        with pytest.raises(UserError, match=r"rewards in \[0, 1\].* from 0.5 to 1.5"):
            choices(rule, history([0.5], [1.5]), 1)


def share_of_first(rule, h, n=4000):
    return binomtest(choices(rule, h, n).count(0), n, 0.5).statistic


def test_thompson_pulls_an_arm_as_often_as_its_posterior_says():
    """Two arms, nothing shrunk: theta_0 - theta_1 is t with 2 degrees of freedom. 5 sd of 4,000 draws is .04, false
    alarm 6e-7; a normal posterior, the bug that this must see, is .08 away."""
    h = history([0.50, 0.52], [0.48, 0.50])
    z = 0.02 / (noise(h) * np.sqrt(1 / 2 + 1 / 2))
    assert abs(share_of_first(Thompson(width=3), h) - t.cdf(z / 3, 2)) < 0.04
    got = share_of_first(Thompson(), h)
    assert abs(got - t.cdf(z, 2)) < 0.04 < abs(norm.cdf(z) - t.cdf(z, 2))


def test_noise_is_pooled_or_half_of_what_is_seen():
    assert noise(history([0.50, 0.52], [0.48, 0.50])) == pytest.approx(np.sqrt(0.0002))
    assert noise(history([1.0], [2.0], [4.0])) == pytest.approx(np.std([1, 2, 4], ddof=1) / np.sqrt(2))


def test_drawn_variance_is_inverse_gamma():
    """SS = .0002·2, nu = 2 and the Kolmogorov-Smirnov test at 1e-6; twice the freedom is refused."""
    h = history([0.50, 0.52], [0.48, 0.50])
    drawn = [drawn_noise(h, np.random.default_rng(seed)) ** 2 for seed in range(3000)]
    assert kstest(drawn, invgamma(1, scale=0.0004 / 2).cdf).pvalue > 1e-6
    assert kstest(drawn, invgamma(2, scale=0.0004 / 2).cdf).pvalue < 1e-6


def test_thompson_beta_pulls_an_arm_as_often_as_its_posterior_says():
    """Successes 3 of 4 and 1 of 3: integrated numerically; 5 sd is .03, false alarm 6e-7; no prior is .06 off."""
    h = history([1.0, 1, 1, 0], [1.0, 0, 0])
    x = (np.arange(20000) + 0.5) / 20000
    expected = (beta.pdf(x, 4, 2) * beta.cdf(x, 2, 3)).mean()
    assert abs(share_of_first(ThompsonBeta(), h) - expected) < 0.03
    assert abs((beta.pdf(x, 3, 1) * beta.cdf(x, 1, 2)).mean() - expected) > 0.06


def test_top_two_takes_the_leader_with_probability_beta_and_else_a_challenger():
    """Arm 0 leads by 30 standard errors; arm 1 is next. 5 sd of 2,000 draws is .06, false alarm 6e-7."""
    h = history([0.9, 0.92] * 4, [0.6, 0.62] * 4, [0.5, 0.52] * 4)
    for share in (0.5, 0.8):
        seen = np.bincount(choices(TopTwoThompson(share), h, 2000), minlength=3) / 2000
        assert abs(seen[0] - share) < 0.06 and seen[2] == 0


def test_the_likeliest_challenger_by_hand():
    """(m_i - m_0)/sqrt(w_i² + w_0²): -.1/.05 = -2 and -.15/.1 = -1.5, so that the worse mean wins."""
    rng = np.random.default_rng(0)
    assert _likeliest(np.array([0.9, 0.8, 0.75]), np.array([0.0, 0.05, 0.1]), 0, rng) == 2
    assert _likeliest(np.array([0.9, -np.inf]), np.zeros(2), 0, rng) == 0


def test_exp3_is_the_papers_loop():
    rng = np.random.default_rng(0)
    arms, rewards, chances = rng.integers(4, size=30), rng.uniform(0.7, 0.9, 30), rng.uniform(0.1, 0.9, 30)
    tally = Tally()
    for arm, reward, chance in zip(arms, rewards, chances, strict=True):
        tally.start(Pull(str(arm)))
        tally.finish(Pull(str(arm), probability=chance), reward)
    h = tally.history(list("0123"))
    for gamma, decay in ((0.3, 1.0), (0.1, 0.9)):
        gains = np.zeros(4)
        for arm, reward, chance in zip(arms, rewards, chances, strict=True):
            gains *= decay
            gains[arm] += (reward - rewards.min()) / np.ptp(rewards) / chance
        weights = np.exp(gamma * gains / 4)
        expected = (1 - gamma) * weights / weights.sum() + gamma / 4
        rule = Exp3(gamma, decay=decay)
        assert rule.chances(h) == pytest.approx(expected, rel=1e-12)
        choice = rule.choose(h, np.random.default_rng(0))
        assert choice.probability == pytest.approx(expected[choice.arm])


def test_linucb_is_the_papers_with_its_columns_written_out():
    rng = np.random.default_rng(0)
    features, h = rng.standard_normal((4, 2)), history([0.5, 0.6], [0.7], [], [0.4, 0.45, 0.5], pending={2: 1, 0: 2})
    for ridge, own in ((1.0, 0.5), (0.3, 0.0), (2.0, 1.0)):
        x = np.hstack([np.ones((4, 1)), np.sqrt((1 - own) / 2) * features, np.sqrt(own) * np.eye(4)])
        a = ridge * np.eye(7) + x.T @ np.diag([2, 1, 0, 3]) @ x
        theta = np.linalg.solve(a, x.T @ (h.sums - h.pulls * h.sums.sum() / 6))
        wide = np.linalg.inv(a + x.T @ np.diag([2, 0, 1, 0]) @ x)
        expected = x @ theta + 2 * h.deviation * np.sqrt(np.diag(x @ wide @ x.T))
        assert LinUcb(2, ridge, own).index(h, features) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_recommend_takes_the_first_of_the_summary(seed):
    rng = np.random.default_rng(seed)
    repeated = seed % 2
    rewards = [(rng.normal(0.8, 0.02, rng.integers(0, 5) if repeated else 1)).tolist() for _ in range(9)]
    rows = [
        SimpleNamespace(arm=SimpleNamespace(key=str(i)), reward=r, state=COMPLETE, seconds=1.0, fidelity=0)
        for i, own in enumerate(rewards)
        for r in own
    ]
    assert recommend(history(*rewards)) == int(summarise(rows)[0].arm.key)


def test_recommend_looks_at_the_highest_fidelity_with_a_reward():
    tally = Tally(3)
    assert recommend(tally.history(list("abc"))) is None
    for key, fidelity, reward in (("a", 0, 0.9), ("b", 0, 0.8), ("b", 1, 0.5), ("c", 1, 0.4)):
        tally.start(Pull(key, fidelity))
        tally.finish(Pull(key, fidelity), reward)
    assert recommend(tally.history(list("abc"))) == 1
    assert recommend(history([0.5], [0.5])) == 0
