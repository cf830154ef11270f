"""The configuration of a search: one validated value, from a file, from flags, or from Python."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, get_args

import tomli_w
import yaml
from pydantic import BaseModel, ValidationError

from policysearch.child.recipe import Recipe
from policysearch.core.errors import UserError, in_one_sentence
from policysearch.core.files import write_whole
from policysearch.datasets.config import DataSettings
from policysearch.policy.validation import validation_messages
from policysearch.study.other_names import unknown_key
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

    mistakes = [*_key_mistakes(values, SearchConfig), *_key_mistakes(recipe, Recipe)]
    settings = {key: value for key, value in values.items() if key in SearchConfig.model_fields}
    if "recipe" in settings:
        settings["recipe"] = {key: value for key, value in recipe.items() if key in Recipe.model_fields}
    try:
        config = SearchConfig.model_validate(settings)
    except ValidationError as error:
        mistakes += validation_messages(error)
    if mistakes:
        raise UserError(f"{source}: {in_one_sentence(mistakes)}")
    return config


def _key_mistakes(values: dict[str, Any], model: type[BaseModel]) -> Iterator[str]:
    """What is wrong with the keys of a table, and with texts where a number is meant."""
    for key, value in values.items():
        field = model.model_fields.get(str(key))
        if field is None:
            yield unknown_key(str(key), model.model_fields)
        elif isinstance(value, str) and {int, bool} & {field.annotation, *get_args(field.annotation)}:
            yield f"{key} must be written without quotes, got {value!r}"


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
        raise UserError(f"{source}: {in_one_sentence(validation_messages(error))}") from None


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
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # also numbers of 5,000 digits, lists without end
        kind = "YAML" if yaml_file else "TOML"
        raise UserError(f"config file {str(path)!r} is not {kind}: {_place(error)}") from None
    if not isinstance(values, dict):
        raise UserError(f"config file {str(path)!r} holds no settings, such as trials = 60")
    return values


def _place(error: Exception) -> str:
    """What is wrong and where, without the line itself: it may hold a storage's password."""
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        return f"{error.problem} (line {mark.line + 1})"  # type: ignore[attr-defined]
    reason = " ".join(str(error).split())
    return f'{reason}: text needs quotes, as in strategy = "ucb"' if reason.startswith("Invalid value") else reason


def load_config(path: str | Path) -> SearchConfig:
    """Read and validate the config in a TOML or YAML file.

    Raises:
        UserError: the file cannot be read or parsed, has an unknown key, or a value is out of range.
    """
    return make_config(read_config(path), f"config file {str(path)!r}")


def save_config(config: SearchConfig, path: Path) -> None:
    """Write the config as TOML, settings that are None left out; the file is replaced at once."""
    write_whole(path, tomli_w.dumps(config.model_dump(exclude_none=True)))
