"""Strategies by name: a bandit rule over the space's arms, or an Optuna sampler over its parameters."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import optuna
from optuna.samplers import BaseSampler

from policysearch.core.errors import UserError, unknown_name
from policysearch.core.user_code import must_be_there
from policysearch.policy.spaces import Arm, Space
from policysearch.rules import RULES, Tally
from policysearch.rules.registry import own_rule_named, parse_rule
from policysearch.study.choices import Choice, SamplerChoice
from policysearch.study.further_strategies import FURTHER
from policysearch.study.populations.settings import POPULATIONS, is_population, parse_population
from policysearch.study.pull_history import PullHistory
from policysearch.study.quiet_optuna import quiet_optuna
from policysearch.study.rows import Row
from policysearch.study.rule_strategy import RuleStrategy
from policysearch.study.seeded_sampler import CommonParameters, SeededSampler

_NO_FIXED_FORM = {
    "Grid": "needs one fixed grid, but parameters depend on `family`; use optuna:BruteForce, which walks such spaces",
    "PartialFixed": "needs parameters fixed by hand; write a space file with one choice for each of them instead",
}
_SAMPLERS = {
    name.removesuffix("Sampler"): getattr(optuna.samplers, name)
    for name in optuna.samplers.__all__
    if name.endswith("Sampler") and not name.startswith("Base")
}
STRATEGIES: dict[str, str] = {
    **{name: description for name, (description, _) in RULES.items()},
    "tpe": "Optuna's tree-structured Parzen estimator over the space's parameters",
    "optuna:NAME": (
        f"another Optuna sampler: {', '.join(n for n in _SAMPLERS if n not in _NO_FIXED_FORM)}; CmaEs and QMC model "
        "only numbers that every arm has, and draw the rest at random"
    ),
    **POPULATIONS,
    **{name: row.description for name, row in FURTHER.items()},
    "MODULE:FUNCTION": (
        "a rule of your own, also PATH.py:FUNCTION: choose(history, rng) gives an arm's index, or FUNCTION() an object "
        "with that method"
    ),
}
_PROBE_TRIALS = 13  # beyond the start-up trials of every sampler, so that its model is fitted once


class Strategy(Protocol):
    """Chooses the next pull of a study, or None where it needs more of the running ones to end; it writes nothing.

    Attributes:
        fidelities: whether it chooses how much training a pull buys.
    """

    @property
    def fidelities(self) -> bool: ...

    def choose(self, history: PullHistory) -> Choice | None: ...


@dataclass(frozen=True)
class SamplerStrategy:
    """An Optuna sampler over the space's parameters."""

    factory: Callable[[int], BaseSampler]
    fidelities: ClassVar[bool] = False
    _common: CommonParameters = field(default_factory=CommonParameters, init=False, repr=False, compare=False)

    def choose(self, history: PullHistory) -> SamplerChoice:
        return SamplerChoice(lambda: SeededSampler(self.factory, history.seed, self._common))


def must_name_a_strategy(spec: str) -> None:
    """Check a strategy's name and parameters, without a space and without running the user's code.

    Raises:
        UserError: unknown name or parameter, a value out of range, or a module or a file that is not there.
    """
    name = spec.partition(":")[0]
    if name in ("optuna", "tpe"):
        _sampler_name(spec)
    elif name in FURTHER:
        FURTHER[name].check(spec)
    elif name in RULES:
        parse_rule(spec, "strategy")
    elif is_population(spec):
        parse_population(spec)
    elif own_rule_named(spec):
        must_be_there(spec.rpartition(":")[0], f"strategy {spec!r}")
    else:
        raise unknown_name("strategy", name, STRATEGIES)


def make_strategy(spec: str, space: Space, seed: int, budget: int = 0, arms: tuple[Arm, ...] | None = None) -> Strategy:
    """The strategy `NAME`, `NAME:parameter=value,...` or `MODULE:FUNCTION` (a rule of one's own), ready for `space`.

    `budget` is in pulls; `arms` are those that a rule chooses from; by default the space's for this seed.

    Raises:
        UserError: unknown name or parameter, a value out of range, or a sampler that cannot be used here.
    """
    name = spec.partition(":")[0]
    if name in ("optuna", "tpe"):
        return _sampler_strategy(_sampler_name(spec), space)
    if is_population(spec):
        raise UserError(f"strategy {name} needs children that go on, and here each pull trains a new one: leave it out")
    if name in FURTHER:
        strategy: Strategy = FURTHER[name].make(spec, space, budget, arms)
        return strategy
    if name not in RULES and not own_rule_named(spec):
        raise unknown_name("strategy", name, STRATEGIES)
    arms = space.arms(seed) if arms is None else arms
    return RuleStrategy(parse_rule(spec, "strategy"), arms, budget)


