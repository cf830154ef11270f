"""Lists in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import typer


def print_columns(texts: Mapping[str, str]) -> None:
    """Print names and what is said of them in two columns."""
    for line in said_in_columns(texts):
        typer.echo(line)


def said_in_columns(texts: Mapping[str, str]) -> Iterator[str]:
    """Names and what is said of them, a line each."""
    width = max(map(len, texts))
    for name, text in texts.items():
        yield f"{name:<{width}}  {text}"
