"""Rules that halve: their schedules by hand, and which arms they promote."""

from __future__ import annotations

import numpy as np
import pytest

from policysearch.rules import Pull, Tally
from policysearch.rules.corrected_halving import CorrectedHalving
from policysearch.rules.sequential_halving import SequentialHalving, rounds
from policysearch.rules.successive_halving import Asha, Hyperband, SuccessiveHalving, brackets
from tests.support.simulated import Problem, play

KEYS = list("012345678")


def told(*pulls, arms=9):
    """A history of (arm, fidelity, reward) at three fidelities; a reward of None failed, a text is the pull's state."""
    tally = Tally(3)
    for arm, fidelity, reward in pulls:
        tally.start(Pull(KEYS[arm], fidelity))
        if reward == "pruned":
            tally.prune(Pull(KEYS[arm], fidelity))
        elif reward != "pending":
            tally.finish(Pull(KEYS[arm], fidelity), reward)
    return tally.history(KEYS[:arms], budget=96)


def chosen(rule, h):
    return {(c.arm, c.fidelity) for c in (rule.choose(h, np.random.default_rng(s)) for s in range(30))}


def test_rounds_by_hand():
    """96 pulls, 3 rounds of 32: 4 each for 8 arms, 8 for 4, 16 for 2."""
    assert rounds(8, 96) == [(8, (0, 4)), (4, (4, 12)), (2, (12, 28))]
    assert rounds(5, 100) == [(5, (0, 6)), (3, (6, 17)), (2, (17, 35))]  # 33//5, then (100-30)/2//3, then 37//2
    assert rounds(1, 7) == [(1, (0, 7))]
    assert [arms for arms, _ in rounds(32, 10)] == [32, 16, 8, 4, 2]


@pytest.mark.parametrize("in_flight", [1, 8])
def test_sequential_halving_without_noise_halves_the_arms(in_flight):
    still = Problem(8, lambda arm, *_: arm / 8, budget=96)
    made, h = play(SequentialHalving(), still, 96, 0, in_flight)
    if in_flight == 1:
        assert h.pulls.tolist() == [4, 4, 4, 4, 12, 12, 28, 28]
    assert h.pulls[6:].tolist() == [28, 28] and sorted(h.pulls)[:4] == [4] * 4
    assert made[-1][0] in (6, 7)


