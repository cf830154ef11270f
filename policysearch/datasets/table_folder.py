"""A folder of images with a table `labels.csv`, one for all, or one in the folder of each part."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from policysearch.core.errors import UserError
from policysearch.core.readable import counted, readable_name, some
from policysearch.datasets.folder_tree import Folder, scan
from policysearch.datasets.source import TRAIN, Listing, part_called

LABELS = "labels.csv"
"""The file in a folder that says what its images are labelled with."""
_SHOWN = 3


class TableRow(Protocol):
    """A row of a table: an image and its part."""

    @property
    def path(self) -> Path: ...

    @property
    def part(self) -> str: ...


RowT = TypeVar("RowT", bound=TableRow)


class TableFolder(ABC, Generic[RowT]):
    """A folder of images with its tables; it is looked through once.

    | layout | read as |
    | - | - |
    | `labels.csv` | training images; `train/…`, `val/…`, `test/…` before a file's name are parts |
    | `labels.csv` with a column `part` | the parts of that column |
    | `train/labels.csv`, `val/labels.csv`, `test/labels.csv` | parts; files are named from the table's folder |

    Args:
        path: the folder.
        tree: what is below it, where that is known already: the contents of an archive, say.
    """

    def __init__(self, path: Path, tree: Folder | None = None) -> None:
        self.path = path
        self._contents = tree

    @abstractmethod
    def read(self, table: Path, part: str | None) -> tuple[list[RowT], list[str]]:
        """The rows of a table, all of one part where that is given, and what a person should know of them."""

    @abstractmethod
    def items(self, rows: Sequence[RowT]) -> Listing:
        """The images of the rows of all tables."""

    @abstractmethod
    def without_table(self) -> str:
        """The message for a folder that has no table."""

    @cached_property
    def tree(self) -> Folder:
        """What is below the folder."""
        return scan(self.path) if self._contents is None else self._contents

    @cached_property
    def _tables(self) -> dict[Path, str | None]:
        tables = tables_of(self.path)
        if not tables:
            raise UserError(self.without_table())
        return tables

    @cached_property
    def _rows(self) -> tuple[list[RowT], list[str]]:
        rows: list[RowT] = []
        notes: list[str] = []
        for table, part in self._tables.items():
            more, remarks = self.read(table, part)
            rows += more
            notes += remarks
        if not any(row.part == TRAIN for row in rows):
            raise UserError(f"{self.path / LABELS} has no training images: some rows must be of the part train")
        return rows, notes

    def files(self) -> list[Path]:
        """The images that `listing` lists, sorted, and the tables.

        Raises:
            UserError: as `listing`.
        """
        return [*sorted(row.path for row in self._rows[0]), *self._tables]

    def listing(self, group: str | None) -> Listing:
        """The images, in the order of their tables.

        Args:
            group: must be None: a table of labels has no groups.

        Raises:
            UserError: there is no table, or it is wrong.
        """
        if group is not None:
            raise UserError(f"--group {group}: there is no such file; images in a folder are grouped by a CSV file")
        return self.items(self._rows[0])

    def remarks(self) -> tuple[str, ...]:
        """What was repeated or left out, a sentence each.

        Raises:
            UserError: as `listing`.
        """
        rows, notes = self._rows
        listed = {row.path for row in rows}
        others = [path.relative_to(self.path).as_posix() for path in self.tree.all_images() if path not in listed]
        if not others:
            return tuple(notes)
        number = counted(len(others), "image", "images")
        return (*notes, f"left out, since in no {LABELS}: {number} ({some(others, _SHOWN)})")


def tables_of(path: Path) -> dict[Path, str | None]:
    """The part of each table in a folder; None for the one whose rows say."""
    whole = path / LABELS
    if whole.is_file():
        return {whole: None}
    folders = sorted(folder for folder in path.iterdir() if folder.is_dir())
    tables: dict[Path, str | None] = {folder / LABELS: part_called(folder.name) for folder in folders}
    tables = {table: part for table, part in tables.items() if part and table.is_file()}
    return tables if TRAIN in tables.values() else {}


def shown_name(path: Path, folder: Path) -> str:
    """What a person finds an image by."""
    return readable_name(path.relative_to(folder).as_posix())
