"""What the commands share: the application, the groups of flags, settings from a file and flags."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import typer

from policysearch.child.recipe import Recipe
from policysearch.cli.flags import given
from policysearch.study.config import read_config

app = typer.Typer(
    help="Search image-augmentation policies for your own data and network.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

RECIPE = ("Child training (defaults of small-resnet; see `policysearch models`)", Recipe)
"""The panel of flags that say how a child is trained."""


def merged(config: Path | None, flags: dict[str, Any]) -> dict[str, Any]:
    """The file's settings, overridden by the flags that were given."""
    values = read_config(config) if config else {}
    told = given(flags)
    recipe = {name: told.pop(name) for name in list(told) if name in Recipe.model_fields}
    if recipe:
        own = values.get("recipe", {})
        values["recipe"] = {**own, **recipe} if isinstance(own, dict) else own
    return {**values, **told}


def command_line() -> str:
    """What was typed."""
    return shlex.join(["policysearch", *sys.argv[1:]])


def listed(rows: dict[str, str]) -> None:
    """Print names and texts in two columns."""
    width = max(map(len, rows))
    for name, text in rows.items():
        typer.echo(f"{name:<{width}}  {text}")
