"""What there is to choose from when a job is asked for."""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Any, Literal

from fastapi import APIRouter, Request

import search_spaces
from policysearch.child.network_names import BUILT_IN
from policysearch.core.tasks import TASKS
from policysearch.policy.describe import mix_in_words, operation_in_words
from policysearch.policy.mixes import LINE_MIXES, MIXES
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.presets import PRESETS
from policysearch.rules import RULES
from policysearch.service.requests import schema
from policysearch.service.requests.plugins import functions_in
from policysearch.service.requests.strategy import SAMPLERS
from policysearch.service.web.context import context_of
from policysearch.service.web.security import Reader
from policysearch.service.web.state import service_of
from policysearch.study.reward_metrics import METRICS, REWARDS

router = APIRouter(prefix="/api/v1")


@router.get("/catalogue")
def catalogue(request: Request, viewer: Reader) -> dict[str, dict[str, str]]:
    """Names that requests may use, each with what it is: those that ship, and the operator's plugins."""
    plugins = service_of(request).options.plugins
    functions = {f"{name}:{function}": "" for name, path in plugins.items() for function in functions_in(path)}
    return {**_shipped(), "plugins": functions}


@router.get("/schema/{kind}")
def request_schema(
    request: Request, viewer: Reader, kind: Literal["search", "calibrate", "evaluate"]
) -> dict[str, Any]:
    """The JSON schema of the settings of a job of that kind, with this server's limits."""
    service = service_of(request)
    return schema(kind, context_of(service, viewer), tuple(service.data_sets.names(viewer)))


@cache
def _shipped() -> dict[str, dict[str, str]]:
    """What ships, as the command line lists it."""
    samplers = {f"optuna:{name}": "a sampler of Optuna" for name in SAMPLERS}
    return {
        "spaces": {name: _description(name) for name in search_spaces.names()},
        "strategies": {name: text for name, (text, _) in RULES.items()}
        | {"tpe": "Optuna's tree-structured Parzen estimator over the space's parameters"}
        | samplers,
        "rewards": {name: text for name, text in REWARDS.items() if ":" not in name},
        "metrics": dict(METRICS),
        "tasks": {name: task.text for name, task in TASKS.items() if "service" not in task.refused},
        "networks": {name: "built in" for name in BUILT_IN},
        "presets": {name: text for name, (text, _) in PRESETS.items()},
        "operations": {name: operation_in_words(row) for name, row in OPERATIONS.items()},
        "mixes": {name: mix_in_words(row) for name, row in {**MIXES, **LINE_MIXES}.items()},
    }


def _description(space: str) -> str:
    """What a space that ships says of itself; its arms are not built for that."""
    return str(tomllib.loads(search_spaces.text(space)).get("description", ""))
