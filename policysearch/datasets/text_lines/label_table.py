"""The table `labels.csv` of a folder of lines: which file says what."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from policysearch.core.errors import UserError
from policysearch.core.readable import counted, readable_name, some
from policysearch.datasets.source import TRAIN, part_called
from policysearch.datasets.text_lines.contents import TEXT_COLUMNS, line_text

FILE_COLUMNS = ("file", "file_name", "filename", "image", "path")
"""Usual names of the column of files."""
PART_COLUMNS = ("part", "split", "subset")
"""Usual names of the column of parts."""
_CLASS = ("label", "class")
_SHOWN = 3


@dataclass(frozen=True)
class LabelledLine:
    """A row of the table.

    Attributes:
        path: of the image.
        part: train, validation or test.
        text: what it says.
    """

    path: Path
    part: str
    text: str


@dataclass(frozen=True)
class _Columns:
    """Where in a row its cells are; the part's is None where there is no such column."""

    file: int
    text: int
    part: int | None
    count: int


def read_labels(table: Path, part: str | None = None) -> tuple[list[LabelledLine], list[str]]:
    """The rows of a `labels.csv`, and what a person should know of them, a sentence each.

    Args:
        table: the file; its rows name files below its folder.
        part: of all its rows; None: that of the column `part`, or of the folder that a file is in, or train.

    Raises:
        UserError: the table cannot be read, has no such columns, names a file that is not there or twice with another
            text, or has a text that is none.
    """
    rows = table_rows(table)
    columns = _columns(table, rows[0])
    lines: dict[Path, LabelledLine] = {}
    repeated: list[str] = []
    missing: list[str] = []
    for number, row in enumerate(rows[1:], 2):
        if len(row) != columns.count:
            raise UserError(
                f"{table} has {len(row)} cells in line {number} and {columns.count} in its header: a text with a comma "
                "needs quotes"
            )
        line = _line(table, row, columns, part)
        before = lines.setdefault(line.path, line)
        if before is not line:
            _must_agree(table, before, line)
            repeated.append(row[columns.file])
        elif not line.path.is_file():
            missing.append(row[columns.file])

    if missing:
        number_of_files = counted(len(missing), "file that is", "files that are")
        raise UserError(f"{table} names {number_of_files} not there: {some_names(missing)}")
    if not lines:
        raise UserError(f"{table} has a header and no rows: it needs one for each image, such as line1.png,hello")
    notes = [
        f"{table} names {counted(len(repeated), 'file', 'files')} twice, with the same text: {some_names(repeated)}"
    ]
    return list(lines.values()), notes if repeated else []


def has_columns(table: Path) -> bool:
    """Whether a table has the columns of files and of texts.

    Raises:
        UserError: it cannot be read.
    """
    names = [cell.strip().lower() for cell in table_rows(table)[0]]
    return place_of(names, FILE_COLUMNS) is not None and place_of(names, TEXT_COLUMNS) is not None


def some_names(names: Sequence[str]) -> str:
    """The first few names of files, and how many more there are."""
    return readable_name(some(names, _SHOWN))


def table_rows(table: Path, header: str = "file,text") -> list[list[str]]:
    """The rows of a table, its header first.

    Args:
        table: the file.
        header: that it needs, for messages.

    Raises:
        UserError: it is no CSV, or is empty.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{table} is no CSV in UTF-8: {error}") from None
    if not rows:
        raise UserError(f"{table} is empty: it needs the header {header} and a row for each image")
    return rows


def _columns(table: Path, header: Sequence[str]) -> _Columns:
    names = [cell.strip().lower() for cell in header]
    file, text, part = (place_of(names, usual) for usual in (FILE_COLUMNS, TEXT_COLUMNS, PART_COLUMNS))
    if file is not None and text is not None:
        return _Columns(file, text, part, len(header))
    columns = f"its first line is {','.join(header)[:80]!r}"
    if file is not None and place_of(names, _CLASS) is not None:
        raise UserError(
            f"{table} has labels of classes and no texts ({columns}): --task text-lines needs a column text with what "
            "each line says; classes are sub-folders, without --task text-lines"
        )
    raise UserError(f"{table} must begin with the header file,text (a third column may be part), and {columns}")


def place_of(names: Sequence[str], usual: Sequence[str]) -> int | None:
    """Where in a header the first of some usual names is, or None."""
    return next((names.index(name) for name in usual if name in names), None)


def file_of_cell(table: Path, cell: str) -> PurePosixPath:
    """The file that a cell names, below the folder of its table.

    Raises:
        UserError: it names none, or one elsewhere.
    """
    file = PurePosixPath(cell.strip().replace("\\", "/"))
    if file.is_absolute() or ".." in file.parts or not file.name:
        raise UserError(f"{table} names {str(file)!r}: files must be below the folder of the table")
    return file


def _line(table: Path, row: Sequence[str], columns: _Columns, part: str | None) -> LabelledLine:
    file = file_of_cell(table, row[columns.file])
    text = line_text(row[columns.text], f"{table}: {readable_name(str(file))}")
    cell = None if columns.part is None else row[columns.part]
    return LabelledLine(table.parent / file, part or part_of_row(table, cell, file), text)


def part_of_row(table: Path, cell: str | None, file: PurePosixPath) -> str:
    """The part of a row: that of its cell, or without one of the folder that its file is in, or train.

    Raises:
        UserError: the cell names no part.
    """
    if cell is None:
        return (part_called(file.parts[0]) if len(file.parts) > 1 else None) or TRAIN
    part = part_called(cell.strip())
    if part is None:
        raise UserError(f"{table} gives {file} the part {cell.strip()!r}: parts are train, validation and test")
    return part


def _must_agree(table: Path, one: LabelledLine, other: LabelledLine) -> None:
    if one.text != other.text:
        raise UserError(f"{table} names {one.path.name} twice, with {one.text!r} and with {other.text!r}: keep one row")
    if one.part != other.part:
        raise UserError(f"{table} puts {one.path.name} into the parts {one.part} and {other.part}: keep one row")