def chooses_from_list(spec: str) -> bool:
    """Whether a strategy chooses from the space's list of arms, as rules do, and not among all assignments.

    Example:
        >>> chooses_from_list("ucb"), chooses_from_list("tpe"), chooses_from_list("mine.py:choose")
        (True, False, True)
    """
    name = spec.partition(":")[0]
    return name in RULES or not (name in ("optuna", "tpe") or name in FURTHER or is_population(spec))


def try_own_rule(spec: str, space: Space, seed: int, budget: int) -> None:
    """Let a rule of the user's own choose once, before anything is trained, where no arm has been pulled yet.

    The arguments are those of `make_strategy`. The rule is made for this alone: one that keeps a state is not changed.

    Raises:
        UserError: it fails, or its answer is no arm.
    """
    if spec.partition(":")[0] in (*RULES, *POPULATIONS, *FURTHER, "optuna", "tpe"):
        return
    make_strategy(spec, space, seed, budget).choose(_NothingPulled(seed, (), Tally(1)))


@dataclass(frozen=True)
class _NothingPulled:
    """The history of a study that begins."""

    seed: int
    rows: tuple[Row, ...]
    tally: Tally


def must_suit_reward(strategy: Strategy, spec: str, reward: str) -> None:
    """Check that the strategy maximises the reward.

    Raises:
        UserError: it maximises counted correct predictions, whatever the reward, and the reward is not accuracy.
    """
    rule = getattr(strategy, "rule", None)
    if rule is not None and rule.accuracies and reward != "accuracy":
        raise UserError(
            f"strategy {spec} counts correct predictions and so maximises accuracy, but the reward is {reward!r}: "
            "give --reward accuracy, or a strategy such as ucb or thompson"
        )


def _sampler_name(spec: str) -> str:
    """The name of the Optuna sampler that the strategy `tpe` or `optuna:NAME` means, without "Sampler"."""
    strategy, _, name = spec.partition(":")
    if strategy == "tpe":
        if name:
            raise UserError(f"strategy tpe takes no parameters, got {name!r}")
        return "TPE"
    by_lower = {key.lower(): key for key in _SAMPLERS}
    key = by_lower.get(name.lower().removesuffix("sampler"))
    if key is None:
        raise unknown_name("Optuna sampler", name, _SAMPLERS)
    if key in _NO_FIXED_FORM:
        raise UserError(f"strategy optuna:{key} {_NO_FIXED_FORM[key]}")
    return key


def _sampler_strategy(key: str, space: Space) -> SamplerStrategy:
    kind = _SAMPLERS[key]

    def factory(seed: int) -> BaseSampler:
        return kind(seed=seed)  # type: ignore[no-any-return]

    _probe(key, factory, space)
    return SamplerStrategy(factory)


def _probe(key: str, factory: Callable[[int], BaseSampler], space: Space) -> None:
    """Let the sampler suggest a few trials in memory, so that what it lacks comes up before anything is written.

    Once over two plain numbers too: a sampler may need its own packages only when numbers are common to trials.
    """
    try:
        with warnings.catch_warnings(), quiet_optuna():
            warnings.simplefilter("ignore")
            _suggest_some(factory, lambda trial: [trial.suggest_float(name, 0, 1, step=0.05) for name in "xy"])
            _suggest_some(factory, space.suggest)
    except ImportError as error:
        missing = (error.name or "").partition(".")[0] or str(error).splitlines()[0]
        raise UserError(
            f"strategy optuna:{key} needs the package {missing!r}: pip install 'policysearch[samplers]'"
        ) from None
    except (ValueError, RuntimeError) as error:
        raise UserError(f"strategy optuna:{key} cannot search space {space.name!r}: {error}") from None


def _suggest_some(factory: Callable[[int], BaseSampler], suggest: Callable[[optuna.Trial], object]) -> None:
    study = optuna.create_study(sampler=SeededSampler(factory, 0), direction="maximize")
    for _ in range(_PROBE_TRIALS):
        trial = study.ask()
        suggest(trial)
        study.tell(trial, 1 / (1 + trial.number))
