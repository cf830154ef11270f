"""A table as CSV that programs can read: numbers without units, and an interval as three columns."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from policysearch.reports.table import Grid

_NUMBER = r"[+−-]?[\d,]*\.?\d+(?:e[+-]?\d+)?"
_CELL = re.compile(rf"({_NUMBER})( %| points| ms| s|)(?: \[({_NUMBER}), ({_NUMBER})\])?")
_NONE = ("–", "")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_INTERVAL = re.compile(r" \[95 %\]$")


def comma_separated(grid: Grid) -> str:
    """The table as CSV (RFC 4180), its title left out.

    Units go from the cells to the heads, or to a column where they differ; an interval gives the columns `low` and
    `high`, and – becomes an empty cell. Text that a spreadsheet would take for a formula begins with an
    apostrophe.

    Example:
        >>> rows = (("flip", "82.50 % [81.44, 83.56]", "1,200"), ("=2+2", "–", "4"))
        >>> print(comma_separated(Grid("Scores", ("policy", "accuracy [95 %]", "images"), rows)).replace(chr(13), ""))
        policy,accuracy (%),accuracy (%) low,accuracy (%) high,images
        flip,82.50,81.44,83.56,1200
        '=2+2,,,,4
        <BLANKLINE>
    """
    columns = [_text_column(grid.heads[0], [row[0] for row in grid.rows])]
    columns += [_column(head, [row[i] for row in grid.rows]) for i, head in enumerate(grid.heads) if i]
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow([head for heads, _ in columns for head in heads])
    for i in range(len(grid.rows)):
        writer.writerow([cell for _, cells in columns for cell in cells[i]])
    return file.getvalue()


Column = tuple[list[str], list[list[str]]]
"""Heads, and the cells of every row."""


def _text_column(head: str, cells: Sequence[str]) -> Column:
    return [_safe(head)], [[_safe(cell)] for cell in cells]


def _column(head: str, cells: Sequence[str]) -> Column:
    """A column of numbers where all that is said in it is numbers of one unit, else the text as it is."""
    matches = [None if cell in _NONE else _CELL.fullmatch(cell) for cell in cells]
    numbers = [match for match in matches if match]
    words = sum(cell not in _NONE for cell in cells) - len(numbers)
    units = {match[2] for match in numbers}
    ranges = bool(_INTERVAL.search(head)) or any(match[3] for match in numbers)
    mixed = len(units) > 1
    if not numbers or ((words or mixed) and not ranges):
        return _text_column(head, ["" if cell in _NONE else cell for cell in cells])

    unit = "" if mixed else units.pop().strip()
    name = _safe(_INTERVAL.sub("", head)) + (f" ({unit})" if unit else "")
    heads = [name, *([f"{name} low", f"{name} high"] if ranges else []), *([f"{name} unit"] if mixed else [])]
    rows = [_values(cell, match)[: len(heads)] for cell, match in zip(cells, matches, strict=True)]
    return heads, rows


def _values(cell: str, match: re.Match[str] | None) -> list[str]:
    """The number, the ends of its interval, and its unit; or the text."""
    if match is None:
        return [_safe(cell.strip("–")), "", "", ""]
    return [_plain(match[1]), _plain(match[3]), _plain(match[4]), match[2].strip()]


def _plain(number: str | None) -> str:
    """Digits as programs read them."""
    return (number or "").replace(",", "").replace("−", "-").removeprefix("+")


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
