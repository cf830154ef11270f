"""Settings as command-line flags, so that the two never disagree."""

from __future__ import annotations

import inspect
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from policysearch.child.recipe import Recipe
from policysearch.study.config import read_config, validated

Command = Callable[..., None]
Group = TypeVar("Group", bound=BaseModel)
Panel = tuple[str, type[BaseModel]]
"""What the help calls a group of settings, and the group."""

RECIPE: Panel = ("Child training (defaults of quick-resnet-wide; see `policysearch models`)", Recipe)
"""The panel of flags that say how a child is trained."""


def with_flags(*panels: Panel) -> Callable[[Command], Command]:
    """Give a command, as `**flags`, a flag for every setting of these groups.

    A setting that is a parameter of the command itself, or is in an earlier panel too, gets no second flag.
    """

    def decorate(function: Command) -> Command:
        signature = inspect.signature(function, eval_str=True)
        parameters = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        for title, group in panels:
            taken = {parameter.name for parameter in parameters}
            parameters += [flag for flag in _flags(title, group) if flag.name not in taken]

        function.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        function.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return function

    return decorate


def used(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that were on the command line, by the names of their settings."""
    return {name: value for name, value in flags.items() if value is not None}


def split_off(group: type[Group], flags: Mapping[str, Any]) -> tuple[Group, dict[str, Any]]:
    """The settings of a group that the command line or a config file gives, and the settings that are left.

    Raises:
        UserError: a value is out of range.
    """
    values = used(flags)
    settings = {name: values.pop(name) for name in group.model_fields if name in values}
    return validated(group, settings), values


def merged(config: Path | None, flags: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a config file, overridden by the flags on the command line; not yet validated.

    Raises:
        UserError: the file cannot be read.
    """
    values = read_config(config) if config else {}
    settings = used(flags)
    recipe = {name: settings.pop(name) for name in Recipe.model_fields if name in settings}
    if recipe:
        from_file = values.get("recipe", {})
        # What is no table is left to be refused when the settings are validated.
        values["recipe"] = {**from_file, **recipe} if isinstance(from_file, dict) else from_file
    return {**values, **settings}


def command_line() -> str:
    """What was typed, for the record."""
    return shlex.join(["policysearch", *sys.argv[1:]])


def _flags(title: str, group: type[BaseModel]) -> Iterator[inspect.Parameter]:
    for name, field in group.model_fields.items():
        kind = _flag_type(field.annotation)
        if kind is None:
            continue
        option = typer.Option(*_flag_names(name, kind), help=_help(field), rich_help_panel=title, show_default=False)
        annotation = Annotated[kind | None, option]  # type: ignore[valid-type]
        yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _flag_type(annotation: Any) -> type | None:
    """What the flag of a setting of this type takes; None for a table. A choice is checked by the config."""
    if get_origin(annotation) is Literal:
        return str
    kind = next((k for k in get_args(annotation) if k is not type(None)), annotation)
    return kind if kind in (int, float, str, bool) else None


def _flag_names(name: str, kind: type) -> list[str]:
    flag = name.replace("_", "-")
    return [f"--{flag}/--no-{flag}"] if kind is bool else [f"--{flag}"]


def _help(field: FieldInfo) -> str:
    choices = f"{', '.join(get_args(field.annotation))}: " if get_origin(field.annotation) is Literal else ""
    default = f" (default: {field.default})" if field.default not in (None, False, "") else ""
    return f"{choices}{field.description or ''}{default}".strip()
