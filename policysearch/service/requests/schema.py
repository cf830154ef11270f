"""The JSON schema of requests, with the operator's limits and what there is to choose: forms are made of it."""

from __future__ import annotations

from typing import Any

import search_spaces
from policysearch.child.network_names import BUILT_IN
from policysearch.policy.presets import PRESETS
from policysearch.rules import RULES
from policysearch.service.requests.caps import limits_of
from policysearch.service.requests.context import RequestContext
from policysearch.service.requests.plugins import functions_in
from policysearch.service.requests.strategy import SAMPLERS
from policysearch.service.requests.validation import MODELS
from policysearch.study.further_strategies import FURTHER
from policysearch.study.populations.settings import POPULATIONS
from policysearch.study.reward_metrics import REWARDS


def schema(kind: str, context: RequestContext | None = None, data: tuple[str, ...] = ()) -> dict[str, Any]:
    """The JSON schema of requests of one kind.

    Numbers have the operator's limit as their `maximum`; fields that name something have `examples`, of which a form
    makes a list to choose from (other values may be allowed).

    Args:
        kind: of job.
        context: whose limits and names count; by default those of a server as it comes.
        data: names or ids of the data sets that are offered.
    """
    context = context or RequestContext()
    document: dict[str, Any] = MODELS[kind].model_json_schema()
    for field, most in limits_of(context).items():
        _limit(document, field, most)
    for field, examples in _choices(context, data).items():
        if field in document["properties"]:
            document["properties"][field]["examples"] = examples
    return document


def _limit(document: dict[str, Any], field: str, most: float) -> None:
    table, _, name = field.rpartition(".")
    properties = document["$defs"]["RecipeRequest"]["properties"] if table else document["properties"]
    if name not in properties:
        return
    entry = properties[name]
    number = next((kind for kind in entry.get("anyOf", []) if kind.get("type") != "null"), entry)
    number["maximum"] = min(number.get("maximum", most), most)


def _choices(context: RequestContext, data: tuple[str, ...]) -> dict[str, list[str]]:
    functions = [f"{name}:{function}" for name, path in context.plugins.items() for function in functions_in(path)]
    rewards = [*(name for name in REWARDS if ":" not in name), *functions]
    return {
        "data": list(data),
        "space": search_spaces.names(),
        "strategy": [*RULES, *POPULATIONS, *FURTHER, "tpe", *(f"optuna:{sampler}" for sampler in SAMPLERS), *functions],
        "reward": rewards,
        "confirm_reward": rewards,
        "model": [*BUILT_IN, "torchvision:resnet18", "timm:resnet10t", *functions],
        "operations": list(context.plugins),
        "policy": list(PRESETS),
        "place": [place.name for place in context.places],
    }
