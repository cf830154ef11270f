"""The constants of the strategy `additive`, and their text after its name."""

from __future__ import annotations

from dataclasses import dataclass, fields

from policysearch.core.parameters import check_ranges, typed_parameters

NAME = "additive"


@dataclass(frozen=True)
class AdditiveSettings:
    """How a search spends its pulls, and what its model may hold.

    Attributes:
        screening: share of the pulls that the screening design takes, the free policies included.
        replicates: training subsets and seeds over which the pulls are spread evenly.
        interactions: pairs of factors whose interaction the model may take in, at most.
    """

    screening: float = 0.5
    replicates: int = 4
    interactions: int = 3

    def __post_init__(self) -> None:
        check_ranges(self, _RANGES, f"strategy {NAME}")


_RANGES: dict[str, tuple[float, float]] = {
    "screening": (0.1, 1),
    "replicates": (1, 100),
    "interactions": (0, 20),
}


def parsed_settings(spec: str) -> AdditiveSettings:
    """The settings in `additive:parameter=value,...`; those that are missing have their defaults.

    Raises:
        UserError: an unknown parameter, one that is there twice, or a value that is no number or out of range.

    Example:
        >>> parsed_settings("additive:screening=0.3").screening
        0.3
        >>> parsed_settings("additive:replicates=0")
        Traceback (most recent call last):
        ...
        policysearch.core.errors.UserError: strategy additive: replicates must lie in [1, 100], got 0
    """
    defaults = {field.name: field.default for field in fields(AdditiveSettings)}
    return AdditiveSettings(**typed_parameters(spec.partition(":")[2], defaults, f"strategy {NAME}"))
