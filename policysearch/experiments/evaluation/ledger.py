"""The ledger: a line for each time that a test part was read, in the folder of the evaluated policy.

Lines are only added.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from policysearch.core.errors import UserError
from policysearch.datasets.dataset import Dataset

NAME = "test-reads.jsonl"
_ROWS = 4096


@dataclass(frozen=True)
class Read:
    """One evaluation's reading of a test part; an evaluation that is continued reads no second time.

    Attributes:
        evaluation: a hash of its settings, policies and number of seeds.
        data: the data set's name.
        test_part: hash of the test part's images and labels.
        images: images in it.
        policies: names of the policies judged on it.
        seeds: networks of each policy.
        out: the evaluation's folder.
        command: what was typed.
        when: UTC.
    """

    evaluation: str
    data: str
    test_part: str
    images: int
    policies: tuple[str, ...]
    seeds: int
    out: str
    command: str
    when: str = ""


@dataclass(frozen=True)
class Looks:
    """This evaluation is number `number` of the `total` that have read the test part, as far as ledgers know."""

    number: int
    total: int

    @property
    def cautions(self) -> tuple[str, ...]:
        """What to think of p-values after several looks; nothing after the first."""
        if self.total < 2:
            return ()
        return (
            f"read {self.number} of {self.total} of this test part: p-values hold for one look, and what is chosen "
            "after several is partly luck",
        )

    @property
    def words(self) -> str:
        """How often the test part was read, and where the readings are listed."""
        times = "once" if self.total == 1 else f"{self.total} times"
        return f"The test part was read {times}: {NAME}."


def hash_of_test_part(dataset: Dataset) -> str:
    """A hash of the images and labels of the test part, and of their targets or masks where they have some."""
    digest = hashlib.sha256(str(dataset.x_test.shape).encode())
    arrays: list[NDArray[Any]] = [dataset.x_test, dataset.y_test]
    arrays += [array for array in (dataset.targets_test, dataset.masks_test) if array is not None]
    for array in arrays:
        for start in range(0, len(array), _ROWS):
            digest.update(array[start : start + _ROWS].tobytes())
    return digest.hexdigest()[:16]


def note(folders: Sequence[Path], read: Read) -> Looks:
    """Enter a read in every folder's ledger that lacks it, before the test part is read.

    Returns:
        its number among the reads of the same test part, by the ledger with the most of them.

    Raises:
        UserError: a ledger cannot be read or written.
    """
    for folder in folders:
        if all(line["evaluation"] != read.evaluation for line in reads(folder)):
            _append(folder / NAME, {**asdict(read), "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())})
    return max((_looks(reads(folder), read) for folder in folders), key=lambda looks: looks.total)


def reads(folder: Path) -> list[dict[str, Any]]:
    """The lines of a folder's ledger; a line that a crash cut short was never followed by a read, and does not count.

    Raises:
        UserError: the ledger cannot be read.
    """
    try:
        lines = (folder / NAME).read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read ledger {folder / NAME}: {getattr(error, 'strerror', None) or error}") from None
    return [line for line in map(_parsed, lines) if line]


def _parsed(line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) and {"evaluation", "test_part"} <= entry.keys() else {}


def _looks(lines: Sequence[dict[str, Any]], read: Read) -> Looks:
    same = [line["evaluation"] for line in lines if line["test_part"] == read.test_part]
    return Looks(same.index(read.evaluation) + 1 if read.evaluation in same else len(same), len(same))


def _append(path: Path, line: dict[str, Any]) -> None:
    text = json.dumps(line, ensure_ascii=False) + "\n"
    try:
        with path.open("a+b") as file:
            file.seek(0, os.SEEK_END)
            # A crash may have cut the last line short: the new one must not be glued to it.
            if file.tell():
                file.seek(-1, os.SEEK_END)
                text = text if file.read(1) == b"\n" else "\n" + text
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UserError(f"cannot write ledger {path}: {error.strerror or error}; the test part was not read") from None
