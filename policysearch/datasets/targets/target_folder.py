"""A folder of images with labels or numbers in a `labels.csv`, one for all, or one in the folder of each part."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from policysearch.datasets.source import TRAIN, Item, Listing, read_file
from policysearch.datasets.table_folder import LABELS, TableFolder, shown_name, tables_of
from policysearch.datasets.targets.needs import TARGET_NEEDS
from policysearch.datasets.targets.target_table import LabelledImage, read_targets, targets_of


def hint_at_targets(path: Path) -> str:
    """The end of a message on a folder that cannot be read by classes: that it has a table, if it has one."""
    try:
        has_table = path.is_dir() and bool(tables_of(path))
    except OSError:
        has_table = False
    if not has_table:
        return ""
    return f"; {LABELS} is read by --task multi-label (any number of labels per image) and --task regression (numbers)"


class TargetFolder(TableFolder[LabelledImage]):
    """A folder of images with targets, see `TableFolder`.

    Args:
        path: the folder.
        needs: which targets its tables have.
    """

    def __init__(self, path: Path, needs: str) -> None:
        super().__init__(path)
        self._needs = needs

    def read(self, table: Path, part: str | None) -> tuple[list[LabelledImage], list[str]]:
        """As `read_targets`."""
        return read_targets(table, part, self._needs)

    def items(self, rows: Sequence[LabelledImage]) -> Listing:
        """The images of all tables."""
        targets, names = targets_of(rows, self._needs)
        images = [
            Item(shown_name(row.path, self.path), row.part, partial(read_file, row.path, 0), targets=target)
            for row, target in zip(rows, targets, strict=True)
        ]
        return Listing(images, names)

    def without_table(self) -> str:
        """The message for a folder without a table."""
        row = TARGET_NEEDS[self._needs]
        return (
            f"{self.path} has no {LABELS}, nor {TRAIN}/{LABELS}: --task {row.task} needs a table that says {row.what} "
            f"(`policysearch guide {row.task}`)"
        )
