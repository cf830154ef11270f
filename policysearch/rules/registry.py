"""Rules from text: a name with its parameters, or a user's code."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from policysearch.core.errors import UserError, unknown_name
from policysearch.core.parameters import parameters_in
from policysearch.core.user_code import describe_error, function
from policysearch.rules import RULES, Choice, History, Rule


@dataclass(frozen=True)
class CheckedRule(Rule):
    """A rule that users may have written: its answers are checked.

    Attributes:
        rule: an object with `choose`, or that function; it is called with a `History` and a generator and gives a
            `Choice`, or the index of an arm.
        label: what messages call it.
        needs, accuracies: what an object says of itself, see `Rule`.
    """

    rule: Any
    label: str

    def __post_init__(self) -> None:
        if isinstance(self.rule, type) or not callable(getattr(self.rule, "choose", self.rule)):
            raise UserError(f"{self.label} is no rule; give an object with choose(history, rng), or that function")
        object.__setattr__(self, "needs", frozenset(getattr(self.rule, "needs", ())))
        object.__setattr__(self, "accuracies", bool(getattr(self.rule, "accuracies", False)))

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        try:
            answer = getattr(self.rule, "choose", self.rule)(history, rng)
        except UserError:
            raise
        except (Exception, SystemExit) as error:  # code of users may raise anything
            raise UserError(f"{self.label} failed: {describe_error(error)}") from None
        choice = answer if isinstance(answer, Choice) else Choice(answer)
        try:
            arm, fidelity = operator.index(choice.arm), operator.index(choice.fidelity)
            probability = float(choice.probability)
        except (TypeError, ValueError):
            raise UserError(f"{self.label} answered {answer!r}; return a Choice or the index of an arm") from None
        return self._within(Choice(arm, fidelity, probability), history)

    def _within(self, choice: Choice, history: History) -> Choice:
        for name, index, count in (
            ("arm", choice.arm, history.arms),
            ("fidelity", choice.fidelity, max(1, len(history.fidelities))),
        ):
            if not 0 <= index < count:
                choices = f"are 0 to {count - 1}" if count > 1 else "is only 0"
                raise UserError(f"{self.label} answered {name} {index}; there {choices}")
        if not (np.isnan(choice.probability) or 0 < choice.probability <= 1):
            raise UserError(f"{self.label} answered probability {choice.probability}; give one in (0, 1], or none")
        return choice


def parse_rule(spec: str, what: str = "rule") -> Rule:
    """The rule `NAME`, `NAME:parameter=value,...`, `MODULE:FUNCTION` or `PATH.py:FUNCTION`.

    A function that can be called without arguments returns an object with `choose(history, rng)`; any other
    is `choose(history, rng)` itself. It answers a `Choice`, or the index of an arm.

    Args:
        spec: the text.
        what: what messages call it, "rule" or "strategy".

    Raises:
        UserError: unknown name or parameter, a value out of range, or a user's code that cannot be loaded or is no
            rule.

    Example:
        >>> parse_rule("ucb:c=0.5")
        Ucb(c=0.5)
        >>> parse_rule("ubc")
        Traceback (most recent call last):
        ...
        policysearch.core.errors.UserError: unknown rule 'ubc': did you mean ucb?
    """
    name, _, rest = spec.partition(":")
    if name in RULES:
        return _shipped(name, rest, what)
    if own_rule_named(spec):
        return _user_defined(spec, f"{what} {spec!r}")
    raise unknown_name(what, name, RULES)


def own_rule_named(spec: str) -> bool:
    """Whether a text names a user's code, as MODULE:FUNCTION or PATH.py:FUNCTION."""
    module, _, name = spec.rpartition(":")
    return bool(module) and name.isidentifier()


def _shipped(name: str, text: str, what: str) -> Rule:
    rule = RULES[name][1]
    allowed = list(inspect.signature(rule).parameters)
    values: dict[str, float] = {}
    for key, value in parameters_in(text, allowed, f"{what} {name}").items():
        try:
            values[key] = float(value)
        except ValueError:
            raise UserError(f"{what} {name}: {key} must be a number, got {value!r}") from None
    return rule(**values)


def _user_defined(spec: str, what: str) -> Rule:
    code = function(spec, what)
    if not _callable_without_arguments(code):
        return CheckedRule(code, what)
    try:
        return CheckedRule(code(), what)
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # code of users may raise anything
        raise UserError(f"{what} failed: {describe_error(error)}") from None


def _callable_without_arguments(code: Callable[..., Any]) -> bool:
    try:
        inspect.signature(code).bind()
    except (TypeError, ValueError):
        return False
    return True
