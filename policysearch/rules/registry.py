"""Rules from text: a name with its parameters, or code of the user's own."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from policysearch.core.errors import UserError, unknown_name
from policysearch.core.user_code import describe_error, function
from policysearch.rules import RULES, Choice, History, Rule


@dataclass(frozen=True)
class CheckedRule(Rule):
    """A rule that may be somebody's own: its answers are checked.

    Attributes:
        rule: an object with `choose`, or that function; it is called with a `History` and a generator and gives a
            `Choice`, or the index of an arm.
        told: what messages call it.
        needs, accuracies: as an object says itself, see `Rule`.
    """

    rule: Any
    told: str

    def __post_init__(self) -> None:
        if isinstance(self.rule, type) or not callable(getattr(self.rule, "choose", self.rule)):
            raise UserError(f"{self.told} is no rule; give an object with choose(history, rng), or that function")
        object.__setattr__(self, "needs", frozenset(getattr(self.rule, "needs", ())))
        object.__setattr__(self, "accuracies", bool(getattr(self.rule, "accuracies", False)))

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        try:
            given = getattr(self.rule, "choose", self.rule)(history, rng)
        except UserError:
            raise
        except (Exception, SystemExit) as error:  # it may be somebody's own and may raise anything
            raise UserError(f"{self.told} failed: {describe_error(error)}") from None
        choice = given if isinstance(given, Choice) else Choice(given)
        try:
            arm, fidelity = operator.index(choice.arm), operator.index(choice.fidelity)
            probability = float(choice.probability)
        except (TypeError, ValueError):
            raise UserError(f"{self.told} answered {given!r}; return a Choice or the index of an arm") from None
        return self._within(Choice(arm, fidelity, probability), history)

    def _within(self, choice: Choice, history: History) -> Choice:
        for name, given, there in (
            ("arm", choice.arm, history.arms),
            ("fidelity", choice.fidelity, max(1, len(history.fidelities))),
        ):
            if not 0 <= given < there:
                known = f"are 0 to {there - 1}" if there > 1 else "is only 0"
                raise UserError(f"{self.told} answered {name} {given}; there {known}")
        if not (np.isnan(choice.probability) or 0 < choice.probability <= 1):
            raise UserError(f"{self.told} answered probability {choice.probability}; give one in (0, 1], or none")
        return choice


def parse_rule(spec: str, what: str = "rule") -> Rule:
    """The rule `NAME`, `NAME:parameter=value,...`, `MODULE:FUNCTION` or `PATH.py:FUNCTION`.

    A function that can be called without arguments returns an object with `choose(history, rng)`; any other
    is `choose(history, rng)` itself. It answers a `Choice`, or the index of an arm.

    Args:
        what: what messages call it, "rule" or "strategy".

    Raises:
        UserError: unknown name or parameter, a value out of range, or own code that cannot be loaded or is no rule.
    """
    name, _, rest = spec.partition(":")
    if name in RULES:
        return _shipped(name, rest, what)
    if own_rule_named(spec):
        return _own(spec, f"{what} {spec!r}")
    raise unknown_name(what, name, RULES)


def own_rule_named(spec: str) -> bool:
    """Whether the text has the form of code of one's own, MODULE:FUNCTION or PATH.py:FUNCTION."""
    module, _, name = spec.rpartition(":")
    return bool(module) and name.isidentifier()


def _shipped(name: str, text: str, what: str) -> Rule:
    rule = RULES[name][1]
    allowed = list(inspect.signature(rule).parameters)
    values: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        key, _, value = part.partition("=")
        if key not in allowed:
            raise UserError(f"{what} {name} has no parameter {key!r}; it has {', '.join(allowed) or 'none'}")
        try:
            values[key] = float(value)
        except ValueError:
            raise UserError(f"{what} {name}: {key} must be a number, got {value!r}") from None
    return rule(**values)


def _own(spec: str, what: str) -> Rule:
    found = function(spec, what)
    if not _callable_without_arguments(found):
        return CheckedRule(found, what)
    try:
        return CheckedRule(found(), what)
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # it is theirs and may raise anything
        raise UserError(f"{what} failed: {describe_error(error)}") from None


def _callable_without_arguments(found: Callable[..., Any]) -> bool:
    try:
        inspect.signature(found).bind()
    except (TypeError, ValueError):
        return False
    return True
