"""Text in a Markdown file, in which a name is only ever text."""

from __future__ import annotations

import re

from policysearch.core.readable import readable
from policysearch.reports.table import Grid

_ACTIVE = re.compile(r"[\\`*<|]|(?<!\w)_|_(?!\w)|\[(?=[^\]]*\][(\[:])")
"""What Markdown would take for more than a letter; an interval such as [0.1, 0.2] is text to it already."""


def escaped(words: str) -> str:
    r"""Words as Markdown shows them letter by letter.

    Example:
        >>> escaped("a|b <i> [0.1, 0.2]")
        'a\\|b \\<i> [0.1, 0.2]'
    """
    return _ACTIVE.sub(r"\\\g<0>", readable(words))


def section(grid: Grid) -> str:
    """A table under its title, the names to stress in bold.

    Example:
        >>> print(section(Grid("Scores", ("policy", "loss"), (("a|b", "0.1"),), bold=("a|b",))))
        ## Scores
        <BLANKLINE>
        | policy | loss |
        | - | - |
        | **a\\|b** | 0.1 |
    """
    rows = [[escaped(head) for head in grid.heads], ["-" for _ in grid.heads]]
    for name, *cells in grid.rows:
        stressed = f"**{escaped(name)}**" if name in grid.bold else escaped(name)
        rows.append([stressed, *map(escaped, cells)])
    return "\n".join([f"## {escaped(grid.title)}", "", *(f"| {' | '.join(row)} |" for row in rows)])
