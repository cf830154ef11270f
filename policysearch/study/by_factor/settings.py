"""The constants of the strategy `by-factor`, and their text after its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policysearch.core.parameters import check_ranges, typed_parameters
from policysearch.study.inner_rules import RULE, inner_rule

if TYPE_CHECKING:
    from policysearch.rules import Rule

NAME = "by-factor"
_WHAT = f"strategy {NAME}"


@dataclass(frozen=True)
class ByFactorSettings:
    """How levels are chosen.

    Attributes:
        replicates: training subsets and seeds over which the pulls are spread evenly.
        rule: chooses the level of each factor; with its parameters, as ucb:c=0.5.
    """

    replicates: int = 4
    rule: str = "thompson"

    def __post_init__(self) -> None:
        check_ranges(self, {"replicates": (1, 100)}, _WHAT)
        self.make_rule()

    def make_rule(self) -> Rule:
        """The rule.

        Raises:
            UserError: it is unknown, has other parameters, or needs what levels do not have.
        """
        return inner_rule(self.rule, _WHAT, ("fidelities", "features"))


def by_factor_settings(spec: str) -> ByFactorSettings:
    """The settings in `by-factor:parameter=value,...,rule=RULE`; those that are missing have their defaults.

    Raises:
        UserError: an unknown parameter, or a value that is no number or out of range.

    Example:
        >>> by_factor_settings("by-factor:replicates=2,rule=thompson")
        ByFactorSettings(replicates=2, rule='thompson')
    """
    numbers, has_rule, rule = spec.partition(":")[2].partition(RULE)
    defaults = {"replicates": ByFactorSettings.replicates, "rule": ""}
    values = typed_parameters(numbers.rstrip(","), defaults, _WHAT)
    return ByFactorSettings(**{**values, **({"rule": rule} if has_rule else {"rule": ByFactorSettings.rule})})
