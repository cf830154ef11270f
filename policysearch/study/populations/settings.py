"""The parameters of a strategy with a population, read from its text, and the plan of trainings that they give."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

from policysearch.core.errors import UserError
from policysearch.core.parameters import typed_parameters

ROUNDS = 8
"""Intervals of a training where the strategy gives none."""
_LARGEST = 1000


@dataclass(frozen=True)
class Population:
    """How many children train together, and how often their policies change.

    Attributes:
        population: children, 2 to 1000.
        interval: epochs that a child trains between two changes, 1 or more; 0 until it is settled.
        quantile: share of the population that is replaced by as many of the best, in (0, 0.5].
        from_first: 1: every parameter begins at its first choice; 0: at one drawn at random.
        resample: probability that a parameter is drawn anew when a policy is explored, in [0, 1].
        reach: choices that a number moves at most when it is not drawn anew, 0 or more.

    Raises:
        UserError: a value out of its range.
    """

    population: int = 8
    interval: int = 0
    quantile: float = 0.25
    from_first: int = 0
    resample: float = 0.2
    reach: int = 3

    def __post_init__(self) -> None:
        if not 2 <= self.population <= _LARGEST:
            raise UserError(f"population must lie in [2, {_LARGEST}] (of one there is none to learn from), got "
                            f"{self.population}")  # fmt: skip
        if not 0 < self.quantile <= 0.5:
            raise UserError(f"quantile must lie in (0, 0.5], got {self.quantile:g}")
        if not 0 <= self.resample <= 1:
            raise UserError(f"resample must lie in [0, 1], got {self.resample:g}")
        if self.from_first not in (0, 1):
            raise UserError(f"from_first must be 0 or 1, got {self.from_first}")
        if not 0 <= self.reach <= _LARGEST:
            raise UserError(f"reach must lie in [0, {_LARGEST}], got {self.reach}")

    @property
    def replaced(self) -> int:
        """Children that are replaced after an interval: the quantile, rounded up, of at most half of them."""
        return min(math.ceil(self.population * self.quantile), self.population // 2)

    def ends(self, epochs: int) -> tuple[int, ...]:
        """Epochs at which intervals of a training end; the last may be shorter than the others.

        Example:
            >>> Population(interval=3).ends(8)
            (3, 6, 8)
        """
        interval = self.interval or math.ceil(epochs / ROUNDS)
        return (*range(interval, epochs, interval), epochs)


POPULATIONS: Mapping[str, str] = MappingProxyType(
    {
        "pba": (
            "Population Based Augmentation (Ho et al. 2019): children train together, the worst take over weights and "
            "policy of the best and change the policy at random; the result is a policy with stages"
        ),
        "pb2": (
            "Population-Based Bandits (Parker-Holder et al. 2020): as pba, but a Gaussian process chooses the numbers "
            "of the policy"
        ),
    }
)
"""Strategies with a population, and what they do."""


def is_population(spec: str) -> bool:
    """Whether a strategy has a population.

    Example:
        >>> is_population("pba:population=4"), is_population("ucb")
        (True, False)
    """
    return spec.partition(":")[0] in POPULATIONS


def parse_population(spec: str) -> Population:
    """The parameters of the strategy `pba:parameter=value,...` or `pb2:...`.

    Raises:
        UserError: an unknown parameter, or a value out of its range.

    Example:
        >>> parse_population("pba:population=4,interval=5").ends(20)
        (5, 10, 15, 20)
    """
    name, _, text = spec.partition(":")
    defaults = {field.name: field.default for field in fields(Population)}
    values = typed_parameters(text, defaults, f"strategy {name}")
    if values.get("interval", 1) < 1:
        raise UserError(f"strategy {name}: interval must be 1 epoch or more, got {values['interval']:g}")
    try:
        return Population(**values)
    except UserError as error:
        raise UserError(f"strategy {name}: {error}") from None


def pulls_of_population(spec: str, epochs: int) -> int:
    """Pulls of a search where none are asked for: those of a population, and 0 for other strategies.

    Raises:
        UserError: as `parse_population`.

    Example:
        >>> pulls_of_population("pba:population=4,interval=5", 20), pulls_of_population("ucb", 20)
        (16, 0)
    """
    if not is_population(spec):
        return 0
    population = parse_population(spec)
    return population.population * len(population.ends(epochs))
