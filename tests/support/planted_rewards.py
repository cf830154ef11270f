"""Rewards that are planted in the decisions of policies: a table of good operations, and what finds them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from policysearch.policy.space_files import parse_space
from policysearch.policy.spaces import Space
from policysearch.study.autoaugment_rl.controller import Written, new_controller
from policysearch.study.autoaugment_rl.settings import parsed_settings
from policysearch.study.autoaugment_rl.space_form import SubPolicyForm, form_of

SMALL = """
schema = 1
[[family]]
name = "small"
repeat = 2
[family.parameters]
what = ["rotate", "color", "contrast", "invert", "cutout", "equalize"]
p = [0.2, 0.6, 1.0]
how = [1, 5, 9]
[family.policy]
sub_policies = [{ steps = [{ operation = "$what", probability = "$p", level = "$how", levels = 10 }] }]
"""


def small_space() -> Space:
    """Two sub-policies of one of six operations, at three probabilities and three levels."""
    return parse_space("small", SMALL, "space small")


@dataclass(frozen=True)
class Planted:
    """A reward in [0, 1]: the share of steps with a good operation, each worth more by its probability and level.

    A step of a good operation is worth (2 + p + l)/4, p and l from 0 to 1 over their choices; any other nothing.

    Attributes:
        form: of the policies.
        good: indices of the good operations.
    """

    form: SubPolicyForm
    good: frozenset[int]

    def worth(self, decisions: Sequence[int]) -> float:
        """The reward of a policy without noise."""
        steps = np.array(decisions).reshape(-1, 3)
        chances, levels = (len(self.form.choices[i]) - 1 for i in (1, 2))
        worth = (2 + steps[:, 1] / chances + steps[:, 2] / levels) / 4
        return float((np.isin(steps[:, 0], [*self.good]) * worth).mean())

    @property
    def mean(self) -> float:
        """Of a policy drawn evenly."""
        return 0.75 * len(self.good) / len(self.form.choices[0])

    def random(self, rng: np.random.Generator, pulls: int) -> list[float]:
        """The worth of policies drawn evenly."""
        sizes = [len(choices) for choices in self.form.choices]
        return [self.worth([int(rng.integers(size)) for size in sizes]) for _ in range(pulls)]


def planted(space: Space, good: int) -> Planted:
    """The first operations of the space are the good ones."""
    return Planted(form_of(space), frozenset(range(good)))


def learned_worths(
    reward: Planted,
    spec: str,
    seed: int,
    pulls: int,
    noise: float,
    seen: Callable[[float], float] = float,
) -> list[float]:
    """The worth of every policy that a controller writes while it learns.

    Args:
        reward: what is planted.
        spec: of the strategy.
        seed: of the study; also of the noise.
        pulls: how many.
        noise: deviation of a reward.
        seen: what the controller is shown for a worth.
    """
    settings = parsed_settings(spec)
    controller = new_controller(settings, reward.form, seed)
    rng = np.random.default_rng([seed, 5])
    worths: list[float] = []
    batch: list[Written] = []
    for _ in range(pulls):
        decisions, probability = controller.write(rng)
        worths.append(reward.worth(decisions))
        batch.append(Written(decisions, probability, seen(worths[-1]) + noise * rng.standard_normal()))
        if len(batch) == settings.batch:
            controller, batch = controller.learned(batch), []
    return worths
