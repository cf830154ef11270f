"""How much a request asks for, against what the operator allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from policysearch.core.errors import UserError
from policysearch.core.tasks import task_named
from policysearch.experiments.evaluation.settings import EvaluateSettings
from policysearch.service.requests.context import RequestContext
from policysearch.service.requests.space_text import factors_of_text, points_of
from policysearch.study.density_settings import density_settings
from policysearch.study.further_strategies import composed_count
from policysearch.study.populations.settings import pulls_of_population
from policysearch.study.settings import FIXED_FINALISTS

MOST: Mapping[str, str] = MappingProxyType(
    {
        "trials": "pulls",
        "images": "images",
        "confirm_images": "images",
        "validation": "images",
        "recipe.batch": "images",
        "epochs": "epochs",
        "confirm_epochs": "epochs",
        "recipe.base_epochs": "epochs",
        "arms": "arms",
        "deadline": "job_seconds",
    }
)
"""The limit of the operator's that each number of a request may not exceed."""


def limits_of(context: RequestContext) -> dict[str, float]:
    """The largest value that each number of a request may have, by field."""
    limits = {field: getattr(context.limits, name) for field, name in MOST.items()}
    return {**limits, "workers": context.workers}


def beyond(
    kind: str, values: Mapping[str, Any], sent: Mapping[str, Any], context: RequestContext
) -> Iterator[tuple[str, str]]:
    """Fields that ask for more than is allowed, with a sentence each.

    Args:
        kind: of job.
        values: settings by name, defaults included.
        sent: those that were sent; those of the recipe inside `recipe`.
        context: whose limits count.
    """
    # A batch that nobody asked for is as large as its images at most.
    recipe = {f"recipe.{name}": value for name, value in sent.get("recipe", {}).items()}
    numbers = {**values, **recipe}
    for field, most in limits_of(context).items():
        number = numbers.get(field)
        if number is not None and number > most:
            yield field, f"may be {most:,g} here, got {number:,g}"
    pulls = context.limits.pulls
    implied = _implied_pulls(values) if kind == "search" and "trials" not in sent else 0
    if implied > pulls:
        yield "strategy", f"the strategy comes to {implied:,} pulls, and {pulls:,} are allowed"
    field, trainings = _TRAININGS[kind](values)
    if trainings > pulls:
        yield field, f"the request comes to {trainings:,} trainings, and {pulls:,} are allowed"


def _implied_pulls(values: Mapping[str, Any]) -> int:
    """Pulls of a search where none are asked for, if its strategy says how many."""
    try:
        density = density_settings(values["strategy"])
        return density.usual_trials if density else pulls_of_population(values["strategy"], values["epochs"])
    except UserError:  # the field itself is refused
        return 0


def _of_search(values: Mapping[str, Any]) -> tuple[str, int]:
    free = len(task_named(values["task"]).fixed) + points_of(values["space"])
    free = min(free, values["fixed_finalists"] or FIXED_FINALISTS)
    arms = values["finalists"] + composed_count(values["strategy"]) + free
    confirmed, ablated = arms * values["confirm"], values["ablate"] * (1 + factors_of_text(values["space"]))
    return "ablate" if ablated > confirmed else "confirm", confirmed + ablated


def _of_calibration(values: Mapping[str, Any]) -> tuple[str, int]:
    rungs = len(values["ladder"].split(",")) if values["ladder"] else 6
    return "arms", values["arms"] * (rungs * values["seeds"] + values["long_seeds"])


def _of_evaluation(values: Mapping[str, Any]) -> tuple[str, int]:
    names = ("against", "adaptive", "also", "seeds", "grid_n", "grid_m", "grid_seeds", "equal_cost", "ensemble")
    settings = EvaluateSettings(**{name: values[name] for name in names})
    try:
        policies = len(settings.names) + len(settings.others) + 1
        choosing = settings.choosing
        more = settings.ensemble + 1 if settings.equal_cost else 0
        tuned = settings.trainings or 0
    except UserError:  # the field itself is refused
        return "seeds", 0
    return "seeds", (policies + more) * settings.seeds + choosing + tuned


_TRAININGS: Mapping[str, Callable[[Mapping[str, Any]], tuple[str, int]]] = MappingProxyType(
    {"search": _of_search, "calibrate": _of_calibration, "evaluate": _of_evaluation}
)
"""For each kind the field that most decides about the number of trainings, and that number, without a search's own."""
