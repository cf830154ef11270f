"""What a choice costs: no rule does work that grows with the square of the arms. Counted, not timed."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from policysearch.rules import RULES, Pull, Tally
from policysearch.rules.corrected_halving import CorrectedHalving, _spread
from policysearch.rules.linucb import LinUcb
from policysearch.rules.posterior import noise

ARMS, FEATURES = 700, 12


def random_history(rng, arms=ARMS, features=FEATURES, pulls=1500, fidelities=1):
    tally = Tally(fidelities)
    for _ in range(pulls):
        arm, fidelity = int(rng.integers(arms)), int(rng.integers(fidelities))
        pull = Pull(str(arm), fidelity, 1 / arms)
        tally.start(pull)
        if rng.random() < 0.95:
            tally.finish(pull, float(rng.uniform(0.4, 0.8)))
    return tally.history([str(arm) for arm in range(arms)], rng.standard_normal((arms, features)), 10 * pulls)


def direct_linucb(rule, history, features):
    """The index from the covariance of every two arms, as version 0.1 computed it."""

    def learnt(prior, pulls, right):
        root = np.sqrt(pulls)
        seen = root[:, None] * prior
        return (seen * np.linalg.solve(np.eye(len(pulls)) + seen * root, root[:, None] * right)).sum(axis=0)

    linear = features @ features.T / features.shape[1]
    prior = (1 + (1 - rule.own) * linear + rule.own * np.eye(len(features))) / rule.ridge
    centre = history.sums.sum() / max(history.pulls.sum(), 1)
    surprise = prior @ (history.sums - history.pulls * centre)
    means = surprise - learnt(prior, history.pulls, surprise[:, None])
    variances = prior.diagonal() - learnt(prior, history.pulls + history.pending, prior)
    return means + rule.alpha * (noise(history) or 1.0) * np.sqrt(np.maximum(variances, 0))


def direct_gap(rule, here, above, features, spread):
    """A step's gap by a Gaussian process over the arms, as version 0.1 computed it."""
    likeness = features @ features.T / max(features.shape[1], 1)
    prior = (rule.doubt * spread) ** 2 * (1 + likeness) / 2
    both = np.flatnonzero((here.pulls > 0) & (above.pulls > 0))
    gaps = above.means[both] - here.means[both]
    noise_of_gaps = here.deviation**2 / here.pulls[both] + above.deviation**2 / above.pulls[both]
    across = prior[:, both]
    gain = np.linalg.solve(prior[np.ix_(both, both)] + np.diag(noise_of_gaps + 1e-12), across.T).T
    variances = prior.diagonal() - (gain * across).sum(1)
    return gain @ (gaps - gaps.mean()) + rule.width * np.sqrt(np.maximum(variances, 0))


@pytest.mark.parametrize("seed", range(30))
def test_linucb_is_the_direct_formula(seed):
    rng = np.random.default_rng(seed)
    arms, features, pulls = int(rng.integers(2, 60)), int(rng.integers(1, 15)), int(rng.integers(1, 200))
    history = random_history(rng, arms, features, pulls)
    rule = LinUcb(alpha=rng.uniform(0, 5), ridge=rng.uniform(0.1, 3), own=rng.choice([0.0, 0.5, 1.0]))
    index, direct = rule.index(history, history.features), direct_linucb(rule, history, history.features)
    assert index == pytest.approx(direct, rel=1e-9, abs=1e-11)
    best = np.sort(direct)[::-1]
    if best[0] - best[1] > 1e-9:  # where none are level, the choice is the same
        assert np.argmax(index) == np.argmax(direct)


@pytest.mark.parametrize("seed", range(10))
def test_corrected_halving_is_the_direct_formula(seed):
    rng = np.random.default_rng(seed)
    history = random_history(rng, 30, int(rng.integers(0, 8)), 150, fidelities=2)
    here, above = history.fidelities
    rule = CorrectedHalving(doubt=rng.uniform(0, 2), width=rng.uniform(0, 2))
    spread = _spread(here)
    expected = here.means + direct_gap(rule, here, above, history.features, spread)
    assert rule.scores(history, 0) == pytest.approx(expected, rel=1e-9, abs=1e-11)


def largest_system_and_memory(monkeypatch, work):
    """The largest system of linear equations that is solved, and the bytes that are in use at most."""
    orders = [0]
    solve = np.linalg.solve
    with monkeypatch.context() as patch:
        patch.setattr(np.linalg, "solve", lambda a, b: orders.append(len(a)) or solve(a, b))
        tracemalloc.start()
        work()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return max(orders), peak


@pytest.mark.parametrize("name", RULES)
def test_no_rule_relates_every_two_arms(name, monkeypatch):
    rule = RULES[name][1]()
    history = random_history(np.random.default_rng(0), fidelities=3 if "fidelities" in rule.needs else 1)
    order, memory = largest_system_and_memory(monkeypatch, lambda: rule.choose(history, np.random.default_rng(0)))
    assert order <= FEATURES + 1 and memory < ARMS**2 * 8 / 2


def test_a_rule_that_relates_every_two_arms_is_noticed(monkeypatch):
    history = random_history(np.random.default_rng(0))
    order, memory = largest_system_and_memory(monkeypatch, lambda: direct_linucb(LinUcb(), history, history.features))
    assert order == ARMS and memory > ARMS**2 * 8
