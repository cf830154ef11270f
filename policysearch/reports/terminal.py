"""What is printed in the terminal: sentences and tables in which a name is only ever text.

All printing by rich goes through this module, because rich takes strings for markup: `[bold]` vanishes, `[/x]` raises
and `:dog:` becomes a picture. Nothing is cut, and no word is broken that fits into a line.
"""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from policysearch.core.readable import readable
from policysearch.reports.table import Grid

_WIDE = 120
"""Columns where nobody sees them: in a file, or a pipe."""
_NARROWEST_NAME = 16
_BREAKS = re.compile(r"(?<=[\s,(+/:])")
"""Where a name may go on in the next line, and where the parts of one that is longer still may."""
_LAST_BREAKS = re.compile(r"(?<=[-=])")
_HELD = re.compile(r"`[^`]*`|\[[−\d.-]+, [−\d.-]+\]|\d (?=%|points)|n = \d")
"""What stays in one line: a command between backticks, an interval, a number with its unit."""
_EDGE = 1  # column on the right of a table
_HARD = "\u00a0"  # a space that no line ends at


def output_console() -> Console:
    """The console of results: as wide as the terminal or as COLUMNS says, elsewhere as wide as tables like."""
    console = Console()
    if console.is_terminal or os.environ.get("COLUMNS"):
        return console
    return Console(width=_WIDE)


def plain(text: str, style: str = "") -> Text:
    """A text for rich to show as it is, with control characters made visible."""
    return Text(readable(text), style=style)


def say(console: Console, text: str, style: str = "") -> None:
    """Print text, its lines broken between words only; commands, intervals and numbers with units stay whole."""
    lines = [line for part in readable(text).split("\n") for line in _wrapped(part, console.width)]
    console.print(plain("\n".join(lines)), style=style or None, soft_wrap=True)


def _wrapped(line: str, width: int) -> list[str]:
    held = _HELD.sub(lambda match: match[0].replace(" ", _HARD) if len(match[0]) <= width else match[0], line)
    indent = " " * (len(line) - len(line.lstrip()))
    wrapped = textwrap.wrap(
        held, width, break_long_words=False, break_on_hyphens=False, initial_indent="", subsequent_indent=indent
    )
    return [part.replace(_HARD, " ") for part in wrapped] or [""]


def show_grid(console: Console, grid: Grid) -> None:
    """Print a table; where it is too wide, as several, each with the names of the rows and some of the columns."""
    names = _names(grid, console.width - _EDGE)
    room = console.width - _EDGE - _width(names) - _gaps(1)
    for i, group in enumerate(_groups(grid, room)):
        title = f"{grid.title} (continued)" if i else grid.title
        console.print(_table(title, grid, names, group, room))


def _names(grid: Grid, width: int) -> list[str]:
    """The head of the first column, then its cells, broken into lines where the table is too wide."""
    names = [readable(name) for name in (grid.heads[0], *(row[0] for row in grid.rows))]
    others = sum(_gaps(1) + _column_width(grid, i) for i in range(1, len(grid.heads)))
    room = width - others - _gaps(1)
    most = room if room >= _NARROWEST_NAME else max(_NARROWEST_NAME, width // 3)
    return [_broken(name, most) for name in names]


def _broken(text: str, width: int) -> str:
    """Text in lines of at most `width`, each but the last ending with a space or a sign; longer words stay whole."""
    lines = [""]
    parts = [
        piece
        for part in _BREAKS.split(text)
        for piece in (_LAST_BREAKS.split(part) if len(part.rstrip()) > width else [part])
    ]
    for part in parts:
        if lines[-1] and len((lines[-1] + part).rstrip()) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)


def _groups(grid: Grid, room: int) -> list[list[int]]:
    """The other columns' places, as many together as there is room for."""
    groups: list[list[int]] = []
    used = 0
    for i in range(1, len(grid.heads)):
        need = _column_width(grid, i) + _gaps(1)
        if not groups or (groups[-1] and used + need > room):
            groups.append([])
            used = 0
        groups[-1].append(i)
        used += need
    return groups or [[]]


def _column_width(grid: Grid, i: int) -> int:
    return _width([readable(cell) for cell in (_head(grid.heads[i]), *(row[i] for row in grid.rows))])


def _head(head: str) -> str:
    return head.replace(" [", "\n[")


def _width(cells: Sequence[str]) -> int:
    return max((len(line) for cell in cells for line in cell.split("\n")), default=0)


def _gaps(columns: int) -> int:
    """What lies between columns: a space of the padding and one of the box."""
    return 2 * columns


def _table(title: str, grid: Grid, names: Sequence[str], group: Sequence[int], room: int) -> Table:
    table = Table(title=plain(title, "table.title"), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1))
    table.add_column(plain(names[0]), no_wrap=True)
    for i in group:
        table.add_column(plain(_head(grid.heads[i])), justify="right", no_wrap=True)
    for name, row in zip(names[1:], grid.rows, strict=True):
        cells = (_broken(row[i], room - _gaps(1)) if len(group) == 1 else row[i] for i in group)
        table.add_row(*map(plain, (name, *cells)), style="bold" if row[0] in grid.bold else "")
    return table
