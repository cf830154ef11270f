"""Strategies that are neither rules nor Optuna samplers, by name. Reading the table imports neither of those."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from policysearch.policy.spaces import Arm, Space
from policysearch.study.additive.settings import NAME as ADDITIVE
from policysearch.study.additive.settings import parsed_settings as additive_settings
from policysearch.study.autoaugment_rl.concatenation import concatenated
from policysearch.study.autoaugment_rl.settings import NAME as AUTOAUGMENT_RL
from policysearch.study.autoaugment_rl.settings import parsed_settings, too_few_pulls
from policysearch.study.by_class.settings import NAME as BY_CLASS
from policysearch.study.by_class.settings import by_class_settings, too_few_for_classes
from policysearch.study.by_factor.settings import NAME as BY_FACTOR
from policysearch.study.by_factor.settings import by_factor_settings
from policysearch.study.density_settings import DENSITY, density_settings

if TYPE_CHECKING:
    from policysearch.study.rows import Row


def _nothing(spec: str, ranked: Sequence[Arm]) -> tuple[Arm, ...]:
    return ()


def _no_caution(spec: str, pulls: int) -> str:
    return ""


@dataclass(frozen=True)
class FurtherStrategy:
    """A strategy of the table.

    Attributes:
        description: for the list of strategies.
        check: raises a `UserError` where the text NAME:parameter=value,... is wrong.
        make: the strategy from the same text, the space, the pulls of the whole search, and the arms that it chooses
            from (None: all of the space); raises a `UserError` where the space does not suit it.
        compose: arms that it makes of the best of the search, from the same text and the arms with a reward, best
            first. They are confirmed as finalists are.
        composed: how many these are at most.
        rank: the arms by what the strategy itself thinks of them, best first, from the same text, the space and the
            trials; None: by their shrunken means.
        caution: a sentence of warning where a search of so many pulls is not what the strategy is for; else empty.
    """

    description: str
    check: Callable[[str], object]
    make: Callable[[str, Space, int, tuple[Arm, ...] | None], Any]
    compose: Callable[[str, Sequence[Arm]], tuple[Arm, ...]] = _nothing
    composed: int = 0
    rank: Callable[[str, Space, Sequence[Row]], list[Arm]] | None = None
    caution: Callable[[str, int], str] = _no_caution


def _additive(spec: str, space: Space, budget: int, arms: tuple[Arm, ...] | None) -> Any:
    # What it takes is needed by few, and the service reads the table without it.
    from policysearch.study.additive.strategy import additive

    return additive(additive_settings(spec), space, budget, arms)


def _ranked_by_effects(spec: str, space: Space, rows: Sequence[Row]) -> list[Arm]:
    from policysearch.study.additive.ranking import ranked_by_effects

    return ranked_by_effects(additive_settings(spec), space, rows)


def _by_factor(spec: str, space: Space, budget: int, arms: tuple[Arm, ...] | None) -> Any:
    from policysearch.study.by_factor.strategy import by_factor

    return by_factor(by_factor_settings(spec), space, budget, arms)


def _ranked_of_factors(spec: str, space: Space, rows: Sequence[Row]) -> list[Arm]:
    return _ranked_by_effects(ADDITIVE, space, rows)


def _autoaugment_rl(spec: str, space: Space, budget: int, arms: tuple[Arm, ...] | None) -> Any:
    # It imports Optuna, and the service reads the table without it.
    from policysearch.study.autoaugment_rl.strategy import autoaugment_rl

    return autoaugment_rl(spec, space)


def _density(spec: str, space: Space, budget: int, arms: tuple[Arm, ...] | None) -> Any:
    # It imports Optuna too.
    from policysearch.study.density_strategy import DensityStrategy

    settings = density_settings(spec)
    assert settings is not None
    return DensityStrategy(settings, space)


def _by_class(spec: str, space: Space, budget: int, arms: tuple[Arm, ...] | None) -> Any:
    # It imports Optuna too.
    from policysearch.study.by_class.strategy import ByClassStrategy

    settings = by_class_settings(spec)
    assert settings is not None
    return ByClassStrategy(settings, space, budget, arms)


FURTHER: dict[str, FurtherStrategy] = {
    ADDITIVE: FurtherStrategy(
        "a screening design over the factors of a space such as recipe, then Thompson sampling of a Bayesian linear "
        "model of what each factor adds",
        additive_settings,
        _additive,
        rank=_ranked_by_effects,
    ),
    BY_FACTOR: FurtherStrategy(
        "a rule for each factor of a space such as recipe, over its levels (replicates, rule)",
        by_factor_settings,
        _by_factor,
        rank=_ranked_of_factors,
    ),
    AUTOAUGMENT_RL: FurtherStrategy(
        "AutoAugment's search (Cubuk et al. 2018): an LSTM writes sub-policies and learns by PPO; for many pulls",
        parsed_settings,
        _autoaugment_rl,
        concatenated,
        composed=1,
        caution=too_few_pulls,
    ),
    DENSITY: FurtherStrategy(
        "Fast AutoAugment (Lim et al. 2019): networks of folds, without augmentation, score policies on held-out "
        "images, and the best are merged; few trainings",
        density_settings,
        _density,
    ),
    BY_CLASS: FurtherStrategy(
        "a rule over the arms, then over parts for the classes alone that the best arm harms (common, replicates, "
        "classes, parts, rule)",
        by_class_settings,
        _by_class,
        composed=1,
        caution=too_few_for_classes,
    ),
}


def composed_arms(spec: str, ranked: Sequence[Arm]) -> tuple[Arm, ...]:
    """The arms that a strategy makes of the best of its search; none for most.

    Args:
        spec: the strategy.
        ranked: arms with a reward, best first.
    """
    strategy = FURTHER.get(spec.partition(":")[0])
    return strategy.compose(spec, ranked) if strategy else ()


def ranked_arms(spec: str, space: Space, rows: Sequence[Row]) -> list[Arm] | None:
    """The arms by what their strategy thinks of them, best first; None where it leaves that to their means.

    Args:
        spec: the strategy.
        space: of the search.
        rows: its trials.
    """
    strategy = FURTHER.get(spec.partition(":")[0])
    return strategy.rank(spec, space, rows) if strategy and strategy.rank else None


def has_ranking(spec: str) -> bool:
    """Whether a strategy says itself which of its arms are best."""
    strategy = FURTHER.get(spec.partition(":")[0])
    return bool(strategy and strategy.rank)


def strategy_caution(spec: str, pulls: int) -> str:
    """A sentence of warning where a search of so many pulls is not what its strategy is for; empty for most."""
    strategy = FURTHER.get(spec.partition(":")[0])
    return strategy.caution(spec, pulls) if strategy else ""


def composed_count(spec: str) -> int:
    """How many arms a strategy makes of the best of its search, at most."""
    strategy = FURTHER.get(spec.partition(":")[0])
    return strategy.composed if strategy else 0