@pytest.mark.parametrize(("arms", "budget"), [(32, 10), (32, 100), (7, 50), (2, 5), (9, 400)])
def test_sequential_halving_never_stalls(arms, budget):
    """Under noise, failures and eight pulls in flight each round lets its share through; it goes on after the last."""

    def draw(arm, _, rng):
        return None if rng.random() < 0.1 else arm / arms + 0.2 * rng.standard_normal()

    made, h = play(SequentialHalving(), Problem(arms, draw, budget=budget), budget + 20, 0, 8)
    assert len(made) == budget + 20
    assert (h.turns >= min(1, budget // arms)).all()
    allowed = [end for _, (_, end) in rounds(arms, budget)]
    sizes = [size for size, _ in rounds(arms, budget)][1:]
    for end, size in zip(allowed[:-1], sizes, strict=True):
        assert (h.turns > end).sum() <= size, "more arms went on than a round lets through"


def test_sequential_halving_starts_a_round_with_its_best_while_rewards_are_missing():
    pulls = [(arm, 0, reward) for arm in range(8) for reward in [arm / 8] * 3]
    late = [(arm, 0, "pending" if arm == 7 else arm / 8) for arm in range(8)]
    assert chosen(SequentialHalving(), told(*pulls, *late, arms=8)) == {(7, 0)}
    assert chosen(SequentialHalving(), told(*pulls, *late[:6], arms=8)) == {(7, 0)}, "two lack a pull: the better first"
    assert chosen(SequentialHalving(), told(*pulls, *late[:6], late[7], arms=8)) == {(6, 0)}


def test_promotion_by_hand():
    rule = SuccessiveHalving(eta=3)
    three = [(0, 0, 0.1), (1, 0, 0.3), (2, 0, 0.2)]
    failed = [(arm, 0, None) for arm in range(2, 9)]
    assert chosen(rule, told(*three[:2], *failed)) == {(arm, 0) for arm in range(2, 9)}, "a failed pull is done again"
    assert chosen(rule, told(*three[:2], *failed * 4)) == {(1, 1)}, "nobody waits for an abandoned arm"
    assert {f for _, f in chosen(rule, told(*three[:2], *failed[:-1] * 4, (8, 0, "pending")))} == {0}
    assert {f for _, f in chosen(rule, told(*three[:2]))} == {0}, "the third of two is none"
    assert chosen(rule, told(*three)) == {(1, 1)}
    assert chosen(rule, told(*three, (1, 1, "pending"))) == {(arm, 0) for arm in range(3, 9)}
    six = [*three, (3, 0, 0.25), (4, 0, 0.05), (5, 0, 0.15)]
    assert chosen(rule, told(*six, (1, 1, 0.3))) == {(3, 1)}
    above = [(1, 1, 0.3), (3, 1, 0.6), (2, 1, 0.2)]
    assert chosen(rule, told(*six, *above)) == {(3, 2)}, "by the rewards of that fidelity alone"
    nine, two = [*six, (6, 0, 0.28), (7, 0, 0.0), (8, 0, 0.0)], [(1, 1, 0.3), (3, 1, 0.6), (2, 1, 0.2)]
    assert chosen(rule, told(*nine, *two)) == {(3, 2)}, "arm 6 may rise to 1, but the highest fidelity goes first"
    assert chosen(rule, told(*nine, *two, (3, 2, 0.9))) == {(6, 1)}
    assert chosen(rule, told(*six, *above, (3, 2, 0.9))) == {(arm, 0) for arm in (6, 7, 8)}


def test_an_arm_that_fails_higher_up_is_sent_there_again_until_it_is_abandoned():
    nine = [(arm, 0, arm / 10) for arm in range(9)] * 2
    assert chosen(SuccessiveHalving(), told(*nine, *[(8, 1, None)] * 3)) == {(8, 1)}
    assert chosen(SuccessiveHalving(), told(*nine, *[(8, 1, None)] * 4)) == {(7, 1)}


def test_pruned_arms_were_there_and_lost():
    three = [(0, 0, 0.1), (1, 0, 0.3), (2, 0, "pruned")]
    assert chosen(SuccessiveHalving(), told(*three)) == {(1, 1)}, "a pruned arm is one of the three"
    nine = [(arm, 0, arm / 10) for arm in range(9)]
    assert chosen(SuccessiveHalving(), told(*nine, (8, 1, "pruned"))) == {(7, 1)}, "it is not sent up again"
    few = [(0, 0, "pruned"), (1, 0, 0.2)]
    assert chosen(SuccessiveHalving(), told(*few, arms=2)) == {(1, 1)}, "nobody waits for a pruned arm"


def test_asha_by_hand():
    """Algorithm 2 of Li et al. 2020: the top floor(n/3) of each rung, highest first; nothing where n is below 3."""
    six = [(0, 0, 0.1), (1, 0, 0.3), (2, 0, 0.2), (3, 0, 0.25), (4, 0, 0.05), (5, 0, 0.15)]
    fresh = {(arm, 0) for arm in range(6, 9)}
    assert chosen(Asha(), told(*six[:2])) == {(arm, 0) for arm in range(2, 9)}
    assert chosen(Asha(), told(*six[:3])) == {(1, 1)}
    assert chosen(Asha(), told(*six, (1, 1, "pending"))) == {(3, 1)}, "nobody waits"
    assert chosen(Asha(), told(*six, (1, 1, 0.3), (3, 1, 0.2))) == fresh, "two at rung 1 promote none"
    assert chosen(Asha(), told(*six, (1, 1, 0.3), (3, 1, 0.2), (2, 1, 0.4))) == {(2, 2)}
    assert chosen(Asha(), told(*six, (1, 1, 0.3), (3, 1, "pruned"))) == fresh
    assert chosen(Asha(eta=2), told((0, 0, 0.1), (1, 0, 0.2), arms=2)) == {(1, 1)}
    assert chosen(Asha(), told((0, 0, 0.1), (1, 0, 0.2), arms=2)) == {(0, 0), (1, 0)}, "few arms: more replicates"


def test_few_arms_reach_the_top_too():
    assert chosen(SuccessiveHalving(), told((0, 0, 0.1), (1, 0, 0.2), arms=2)) == {(1, 1)}
    assert chosen(SuccessiveHalving(), told((0, 0, 0.1), (1, 0, 0.2), (1, 1, 0.5), arms=2)) == {(1, 2)}


@pytest.mark.parametrize("in_flight", [1, 8])
@pytest.mark.parametrize("rule", [SuccessiveHalving(), Asha(), Hyperband()])
def test_without_noise_the_best_arms_rise(rule, in_flight):
    """27 arms told apart by every fidelity: pulls fall with fidelity, the best third has most of those at the top."""
    still = Problem(27, lambda arm, *_: arm / 27, fidelities=3)
    made, h = play(rule, still, 120, 0, in_flight)
    cheap, middle, top = (counts.pulls for counts in h.fidelities)
    assert cheap.sum() > middle.sum() > top.sum() > 0
    assert top[18:].mean() > 1.5 * top[:18].mean() and middle[18:].mean() > middle[:18].mean()
    if isinstance(rule, SuccessiveHalving | Asha):
        assert (cheap > 0).all() and set(np.flatnonzero(middle)) >= set(range(18, 27))
        assert top[26] == top.max() and top[:18].sum() == 0
        assert all(cheap[arm] >= middle[arm] >= top[arm] for arm in range(27))
    assert len(made) == 120


def test_brackets_by_hand():
    """F = 3, eta 3: 9 arms, 3, 1; then ceil(3/2·3) = 5, 1; then 3. With F = 2, eta 2: 2, 1; then 2."""
    assert brackets(3, 3) == [13, 6, 3]
    assert brackets(2, 2) == [3, 2]


def test_hyperband_starts_each_bracket_at_its_fidelity():
    """No reward ever comes, so that nothing is promoted: 13 pulls at fidelity 0, 6 at 1, 3 at 2, and again."""
    made, _ = play(Hyperband(), Problem(9, lambda *_: 0.5, fidelities=3), 35, 0, in_flight=35)
    assert [fidelity for _, fidelity in made] == [0] * 13 + [1] * 6 + [2] * 3 + [0] * 13


STRENGTH = np.arange(27) % 9 / 8


def misled(arm, fidelity, rng):
    """Strong policies are better, but a cheap pull takes three times as much from them, as one of few epochs does."""
    return 0.1 * STRENGTH[arm] - (2 - fidelity) * 0.15 * STRENGTH[arm] + 0.002 * arm + 0.004 * rng.standard_normal()


def truly_best_at_top(rule, seed):
    features = np.column_stack([STRENGTH - STRENGTH.mean(), np.cos(np.arange(27))])
    problem = Problem(27, misled, fidelities=3, features=features / features.std(0))
    _, h = play(rule, problem, 150, seed)
    return int(np.argmax(np.where(h.fidelities[2].pulls > 0, h.fidelities[2].means, -np.inf))) == 26


def test_correction_finds_the_arms_that_cheap_pulls_mislead_about():
    """20 seeds. Plain halving is the planted bug: it never sees the best arm at the top. A rule that found it half of
    the time would pass with probability below 0.6 %."""
    assert sum(truly_best_at_top(SuccessiveHalving(), seed) for seed in range(5)) == 0
    assert sum(truly_best_at_top(CorrectedHalving(), seed) for seed in range(20)) >= 16


def test_without_doubt_the_correction_is_plain_halving():
    features = np.random.default_rng(0).standard_normal((27, 4))
    problem = Problem(27, misled, fidelities=3, features=features)
    plain, corrected = (play(rule, problem, 100, 3)[0] for rule in (SuccessiveHalving(), CorrectedHalving(doubt=0)))
    assert plain == corrected


def test_gaps_by_hand():
    """Two arms of three have both fidelities, one pull each and so no noise but the pooled deviation of all pulls; the
    regression is worked out from its normal equations."""
    tally = Tally(2)
    for key, fidelity, reward in (("0", 0, 1.0), ("1", 0, 2.0), ("2", 0, 4.0), ("0", 1, 1.5), ("1", 1, 3.5)):
        tally.start(Pull(key, fidelity))
        tally.finish(Pull(key, fidelity), reward)
    x = np.array([[-1.0], [0.0], [1.0]])
    h = tally.history(["0", "1", "2"], x)
    here, above = h.fidelities
    spread = np.var([1, 2, 4], ddof=1)
    prior = spread * (1 + x @ x.T) / 2
    noise = np.eye(2) * (here.deviation**2 + above.deviation**2)
    gain = prior[:, :2] @ np.linalg.inv(prior[:2, :2] + noise)
    mean = gain @ (np.array([0.5, 1.5]) - 1)
    deviation = np.sqrt(np.diag(prior - gain @ prior[:2]))
    expected = np.array([1.0, 2.0, 4.0]) + mean + 0.5 * deviation
    np.testing.assert_allclose(CorrectedHalving().scores(h, 0), expected, rtol=1e-6)
    np.testing.assert_allclose(CorrectedHalving().scores(h, 1)[:2], [1.5, 3.5])
