"""The parameters of the strategy `by-class`, and what follows from them for a search's other settings."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from policysearch.core.errors import UserError
from policysearch.core.parameters import check_ranges, typed_parameters
from policysearch.policy.presets import BASELINES
from policysearch.study.inner_rules import RULE, inner_rule

if TYPE_CHECKING:
    from policysearch.rules import Rule
    from policysearch.study.config import SearchConfig

NAME = "by-class"
_WHAT = f"strategy {NAME}"
_RANGES = {"common": (0, 1_000_000), "replicates": (2, 100), "classes": (1, 100), "parts": (1, 100)}


@dataclass(frozen=True)
class ByClassSettings:
    """How the pulls of a search by class are spent.

    Attributes:
        common: pulls of the search for the policy of all classes; 0 is half of the search's.
        replicates: on which the best of these and the fixed policies are compared class by class.
        classes: of those that it harms so many are searched, the worst first.
        parts: policies that are tried for each of them.
        rule: chooses the pulls, of the common search and of each class; with its parameters, as ucb:c=0.5.
    """

    common: int = 0
    replicates: int = 4
    classes: int = 3
    parts: int = 4
    rule: str = "ucb"

    def __post_init__(self) -> None:
        check_ranges(self, _RANGES, _WHAT)
        self.make_rule()

    def make_rule(self) -> Rule:
        """The rule.

        Raises:
            UserError: it is unknown, has other parameters, or needs pulls of several sizes.
        """
        return inner_rule(self.rule, _WHAT, ("fidelities",))

    @property
    def measurements(self) -> int:
        """Pulls at most for the best policy and the fixed ones, of which those of the common search are no part."""
        return (1 + len(BASELINES)) * (self.replicates - 1)

    @property
    def spec(self) -> str:
        """The text that stands for it, all parameters written out."""
        values = ",".join(f"{field.name}={getattr(self, field.name)}" for field in fields(self))
        return f"{NAME}:{values}"


def by_class_settings(spec: str) -> ByClassSettings | None:
    """The parameters of a strategy `by-class` or `by-class:NAME=VALUE,...`; None for any other strategy.

    Args:
        spec: the rule comes last, since it may have parameters of its own.

    Raises:
        UserError: unknown parameter, or a value out of range.

    Example:
        >>> by_class_settings("by-class:classes=2,rule=ucb:c=0.5")
        ByClassSettings(common=0, replicates=4, classes=2, parts=4, rule='ucb:c=0.5')
        >>> by_class_settings("ucb") is None
        True
    """
    name, _, text = spec.partition(":")
    if name != NAME:
        return None
    numbers, has_rule, rule = text.partition(RULE)
    defaults: dict[str, Any] = {field.name: field.default for field in fields(ByClassSettings) if field.name != "rule"}
    values = typed_parameters(numbers.rstrip(","), {**defaults, "rule": ""}, _WHAT)
    return ByClassSettings(**{**values, **({"rule": rule} if has_rule else {})})


def with_by_class(config: SearchConfig) -> SearchConfig:
    """Write out the pulls of the common search, so that they stay as many when a search is given more.

    Other strategies change nothing.

    Raises:
        UserError: the common search takes all pulls.
    """
    settings = by_class_settings(config.strategy)
    if settings is None:
        return config
    common = settings.common or max(1, config.trials // 2)
    if common > config.trials:
        raise UserError(
            f"{_WHAT} searches the policy of all classes in {common} pulls, and --trials is {config.trials}: give "
            "more, or a smaller common"
        )
    filled = ByClassSettings(common, settings.replicates, settings.classes, settings.parts, settings.rule)
    return config.model_copy(update={"strategy": filled.spec})


def too_few_for_classes(spec: str, pulls: int) -> str:
    """A sentence of warning where few pulls are left for the classes; else empty.

    Args:
        spec: the strategy.
        pulls: of the search.
    """
    settings = by_class_settings(spec)
    assert settings is not None
    common = settings.common or pulls // 2
    left = max(0, pulls - common - settings.measurements)
    enough_left = 2 * settings.parts
    if left >= enough_left:
        return ""
    enough = common + settings.measurements + enough_left * settings.classes
    return (
        f"{pulls} pulls may leave {left} for the classes that the common policy harms: {common} search it, and up to "
        f"{settings.measurements} measure what it does to each class; give --trials {enough} or more"
    )
