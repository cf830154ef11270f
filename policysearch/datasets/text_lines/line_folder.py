"""A folder of lines: images with a `labels.csv`, one for all, or one in the folder of each part."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path

from policysearch.core.errors import UserError
from policysearch.core.readable import counted, readable_name, some
from policysearch.datasets.folder_tree import Folder, scan
from policysearch.datasets.source import TRAIN, Item, Listing, part_called, read_file
from policysearch.datasets.text_lines.contents import LINE
from policysearch.datasets.text_lines.label_table import LABELS, LabelledLine, has_columns, read_labels

_SHOWN = 3


class LineFolder:
    """A folder of lines of text; it is looked through once.

    | layout | read as |
    | - | - |
    | `labels.csv` with file,text | training lines; `train/…`, `val/…`, `test/…` before a file's name are parts |
    | `labels.csv` with file,text,part | the parts of the third column |
    | `train/labels.csv`, `val/labels.csv`, `test/labels.csv` | parts; files are named from the table's folder |

    Args:
        path: the folder.
        tree: what is below it, where that is known already: the contents of an archive, say.
    """

    def __init__(self, path: Path, tree: Folder | None = None) -> None:
        self.path = path
        self._contents = tree

    @cached_property
    def _tree(self) -> Folder:
        return scan(self.path) if self._contents is None else self._contents

    @cached_property
    def _tables(self) -> dict[Path, str | None]:
        tables = _tables(self.path)
        if not tables:
            raise UserError(self._no_table())
        return tables

    @cached_property
    def _rows(self) -> tuple[list[LabelledLine], list[str]]:
        lines: list[LabelledLine] = []
        notes: list[str] = []
        for table, part in self._tables.items():
            more, remarks = read_labels(table, part)
            lines += more
            notes += remarks
        if not any(line.part == TRAIN for line in lines):
            raise UserError(f"{self.path / LABELS} has no training lines: some rows must be of the part train")
        return lines, notes

    def files(self) -> list[Path]:
        """The images that `listing` lists, sorted, and the tables.

        Raises:
            UserError: as `listing`.
        """
        return [*sorted(line.path for line in self._rows[0]), *self._tables]

    def listing(self, group: str | None) -> Listing:
        """The lines, in the order of their tables.

        Args:
            group: must be None: a table of labels has no groups.

        Raises:
            UserError: there is no table, or it is wrong (see `read_labels`).
        """
        if group is not None:
            raise UserError(f"--group {group}: there is no such file; images in a folder are grouped by a CSV file")
        return Listing(list(self._items()), LINE)

    def _items(self) -> Iterator[Item]:
        for line in self._rows[0]:
            name = readable_name(line.path.relative_to(self.path).as_posix())
            yield Item(name, line.part, partial(read_file, line.path, 0), text=line.text)

    def remarks(self) -> tuple[str, ...]:
        """What was repeated or left out, a sentence each.

        Raises:
            UserError: as `listing`.
        """
        lines, notes = self._rows
        listed = {line.path for line in lines}
        others = [path.relative_to(self.path).as_posix() for path in self._tree.all_images() if path not in listed]
        if not others:
            return tuple(notes)
        number = counted(len(others), "image", "images")
        return (*notes, f"left out, since in no {LABELS}: {number} ({some(others, _SHOWN)})")

    def _no_table(self) -> str:
        with_classes = len(self._tree.holding) > 1
        instead = (
            "; its sub-folders look like classes: leave out --task text-lines to learn these" if with_classes else ""
        )
        return (
            f"{self.path} has no {LABELS}, nor {TRAIN}/{LABELS}: --task text-lines needs a table file,text that says "
            f"what each image says{instead}"
        )


def has_table(path: Path) -> bool:
    """Whether a folder has a table with the columns of a file and a text, or one in the folder of its training part."""
    return any(map(has_columns, _tables(path)))


def _tables(path: Path) -> dict[Path, str | None]:
    """The part of each table in a folder; None for the one whose rows say."""
    whole = path / LABELS
    if whole.is_file():
        return {whole: None}
    folders = sorted(folder for folder in path.iterdir() if folder.is_dir())
    tables: dict[Path, str | None] = {folder / LABELS: part_called(folder.name) for folder in folders}
    tables = {table: part for table, part in tables.items() if part and table.is_file()}
    return tables if TRAIN in tables.values() else {}
