"""A small space of factors, planted effects of its levels, and searches in it that train nothing."""

from __future__ import annotations

import numpy as np

from policysearch.core.trial import Outcome
from policysearch.policy.space_files import parse_space
from policysearch.rules import Tally
from policysearch.study.rows import COMPLETE, Row

FACTORS = """
schema = 1
[[family]]
name = "small"
[family.parameters]
flip = [0.0, 0.5]
crop = [0.0, 0.1, 0.2]
what = ["none", "turn"]
degrees = [5, 10, 20]
side = [0.0, 0.3, 0.5]
[family.policy]
sub_policies = [{ steps = [
    { operation = "flip-horizontal", probability = "$flip" },
    { operation = "soft-crop", magnitude = "$crop" },
    { part = "$what" },
    { operation = "cutout", magnitude = "$side" },
] }]
[family.parts]
none = []
turn = [{ operation = "rotate", magnitude = "$degrees" }]
[family.points]
plain = {}
"""
SPACE = parse_space("small", FACTORS, "space small")
SIZES = (2, 3, 2, 3, 3)


class History:
    def __init__(self, rows, seed=3):
        self.seed, self.rows, self.tally = seed, rows, Tally(1)


def row(number, choice, reward, state=COMPLETE):
    return Row(number, choice.arm, choice.replicate, state=state, reward=reward, outcome=Outcome({}))


def searched(strategy, worth, pulls, seed=3, noise=0.0):
    """The rows of a search whose rewards are planted."""
    rng, history = np.random.default_rng(seed), History([], seed)
    for number in range(pulls):
        choice = strategy.choose(history)
        history.rows.append(row(number, choice, worth(choice.arm, choice.replicate) + noise * rng.standard_normal()))
    return history


def worth_of(factors, effects):
    def worth(arm, replicate):
        levels = factors.levels(arm)
        return 0.5 + sum(effects[f][level] for f, level in enumerate(levels) if level >= 0) + 0.02 * (replicate % 2)

    return worth


EFFECTS = ((0, 0.03), (0, 0.02, -0.01), (0, 0.01), (0, -0.02, 0.02), (0, 0.0, -0.03))
BEST = 0.5 + 0.03 + 0.02 + 0.01 + 0.02
