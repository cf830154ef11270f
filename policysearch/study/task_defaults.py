"""The settings of a task that a person left open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from policysearch.child.recipe import Recipe
from policysearch.core.tasks import OWN_TRAINING, TASKS


def with_task_of_function(values: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """The values of a group of settings, with the task that follows from a training function where none is named.

    Args:
        values: not validated yet.
    """
    if values.get("train") is None or values.get("task") is not None:
        return values
    return {**values, "task": OWN_TRAINING}


def with_defaults_of_task(group: type[BaseModel], values: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """The values of a group of settings, and the task's own defaults for those of its fields that are not set.

    Args:
        group: whose fields they are; defaults of settings that it has not are left out.
        values: not validated yet.
    """
    task = TASKS.get(str(values.get("task")))
    if task is None or not (task.defaults or task.recipe):
        return values
    defaults = {name: value for name, value in task.defaults.items() if name in group.model_fields}
    return {**defaults, **values, "recipe": _recipe(values.get("recipe", {}), task.recipe)}


def _recipe(recipe: Any, defaults: Mapping[str, Any]) -> Any:
    """The recipe with the task's values where it leaves them open; what is no recipe stays, to be refused."""
    if isinstance(recipe, Recipe):
        return recipe.model_copy(update={k: v for k, v in defaults.items() if k not in recipe.model_fields_set})
    return {**defaults, **recipe} if isinstance(recipe, Mapping) else recipe
