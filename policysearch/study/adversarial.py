"""Adversarial AutoAugment: a controller that learns which policies are hard for the network as it is now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from policysearch.core.errors import UserError
from policysearch.core.parameters import typed_parameters
from policysearch.core.seeds import rule_generator
from policysearch.policy.families import Family, Parameters, Value
from policysearch.policy.spaces import Arm, Space
from policysearch.stats.arrays import Floats

NAME = "adversarial"
_FAMILY = "family"
_MOST_POLICIES = 64
_NOT_JOINED = frozenset({"softening", "mix", "mixture", "stages", "adaptive", "pair"})


@dataclass(frozen=True)
class Adversarial:
    """Adversarial AutoAugment's controller (Zhang et al. 2019), one step of policy gradient per stretch.

    Every stretch trains under M policies side by side, drawn from the controller. Their rewards, by default the mean
    training losses of their parts of the batches, are normalised over the M to mean 0 and deviation 1, and

    θ <- θ + rate · 1/M sum_m reward_m · ∇ log p(policy_m)                      (REINFORCE, equation 7)

    The controller has a categorical distribution for the family and for each of its parameters (operation, probability
    and level of every step, in a space of AutoAugment's form), all independent. The paper's is an LSTM of 100 units,
    trained by Adam at 0.00035 with a small bonus for entropy; here the logits themselves move, by plain ascent. Its
    rewards are moving averages over an epoch; here they are means over the stretch.

    The controller's state follows from the recorded stretches, so that a training that was stopped goes on alike.

    Attributes:
        policies: M, 2 to 64; a step costs M times that of a plain training. The paper has 8.
        rate: by which logits move, above 0.
    """

    policies: int = 8
    rate: float = 1.0

    def __post_init__(self) -> None:
        if not (2 <= self.policies <= _MOST_POLICIES and self.policies == int(self.policies)):
            raise UserError(f"{NAME}'s policies must be a whole number from 2 to {_MOST_POLICIES}, got {self.policies}")
        if not 0 < self.rate < float("inf"):
            raise UserError(f"{NAME}'s rate must be above 0, got {self.rate}")


def parse_adversarial(spec: str) -> Adversarial:
    """The controller `adversarial` or `adversarial:policies=4,rate=0.5`.

    Raises:
        UserError: unknown parameter, or a value that is no number or out of range.

    Example:
        >>> parse_adversarial("adversarial:policies=4")
        Adversarial(policies=4, rate=1.0)
    """
    defaults = {field.name: field.default for field in fields(Adversarial)}
    return Adversarial(**typed_parameters(spec.partition(":")[2], defaults, f"rule {NAME}"))


@dataclass(frozen=True)
class Result:
    """What one policy of a stretch was drawn with, and its reward; None where it has none."""

    parameters: Parameters
    reward: float | None


class Controller:
    """The distributions over a space's policies, and what they have learnt.

    Args:
        settings: how it learns.
        space: whose families without softening, mix, mixture, stages, loss, pair and adaptive rule it draws from.

    Attributes:
        logits: of the family, and of each parameter by its full name.

    Raises:
        UserError: no family of the space has parameters that it could learn.
    """

    def __init__(self, settings: Adversarial, space: Space) -> None:
        self._settings = settings
        self._space = space
        families = [family for family in space.file.family if _can_be_joined(family)]
        parameters = {name: values for family in families for name, values in family.choices().items()}
        if not any(len(values) > 1 for values in parameters.values()):
            raise UserError(
                f"rule {NAME} learns the parameters of families without softening, mix or loss, and space "
                f"{space.name!r} has none: give another --space, as autoaugment, or another rule"
            )
        self._choices: dict[str, list[Value]] = {_FAMILY: [family.name for family in families], **parameters}
        self.logits = {name: np.zeros(len(values)) for name, values in self._choices.items()}

    def learn(self, results: Sequence[Result]) -> None:
        """Take one step of policy gradient.

        Args:
            results: of one stretch; those without a reward do not count.
        """
        rewarded = [(result.parameters, result.reward) for result in results if result.reward is not None]
        rewards = np.array([reward for _, reward in rewarded])
        if len(rewards) < 2 or not rewards.std():
            return
        advantages = (rewards - rewards.mean()) / rewards.std()
        steps = {name: np.zeros_like(values) for name, values in self.logits.items()}
        for (parameters, _), advantage in zip(rewarded, advantages, strict=True):
            for name, value in parameters.items():
                slope = -_softmax(self.logits[name])
                slope[self._choices[name].index(value)] += 1
                steps[name] += advantage * slope
        for name, step in steps.items():
            self.logits[name] += self._settings.rate / len(rewards) * step

    def draw(self, rng: np.random.Generator) -> Arm:
        """A policy drawn from the distributions."""
        parameters = {_FAMILY: self._value(_FAMILY, rng)}
        for name in self._space.families[str(parameters[_FAMILY])].choices():
            parameters[name] = self._value(name, rng)
        return self._space.arm(parameters)

    def chances(self) -> Mapping[str, Mapping[Value, float]]:
        """The probability of each value of each parameter; those of a parameter are given its family."""
        return {
            name: dict(zip(self._choices[name], _softmax(logits).tolist(), strict=True))
            for name, logits in self.logits.items()
        }

    def _value(self, name: str, rng: np.random.Generator) -> Value:
        shares = np.cumsum(_softmax(self.logits[name]))
        return self._choices[name][min(int(np.searchsorted(shares, rng.random(), side="right")), len(shares) - 1)]


def proposed(settings: Adversarial, space: Space, stretches: Sequence[Sequence[Result]], seed: int) -> list[Arm]:
    """The policies of the next stretch, from what is recorded of all before it.

    Args:
        settings: of the controller.
        space: of the policies.
        stretches: results of the stretches so far, in order.
        seed: the study's.
    """
    controller = Controller(settings, space)
    for results in stretches:
        controller.learn(results)
    rng = rule_generator(seed, len(stretches))
    return [controller.draw(rng) for _ in range(settings.policies)]


def _can_be_joined(family: Family) -> bool:
    """Whether policies of the family can share a batch, and a stage of a schedule."""
    if family.loss is not None:
        return False
    if family.policy is not None:
        return not _NOT_JOINED & family.policy.keys()
    return not any(getattr(policy, part) for _, policy in family.specimens() for part in _NOT_JOINED)


def _softmax(logits: Floats) -> Floats:
    weights = np.exp(logits - logits.max())
    return np.asarray(weights / weights.sum())
