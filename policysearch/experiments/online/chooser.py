"""What chooses the policies of the next stretch: a bandit rule over arms, or the adversarial controller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from policysearch.core.errors import UserError, unknown_name
from policysearch.core.user_code import must_be_there
from policysearch.experiments.online.settings import OnlineSettings
from policysearch.policy.spaces import Arm, Space
from policysearch.rules import RULES, Tally
from policysearch.rules.registry import own_rule_named, parse_rule
from policysearch.study import adversarial
from policysearch.study.adversarial import Adversarial, Controller, Result, parse_adversarial, proposed
from policysearch.study.choices import ArmChoice
from policysearch.study.pull_history import PullHistory
from policysearch.study.rows import Row
from policysearch.study.rule_strategy import RuleStrategy
from policysearch.study.strategies import must_suit_reward

_FEWEST = 2


class Recorded(PullHistory, Protocol):
    """The record of the stretches so far, as trial stores keep it."""

    @property
    def rows(self) -> Sequence[Row]: ...


class Chooser(Protocol):
    """Chooses the policies of a stretch from the record of all before it; it keeps nothing itself.

    Attributes:
        width: how many policies train side by side in a stretch.
    """

    @property
    def width(self) -> int: ...

    def choose(self, history: Recorded) -> list[ArmChoice]: ...


class RuleChooser:
    """One arm for each stretch, by a bandit rule that sees the rewards so far, each less their moving average.

    As the network learns, the rewards of all arms drift together, by more than arms differ; what is left without the
    average of those before is what the choice did. The average is b_t = decay·b_(t-1) + (1 - decay)·r_t, from the first
    reward on (the baseline of gradient bandits, Sutton & Barto 2018, section 2.8, with a constant step).

    Args:
        strategy: the rule over its arms.
        baseline: the decay in [0, 1); 0 takes rewards as they are.
    """

    width = 1

    def __init__(self, strategy: RuleStrategy, baseline: float) -> None:
        self._strategy = strategy
        self._baseline = baseline
        self._tally = Tally()
        self._rows: list[Row] = []
        self._average: float | None = None

    def choose(self, history: Recorded) -> list[ArmChoice]:
        """The arm of the next stretch."""
        if not self._baseline:
            return [self._strategy.choose(history)]
        for row in history.rows[len(self._rows) :]:
            self._count(row)
        return [self._strategy.choose(_Counted(history.seed, self._rows, self._tally))]

    def _count(self, row: Row) -> None:
        """Count a stretch that has ended; what was counted before follows from the record alone."""
        self._rows.append(row)
        self._tally.start(row.pull)
        if row.reward is None:
            self._tally.finish(row.pull, None)
            return
        before = row.reward if self._average is None else self._average
        self._tally.finish(row.pull, row.reward - before)
        self._average = self._baseline * before + (1 - self._baseline) * row.reward


@dataclass(frozen=True)
class _Counted:
    """A record with other rewards."""

    seed: int
    rows: Sequence[Row]
    tally: Tally


@dataclass(frozen=True)
class AdversarialChooser:
    """Several policies for each stretch, by the controller of Adversarial AutoAugment."""

    settings: Adversarial
    space: Space

    @property
    def width(self) -> int:
        return self.settings.policies

    def choose(self, history: Recorded) -> list[ArmChoice]:
        """The policies of the next stretch."""
        results = [Result(row.arm.parameters, row.reward) for row in history.rows]
        ends = range(self.width, len(results) + 1, self.width)
        stretches = [results[end - self.width : end] for end in ends]
        return [ArmChoice(arm) for arm in proposed(self.settings, self.space, stretches, history.seed)]


def is_adversarial(rule: str) -> bool:
    """Whether a rule's text names the adversarial controller."""
    return rule.partition(":")[0] == adversarial.NAME


def must_name_a_rule(rule: str) -> None:
    """Check a rule's name and parameters, without a space and without running the user's code.

    Raises:
        UserError: unknown name or parameter, a value out of range, or a rule that stretches cannot serve.
    """
    name = rule.partition(":")[0]
    if is_adversarial(rule):
        parse_adversarial(rule)
    elif name in ("tpe", "optuna"):
        raise UserError(f"rule {rule!r} is a sampler, and rules choose here: give exp3 or discounted-ucb")
    elif name in RULES:
        _must_serve_stretches(rule, name)
    elif own_rule_named(rule):
        must_be_there(rule.rpartition(":")[0], f"rule {rule!r}")
    else:
        raise unknown_name("rule", name, [*RULES, adversarial.NAME])


def _must_serve_stretches(rule: str, name: str) -> None:
    if "fidelities" in RULES[name][1].needs:
        raise UserError(
            f"rule {name} chooses how much a pull trains, and all stretches of one training are alike: give another "
            "--rule, as exp3 or discounted-ucb"
        )
    parse_rule(rule)


def chooser_of(settings: OnlineSettings, space: Space, seed: int, stretches: int) -> tuple[Chooser, list[str]]:
    """What chooses, ready for a space.

    Args:
        settings: with a rule that `must_name_a_rule` accepts, and a reward.
        space: of the policies.
        seed: the study's.
        stretches: how many there will be.

    Returns:
        the chooser, and what a person should know of it, a sentence each.

    Raises:
        UserError: the space has too few arms that a schedule can hold, or rule and reward do not go together.
    """
    rule = settings.rule
    if is_adversarial(rule):
        adversary = parse_adversarial(rule)
        Controller(adversary, space)  # which refuses spaces without parameters
        return AdversarialChooser(adversary, space), []

    every = space.arms(seed)
    arms = tuple(arm for arm in every if _fits_a_stage(arm))
    if len(arms) < _FEWEST:
        raise UserError(
            f"space {space.name!r} has {len(arms)} arm that a stage of a schedule can hold (no loss, mixture, stages "
            "or classes of its own), and there is nothing to choose below 2: give another --space"
        )
    strategy = RuleStrategy(parse_rule(rule), arms, stretches)
    must_suit_reward(strategy, rule, str(settings.reward))
    _try_own_rule(rule, strategy, seed)
    baseline = 0.0 if strategy.rule.accuracies else settings.baseline
    return RuleChooser(strategy, baseline), [*_left_out(every, arms), *_too_few(len(arms), stretches)]


def _try_own_rule(rule: str, strategy: RuleStrategy, seed: int) -> None:
    """Let a rule of the user's own choose once, before anything is trained.

    Raises:
        UserError: it fails, or its answer is no arm.
    """
    if rule.partition(":")[0] not in RULES:
        strategy.choose(_Counted(seed, (), Tally()))


def _fits_a_stage(arm: Arm) -> bool:
    policy = arm.policy
    return arm.loss is None and policy.mixture is None and not policy.stages and not policy.classes


def _left_out(every: Sequence[Arm], arms: Sequence[Arm]) -> list[str]:
    count = len(every) - len(arms)
    if not count:
        return []
    return [
        f"{count} arms with a loss, a mixture, stages or classes of their own are left out: a stage cannot hold them"
    ]


def _too_few(arms: int, stretches: int) -> list[str]:
    if stretches >= arms:
        return []
    return [f"there are {stretches} stretches for {arms} arms, so that not even every arm can be tried once"]
