"""Lists in the terminal."""

from __future__ import annotations

from collections.abc import Mapping

import typer


def print_columns(texts: Mapping[str, str]) -> None:
    """Print names and what is said of them in two columns."""
    width = max(map(len, texts))
    for name, text in texts.items():
        typer.echo(f"{name:<{width}}  {text}")
