"""Settings as command-line flags, so that the two never disagree."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

Command = Callable[..., None]
Panel = tuple[str, type["BaseModel"]]
"""What the help calls a group of settings, and the group."""


def with_flags(app: typer.Typer, *panels: Panel) -> Callable[[Command], Command]:
    """Register a command that takes, as `**flags`, a flag for every setting of these groups.

    A setting that is a parameter of the command itself, or is in an earlier panel too, gets no second flag.
    """

    def register(function: Command) -> Command:
        signature = inspect.signature(function, eval_str=True)
        parameters = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        for title, group in panels:
            taken = {parameter.name for parameter in parameters}
            parameters += [flag for flag in _flags(title, group.model_fields) if flag.name not in taken]
        function.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        function.__annotations__ = {p.name: p.annotation for p in parameters}
        return app.command(function.__name__)(function)

    return register


def given(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that were given."""
    return {name: value for name, value in flags.items() if value is not None}


def _flags(panel: str, settings: Mapping[str, FieldInfo]) -> Iterator[inspect.Parameter]:
    for name, field in settings.items():
        kind = _flag_type(field.annotation)
        if kind is None:
            continue
        option = typer.Option(*_flag_names(name, kind), help=_help(field), rich_help_panel=panel, show_default=False)
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
    default = f" (default: {field.default})" if field.default is not None and field.default is not False else ""
    return f"{choices}{field.description or ''}{default}".strip()
