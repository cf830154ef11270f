"""The configuration of a search: one validated value, from a file, from flags, or from Python."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar

import tomli_w
import yaml
from pydantic import BaseModel, ValidationError

from policysearch.child.recipe import Recipe
from policysearch.core.errors import UserError, unknown_name
from policysearch.core.files import write_whole
from policysearch.datasets.config import DataSettings
from policysearch.policy.validation import validation_message
from policysearch.study.settings import (
    ConfirmSettings,
    SearchSettings,
    StrategySettings,
)

Model = TypeVar("Model", bound=BaseModel)


class SearchConfig(SearchSettings, DataSettings):
    """Everything that determines a search. With the same config and one worker a search is repeated exactly.

    It is all groups of settings at once, flat: pass it to whatever takes one of them.

    Example:
        >>> config = SearchConfig(trials=60, recipe=Recipe(batch=64))
        >>> config.trials, config.epochs, config.recipe.batch
        (60, 80, 64)
        >>> isinstance(config, DataSettings)
        True
    """

    @property
    def last_reward(self) -> str:
        """What decides among the finalists."""
        return self.confirm_reward or self.reward

    @property
    def last_fidelity(self) -> tuple[int, int]:
        """(images, epochs) of a confirming pull."""
        return self.confirm_images or self.images, self.confirm_epochs or self.epochs


_NO_STRATEGY = StrategySettings(strategy="random", trials=1)


def without_search(config: SearchConfig) -> SearchConfig:
    """The config of an experiment that chooses no arms and confirms none: settings for that are at fixed values."""
    return config.model_copy(update={**_NO_STRATEGY.setting_values(), **ConfirmSettings(confirm=0).setting_values()})


def make_config(values: dict[str, Any], source: str = "settings") -> SearchConfig:
    """Validate the settings of a search.

    Args:
        values: settings by name; those that are missing have their defaults.
        source: where they come from, as errors begin.

    Raises:
        UserError: there is an unknown key (the message suggests the nearest), or a value is out of range.
    """
    recipe = values.get("recipe", {})
    if not isinstance(recipe, dict):
        raise UserError(f"{source}: recipe must be a table of settings, got {recipe!r}")
    _check_keys(values, SearchConfig, source)
    _check_keys(recipe, Recipe, source)
    return validated(SearchConfig, values, source)


def _check_keys(values: dict[str, Any], model: type[BaseModel], source: str) -> None:
    for key in values:
        if key not in model.model_fields:
            raise UserError(f"{source}: {unknown_name('key', str(key), model.model_fields)}")


def validated(model: type[Model], values: dict[str, Any], source: str = "settings") -> Model:
    """A group of settings with these values.

    Args:
        model: the group.
        values: settings by name.
        source: where they come from, as errors begin.

    Raises:
        UserError: a value is out of range.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{source}: {validation_message(error)}") from None


def read_config(path: str | Path) -> dict[str, Any]:
    """Read settings from a TOML or YAML file, without validating them.

    Raises:
        UserError: the file cannot be read or parsed, or holds no table of settings.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot read config file {str(path)!r}: {reason}") from None
    yaml_file = Path(path).suffix in (".yaml", ".yml")
    try:
        values = yaml.safe_load(text) if yaml_file else tomllib.loads(text)
    except (yaml.YAMLError, tomllib.TOMLDecodeError) as error:
        kind = "YAML" if yaml_file else "TOML"
        raise UserError(f"config file {str(path)!r} is not {kind}: {_place(error)}") from None
    if not isinstance(values, dict):
        raise UserError(f"config file {str(path)!r} holds no settings, such as trials = 60")
    return values


def _place(error: Exception) -> str:
    """What is wrong and where, without the line itself: it may hold a storage's password."""
    mark = getattr(error, "problem_mark", None)
    return " ".join(str(error).split()) if mark is None else f"{error.problem} (line {mark.line + 1})"  # type: ignore[attr-defined]


def load_config(path: str | Path) -> SearchConfig:
    """Read and validate the config in a TOML or YAML file.

    Raises:
        UserError: the file cannot be read or parsed, has an unknown key, or a value is out of range.
    """
    return make_config(read_config(path), f"config file {str(path)!r}")


def save_config(config: SearchConfig, path: Path) -> None:
    """Write the config as TOML, settings that are None left out; the file is replaced at once."""
    write_whole(path, tomli_w.dumps(config.model_dump(exclude_none=True)))
