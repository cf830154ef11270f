"""The controller as a value: its weights and all that its next update depends on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from policysearch.core.seeds import seed_of
from policysearch.stats.arrays import Floats
from policysearch.study.autoaugment_rl.adam import Adam
from policysearch.study.autoaugment_rl.network import Shape, Tokens, gradient, log_probabilities, read, write
from policysearch.study.autoaugment_rl.objective import ppo, reinforce
from policysearch.study.autoaugment_rl.settings import ControllerSettings
from policysearch.study.autoaugment_rl.space_form import SubPolicyForm

_WEIGHTS = 7
"""In the key of the seed: the generator of the first weights is no other's."""


@dataclass(frozen=True)
class Written:
    """A policy that was written and has its reward.

    Attributes:
        decisions: [T] the index of each choice.
        probability: joint, with which they were drawn.
        reward: of the policy, higher is better.
    """

    decisions: Sequence[int]
    probability: float
    reward: float


@dataclass(frozen=True)
class Controller:
    """The LSTM with its optimiser and baseline; `learned` gives the next one.

    Attributes:
        settings: how it is trained.
        shape: of its network.
        weights: [W] of its network.
        adam: the optimiser's state.
        baseline: moving average of the rewards so far; None before the first.
    """

    settings: ControllerSettings
    shape: Shape
    weights: Floats
    adam: Adam
    baseline: float | None = None

    def write(self, rng: np.random.Generator) -> tuple[list[int], float]:
        """Draw the decisions of a policy; returns them and their joint probability."""
        decisions, log = write(self.shape, self.shape.views(self.weights), rng)
        return decisions, math.exp(log)

    def learned(self, batch: Sequence[Written]) -> Controller:
        """The controller after one update by a batch of policies, in the order of their trials."""
        if not batch:
            return self
        advantages, baseline = _advantages([written.reward for written in batch], self.baseline, self.settings.baseline)
        tokens = np.array([written.decisions for written in batch], dtype=np.int64)
        logs = np.log([written.probability for written in batch])
        controller = replace(self, baseline=baseline)
        for _ in range(self.settings.passes if self.settings.update == "ppo" else 1):
            controller = controller._stepped(tokens, logs, advantages)
        return controller

    def _stepped(self, tokens: Tokens, written: Floats, advantages: Floats) -> Controller:
        """The controller after one step of Adam."""
        settings, weights = self.settings, self.shape.views(self.weights)
        steps = read(self.shape, weights, tokens)
        logs = log_probabilities(steps, tokens)
        _, by_log = (
            ppo(logs, written, advantages, settings.clip) if settings.update == "ppo" else reinforce(logs, advantages)
        )
        by_entropy = np.full(len(tokens), settings.entropy / len(tokens))
        slope = gradient(self.shape, weights, steps, tokens, by_log, by_entropy)
        moved, adam = self.adam.ascended(self.weights, slope, settings.rate)
        return replace(self, weights=moved, adam=adam)


def new_controller(settings: ControllerSettings, form: SubPolicyForm, seed: int) -> Controller:
    """A controller that has learned nothing.

    Args:
        settings: how it is built and trained.
        form: of what it writes.
        seed: of the study.
    """
    shape = Shape(form.sizes, form.kinds, settings.hidden, settings.temperature, settings.tanh)
    weights = shape.initial(np.random.default_rng(seed_of(seed, _WEIGHTS)))
    return Controller(settings, shape, weights, Adam(np.zeros_like(weights), np.zeros_like(weights)))


def _advantages(rewards: Sequence[float], baseline: float | None, weight: float) -> tuple[Floats, float]:
    """Rewards above the moving average of those before them, and that average after the last.

    The first reward of all is its own baseline.
    """
    advantages = []
    for reward in rewards:
        before = reward if baseline is None else baseline
        advantages.append(reward - before)
        baseline = weight * before + (1 - weight) * reward
    assert baseline is not None
    return np.array(advantages), baseline
