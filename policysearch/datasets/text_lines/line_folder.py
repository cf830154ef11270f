"""A folder of lines: images with a `labels.csv`, one for all, or one in the folder of each part."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from policysearch.datasets.source import TRAIN, Item, Listing, read_file
from policysearch.datasets.table_folder import LABELS, TableFolder, shown_name, tables_of
from policysearch.datasets.text_lines.contents import LINE
from policysearch.datasets.text_lines.label_table import LabelledLine, has_columns, read_labels


class LineFolder(TableFolder[LabelledLine]):
    """A folder of lines of text: tables with the columns file and text, see `TableFolder`."""

    def read(self, table: Path, part: str | None) -> tuple[list[LabelledLine], list[str]]:
        """As `read_labels`."""
        return read_labels(table, part)

    def items(self, rows: Sequence[LabelledLine]) -> Listing:
        """The lines of all tables."""
        return Listing([self._item(line) for line in rows], LINE)

    def _item(self, line: LabelledLine) -> Item:
        return Item(shown_name(line.path, self.path), line.part, partial(read_file, line.path, 0), text=line.text)

    def without_table(self) -> str:
        """The message for a folder without a table, whose sub-folders may be classes."""
        with_classes = len(self.tree.holding) > 1
        instead = (
            "; its sub-folders look like classes: leave out --task text-lines to learn these" if with_classes else ""
        )
        return (
            f"{self.path} has no {LABELS}, nor {TRAIN}/{LABELS}: --task text-lines needs a table file,text that says "
            f"what each image says{instead}"
        )


def has_table(path: Path) -> bool:
    """Whether a folder has a table with the columns of a file and a text, or one in the folder of its training part."""
    return any(map(has_columns, tables_of(path)))
