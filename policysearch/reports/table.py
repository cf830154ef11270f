"""A table as text, for the terminal, for Markdown and for pages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Grid:
    """A table: its first column names the rows, `bold` are the names to stress."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    bold: tuple[str, ...] = ()
