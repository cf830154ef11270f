"""Bandit rules: hand-worked histories, and laws for all. That they learn is in test_rules_regret.py."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from policysearch.core.errors import UserError
from policysearch.rules import RULES, Pull, Tally
from policysearch.rules.epsilon_greedy import DecayingEpsilonGreedy, EpsilonGreedy
from policysearch.rules.greedy import Greedy
from policysearch.rules.history import MOST_FAILURES
from policysearch.rules.registry import parse_rule
from policysearch.rules.ucb import Ucb
from tests.support.histories import choices, history
from tests.support.simulated import PRUNED, Problem, play


def test_history_by_hand():
    h = history([0.5, 0.7], [0.9], [], pending={1: 2}, failures={2: 1})
    assert h.pulls.tolist() == [2, 1, 0]
    assert h.means.tolist() == pytest.approx([0.6, 0.9, -np.inf])
    assert h.started.tolist() == [2, 3, 1]
    assert h.deviation == pytest.approx(np.sqrt(0.02))  # one arm with two rewards: SS = 0.02, one degree of freedom


def test_deviation_is_pooled_within_arms_and_falls_back_to_all_rewards():
    a, b = [0.1, 0.3, 0.2], [5.0, 5.4]
    expected = np.sqrt((np.var(a) * 3 + np.var(b) * 2) / 3)
    assert history(a, b, [9.0]).deviation == pytest.approx(expected)
    assert history([1.0], [2.0], [4.0]).deviation == pytest.approx(np.std([1, 2, 4], ddof=1))
    assert history([1.0], []).deviation == 0


FADING = {"discounted-ucb", "sliding-window-ucb", "discounted-thompson", "exp3s"}
"""Rules for which a reward counts less the older it is: test_rules_drift.py has their laws."""


@pytest.mark.parametrize("name", sorted(set(RULES) - FADING))
class TestEveryRuleForRewardsThatStay:
    def rule(self, name):
        return RULES[name][1]()

    def test_order_of_outcomes_does_not_matter(self, name):
        one, other = history([0.25, 0.5], [0.125]), history([0.5, 0.25], [0.125])
        assert choices(self.rule(name), one) == choices(self.rule(name), other)

    @pytest.mark.parametrize("seed", range(3))
    def test_permuted_outcomes_change_nothing(self, name, seed):
        """Sixty rewards in eighths, whose sums are exact, at three fidelities."""
        rng = np.random.default_rng(seed)
        told = [(Pull(str(rng.integers(6)), int(rng.integers(3))), rng.integers(9) / 8) for _ in range(60)]
        seen = []
        for order in (np.arange(60), rng.permutation(60)):
            tally = Tally(3)
            for i in order:
                tally.start(told[i][0])
                tally.finish(*told[i])
            h = tally.history([str(i) for i in range(6)], np.eye(6), 80)
            seen.append(choices(self.rule(name), h, 40))
        assert seen[0] == seen[1]


@pytest.mark.parametrize("name", sorted(RULES))
class TestEveryRule:
    def rule(self, name):
        return RULES[name][1]()

    def test_nothing_known_yet(self, name):
        seen = set(choices(self.rule(name), history([], [], [])))
        assert seen == {0, 1, 2}

    def test_same_generator_same_choice(self, name):
        h = history([0.1, 0.2], [0.15], [0.3])
        assert choices(self.rule(name), h) == choices(self.rule(name), h)

    def test_failures_and_pending_pulls_are_accepted(self, name):
        for h in (
            history([], [], failures={0: 2, 1: 1}),
            history([], [], pending={0: 1}),
            history([0.5], [], failures={1: 3}, pending={0: 4}),
            history([0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.5], failures={4: 1}),
        ):
            assert set(choices(self.rule(name), h, 20)) <= set(range(len(h.pulls)))

    def test_one_arm(self, name):
        assert set(choices(self.rule(name), history([0.5]), 5)) == {0}

    def test_eight_asks_at_once_take_different_arms(self, name):
        least = 2 if name in {"random", "exp3", "exp3s"} else 8
        for seed in range(10):
            made, _ = play(self.rule(name), problem(8, lambda *_: 0.5), 8, seed, in_flight=8)
            assert len({arm for arm, _ in made}) >= least

    @pytest.mark.parametrize("in_flight", [1, 2])
    def test_an_arm_that_only_fails_is_left_alone(self, name, in_flight):
        """One arm of three, the others equal: 4 pulls fail at a fidelity, and one more may be under way by then."""
        failing = problem(3, lambda arm, _, rng: None if arm == 2 else 0.5 + 0.01 * rng.standard_normal())
        made, _ = play(self.rule(name), failing, 90, 0, in_flight)
        at_each = [sum(pull == (2, fidelity) for pull in made) for fidelity in range(3)]
        assert max(at_each) <= MOST_FAILURES + in_flight - 1
        assert at_each[0] >= MOST_FAILURES

    def test_three_failures_cost_the_best_arm_less_than_half_of_its_pulls(self, name):
        """Its first three pulls of 120 fail; one search with one pull at a time and one with three, without noise."""
        pulled = {
            failures: sum(pulls_of_the_best(self.rule(name), failures, in_flight) for in_flight in (1, 3))
            for failures in (0, MOST_FAILURES - 1)
        }
        assert pulled[MOST_FAILURES - 1] >= 0.5 * pulled[0] > 0

    def test_a_search_in_which_all_fails_goes_on(self, name):
        made, h = play(self.rule(name), problem(3, lambda *_: None), 30, 0, in_flight=4)
        assert len(made) == 30 and h.failures.sum() == 30

    @pytest.mark.parametrize("in_flight", [1, 3])
    def test_pruned_pulls_are_turns_that_no_arm_gains_by(self, name, in_flight):
        """Seven arms of eight are always pruned: none of them gets more pulls than the arm with rewards."""
        pruning = problem(8, lambda arm, _, rng: 0.8 + 0.01 * rng.standard_normal() if arm == 5 else PRUNED)
        made, h = play(self.rule(name), pruning, 80, 7, in_flight)
        pulls = np.bincount([arm for arm, _ in made], minlength=8)
        assert h.turns.sum() == 80 and h.pruned.sum() == 80 - pulls[5]
        if name not in {"random", "linucb"}:  # linucb gives arms without rewards the benefit of the others' features
            assert pulls[5] >= np.delete(pulls, 5).max()

    def test_a_history_is_left_as_it_was(self, name):
        h, same = (history([0.5, 0.25], [0.75], [], [0.5], pending={2: 1}) for _ in range(2))
        choices(self.rule(name), h, 5)
        for counts, expected in zip((h, *h.fidelities), (same, *same.fidelities), strict=True):
            for field in fields(counts):
                if field.name not in ("fidelities", "log", "budget"):
                    assert np.array_equal(getattr(counts, field.name), getattr(expected, field.name))

    @pytest.mark.parametrize("need", ["budget", "features", "fidelities"])
    def test_what_it_needs_is_asked_for(self, name, need):
        h = history([0.5, 0.25], [0.75], [0.5])
        h = replace(h, **{need: {"budget": 0, "features": None, "fidelities": h.fidelities[:1]}[need]})
        if need in self.rule(name).needs:
            with pytest.raises(UserError, match=f"{name} needs .*got"):
                choices(self.rule(name), h, 1)
        else:
            choices(self.rule(name), h, 1)


def problem(arms, draw):
    features = np.random.default_rng(0).standard_normal((arms, 3))
    return Problem(arms, draw, fidelities=3, budget=60, features=features)


def pulls_of_the_best(rule, failures: int, in_flight: int) -> int:
    """Pulls of one good arm among eleven, whose first pulls fail."""
    left = [failures]

    def draw(arm, *_):
        left[0] -= arm == 4
        return None if arm == 4 and left[0] >= 0 else 0.8 if arm == 4 else 0.3 + arm / 50

    features = np.random.default_rng(0).standard_normal((11, 3))
    made, _ = play(rule, Problem(11, draw, 3, 120, 1000, features), 120, in_flight, in_flight)
    return sum(arm == 4 for arm, _ in made)


def test_pruned_pulls_are_turns():
    h = history([0.5], [], [], pruned={0: 2, 1: 1}, failures={1: 2})
    assert h.turns.tolist() == [3, 1, 0] and h.started.tolist() == [3, 3, 0] and h.taken.tolist() == [3, 1, 0]
    assert h.means.tolist() == [0.5, -np.inf, -np.inf] and h.pulls.sum() == 1


def test_turns_by_hand():
    """The first three failures are none; with a fourth and no reward an arm is abandoned."""
    h = history([0.5], [], [], [], [0.5], [], pending={1: 1}, failures={0: 2, 1: 2, 2: 3, 3: 4, 4: 5})
    assert h.turns.tolist() == [1, 1, 0, 1, 3, 0]
    assert np.flatnonzero(h.abandoned).tolist() == [3]
    assert h.candidates.tolist() == [0, 1, 2, 4, 5]
    assert h.to_repeat.tolist() == [2]
    assert history([], [], failures={0: 4, 1: 4}).candidates.tolist() == [0, 1], "all are, where all are abandoned"


def test_arms_that_were_never_pulled_come_before_those_that_failed():
    assert set(choices(Ucb(), history([0.1], [], [], [], failures={1: 1, 2: 2}), 20)) == {3}
    assert set(choices(Ucb(), history([0.1], [], [], [0.2], failures={1: 1, 2: 2}), 20)) == {1}


def test_pulls_of_one_arm_do_not_end_what_greedy_explores():
    """Eleven pulls of one arm under way, or done, explore that arm alone."""
    for h in (history([], [0.5], [], [], pending={0: 11}), history([0.1] * 11, [0.5], [], [])):
        assert set(choices(Greedy(), h, 50)) == {2, 3}


def test_exp3_never_draws_an_abandoned_arm():
    h = history([0.5], [0.4], [], failures={2: 4})
    chances = RULES["exp3"][1]().chances(h)
    assert chances[2] == 0 and chances.sum() == pytest.approx(1)
    assert set(choices(RULES["exp3"][1](), h, 50)) == {0, 1}
    assert RULES["exp3"][1]().chances(history([], [], failures={0: 4, 1: 4})).tolist() == [0.5, 0.5]


def test_ucb_index_by_hand():
    """Means .50 and .52, three pulls and one, s from the first arm: bonus s·sqrt(2 ln 4 / n)."""
    h = history([0.48, 0.50, 0.52], [0.40])
    s = 0.02
    bonus = s * np.sqrt(2 * np.log(4) / np.array([3, 1]))
    index = np.array([0.50, 0.40]) + bonus
    assert choices(Ucb(), h, 5) == [int(index.argmax())] * 5
    c = 0.1 / (bonus[1] - bonus[0]) * s / s
    assert choices(Ucb(c=c * 1.01), h, 5) == [1] * 5
    assert choices(Ucb(c=c * 0.99), h, 5) == [0] * 5


@pytest.mark.parametrize("name", ["ucb", "ucb-tuned", "ucb-normal", "kl-ucb", "linucb"])
def test_upper_bounds_count_pending_pulls(name):
    rule, base = RULES[name][1](), [[0.5, 0.52]] * 2
    for pending, expected in (({0: 1}, {1}), ({1: 2}, {0}), ({}, {0, 1})):
        h = replace(history(*base, pending=pending), features=np.zeros((2, 1)))
        assert set(choices(rule, h, 50)) == expected


def test_ucb_tries_each_arm_once_pending_and_abandoned_ones_counted():
    assert set(choices(Ucb(), history([0.1], [], [], [], pending={1: 1}, failures={3: 4}), 50)) == {2}


def test_greedy_explores_each_arm_c_times_and_commits():
    assert set(choices(Greedy(c=2), history([0.9, 0.9], [0.1], [0.2]), 50)) == {1, 2}
    assert set(choices(Greedy(c=2), history([0.9, 0.9], [0.1, 0.1], [0.2, 0.3]), 50)) == {0}


def test_epsilon_greedy_explores_at_its_rate():
    """4,000 draws; the share of the best arm is 1 - ε + ε/K = .85; 5 sd is .028, false alarm 6e-7."""
    h = history([0.9], [0.1], [0.2], [0.3])
    share = np.mean(np.array(choices(EpsilonGreedy(0.2), h, 4000)) == 0)
    assert abs(share - 0.85) < 0.028
    decayed = history([0.9] * 396, [0.1], [0.2], [0.3])  # t = 400, rate 10: ε = .1, share .925, 5 sd .021
    share = np.mean(np.array(choices(DecayingEpsilonGreedy(10), decayed, 4000)) == 0)
    assert abs(share - 0.925) < 0.021
    under_way = history([0.9], [0.1], [0.2], [0.3], pending={1: 396})  # the same t: what was started counts
    share = np.mean(np.array(choices(DecayingEpsilonGreedy(10), under_way, 4000)) == 0)
    assert abs(share - 0.925) < 0.021


@pytest.mark.parametrize(
    "make",
    [
        lambda: Ucb(c=-1),
        lambda: Greedy(c=0),
        lambda: EpsilonGreedy(1.5),
        lambda: DecayingEpsilonGreedy(0),
        lambda: Ucb(c=float("nan")),
        lambda: RULES["ucb-tuned"][1](scale=0),
        lambda: RULES["ucb-tuned"][1](prior=-1),
        lambda: RULES["ucb-normal"][1](forced=-1),
        lambda: RULES["ucb-normal"][1](c=float("nan")),
        lambda: RULES["kl-ucb"][1](c=-1),
        lambda: RULES["kl-ucb"][1](images=0),
        lambda: RULES["thompson"][1](width=0),
        lambda: RULES["thompson-beta"][1](images=0),
        lambda: RULES["top-two-thompson"][1](beta=1),
        lambda: RULES["linucb"][1](alpha=-1),
        lambda: RULES["linucb"][1](ridge=0),
        lambda: RULES["linucb"][1](own=2),
        lambda: RULES["exp3"][1](gamma=0),
        lambda: RULES["exp3"][1](decay=1.1),
        lambda: RULES["exp3"][1](rate=-1),
        lambda: RULES["successive-halving"][1](eta=1),
        lambda: RULES["hyperband"][1](eta=float("inf")),
    ],
)
def test_parameters_out_of_range_are_refused(make):
    with pytest.raises(UserError, match="got"):
        make()


def test_a_rule_that_leaves_python_is_said_to_have_failed():
    """As one that raises: `sys.exit` is called without arguments, as a class would be."""
    with pytest.raises(UserError, match="SystemExit"):
        parse_rule("sys:exit", "strategy")
