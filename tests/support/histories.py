"""Histories of hand-written rewards, and what a rule chooses given them."""

from __future__ import annotations

import numpy as np

from policysearch.rules import History, Pull, Tally


def history(*arms: list[float], pending=None, failures=None, pruned=None) -> History:
    """Rewards by arm, all at the cheapest of three fidelities; with features and a budget, for rules that need them."""
    tally = Tally(3)
    keys = [str(i) for i in range(len(arms))]
    for i, rewards in enumerate(arms):
        for reward in rewards:
            tally.start(Pull(keys[i]))
            tally.finish(Pull(keys[i]), reward)
        for _ in range((pending or {}).get(i, 0)):
            tally.start(Pull(keys[i]))
        for _ in range((failures or {}).get(i, 0)):
            tally.start(Pull(keys[i]))
            tally.finish(Pull(keys[i]), None)
        for _ in range((pruned or {}).get(i, 0)):
            tally.start(Pull(keys[i]))
            tally.prune(Pull(keys[i]))
    return tally.history(keys, np.random.default_rng(0).standard_normal((len(arms), 3)), budget=40)


def choices(rule, h, n=200):
    return [rule.choose(h, np.random.default_rng(seed)).arm for seed in range(n)]
