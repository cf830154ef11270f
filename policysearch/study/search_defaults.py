"""Space, strategy and number of pulls suit each other where a person names only some of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from policysearch.core.tasks import CLASSIFICATION
from policysearch.study.additive.settings import NAME as ADDITIVE
from policysearch.study.by_factor.settings import NAME as BY_FACTOR

_OF_FACTORS = (ADDITIVE, BY_FACTOR)
"""Strategies that need a space of factors."""
_RECIPE = "recipe"
"""The space of factors that a search has by default."""
OF_NO_FACTORS = {"strategy": "ucb"}
"""What experiments whose arms are listed (tables, comparisons, online searches) begin with."""
_PULLS = {True: 80, False: 40}
"""Pulls of a search by whether its strategy is one of factors, whose effects need more."""


def with_defaults_of_search(group: type[BaseModel], values: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """The values of a group of settings, with what suits those that are set.

    By default a search for classes has the space `recipe`, the strategy `additive` and as many pulls as that needs. A
    strategy that needs no factors has the space `default`, any other space the strategy `ucb`, and both fewer pulls.

    Args:
        group: whose fields they are; those of experiments that choose no strategy have defaults of their own.
        values: not validated yet.

    Example:
        >>> from policysearch.study.config import SearchConfig
        >>> [(c.space, c.strategy, c.trials) for c in (SearchConfig(), SearchConfig(strategy="tpe"))]
        [('recipe', 'additive', 80), ('default', 'tpe', 40)]
    """
    if "strategy" not in group.model_fields or "space" not in group.model_fields:
        return values
    space, strategy = values.get("space"), values.get("strategy")
    recipes = space == _RECIPE or (space is None and values.get("task") in (None, CLASSIFICATION))
    chosen = strategy or (ADDITIVE if recipes else OF_NO_FACTORS["strategy"])
    of_factors = str(chosen).partition(":")[0] in _OF_FACTORS
    suited = {"space": _RECIPE if of_factors else "default", "strategy": chosen, "trials": _PULLS[of_factors]}
    return {**values, **{name: value for name, value in suited.items() if values.get(name) is None}}
