"""What is printed in the terminal: sentences and tables in which a name is only ever text.

All printing by rich goes through this module, because rich takes strings for markup: `[bold]` vanishes, `[/x]` raises
and `:dog:` becomes a picture.
"""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from policysearch.core.readable import readable
from policysearch.reports.table import Grid

_NAME = 16


def plain(text: str, style: str = "") -> Text:
    """A text for rich to show as it is, with control characters made visible."""
    return Text(readable(text), style=style)


def say(console: Console, text: str, style: str = "", wrap: bool = False) -> None:
    """Print a text as it is.

    Args:
        console: where to.
        text: may have several lines.
        style: of all of it, as "bold" or "dim".
        wrap: whether rich breaks long lines between words; else the terminal does, and paths can be copied whole.
    """
    console.print(plain(text), style=style or None, soft_wrap=not wrap)


def rich_table(grid: Grid, console_is_wide: bool) -> Table:
    """A grid for the terminal: names are folded, never cut short; numbers are on the right.

    Args:
        grid: what to show.
        console_is_wide: whether there is room to keep every number in one line.
    """
    title = plain(grid.title, "table.title")
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1))
    for i, head in enumerate(grid.heads):
        side: dict[str, Any] = (
            {"justify": "right", "no_wrap": console_is_wide} if i else {"justify": "left", "min_width": _NAME}
        )
        table.add_column(plain(head.replace(" [", "\n[")), overflow="fold", **side)
    for row in grid.rows:
        table.add_row(*map(plain, row), style="bold" if row[0] in grid.bold else "")
    return table
