"""What `policysearch show` says of a search, kept in its folder so that a finished search is shown at once.

To compute it takes Optuna, SciPy and the whole study; to read it takes neither. It is believed only while the files
that it was computed from are the same to the bit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from policysearch.core.files import write_whole
from policysearch.core.version import __version__
from policysearch.reports.table import Grid

FILE = "summary.json"
_SOURCES = ("config.toml", "space.toml", "study.db")
_UNFINISHED = tuple(f"study.db{suffix}" for suffix in ("-journal", "-wal"))
"""Beside a database, changes that its file does not have yet."""


@dataclass(frozen=True)
class Brief:
    """A search in the terminal; where its files are is said besides.

    Attributes:
        opening: the headline and what mattered, a paragraph each.
        arms: the leaderboard.
        notes: what the leaderboard leaves open.
        confirmation: the finalists on their fresh replicates; None where nothing was confirmed.
        statement: the verdict, or how far the search is.
        policy: the final policy in words; empty while there is none.
        warnings: a paragraph each.
        cost: a sentence.
    """

    opening: tuple[str, ...]
    arms: Grid
    notes: tuple[str, ...]
    confirmation: Grid | None
    statement: str
    policy: str
    warnings: tuple[str, ...]
    cost: str


def save_brief(brief: Brief, folder: Path) -> None:
    """Keep it in the folder of a finished search whose study is there too.

    Raises:
        OSError: it cannot be written.
    """
    document = {**_key(folder), "brief": asdict(brief)}
    write_whole(folder / FILE, json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def saved_brief(folder: Path) -> Brief | None:
    """What was kept; None where nothing was, or where a file of the search has changed since."""
    try:
        document = json.loads((folder / FILE).read_text(encoding="utf-8"))
        brief = document.pop("brief")
        return _parsed(brief) if document == _key(folder) else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):  # none, damaged, or of another version
        return None


def _key(folder: Path) -> dict[str, Any]:
    """What a brief depends on: the version of this program, the folder's name in its commands, and the files.

    Raises:
        OSError: a file is missing.
    """
    if any((folder / name).exists() for name in _UNFINISHED):
        raise FileExistsError(f"the study in {folder} is being written")
    return {"version": __version__, "folder": str(folder), "files": {name: _digest(folder / name) for name in _SOURCES}}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _parsed(document: Mapping[str, Any]) -> Brief:
    return Brief(
        opening=tuple(document["opening"]),
        arms=_grid(document["arms"]),
        notes=tuple(document["notes"]),
        confirmation=None if document["confirmation"] is None else _grid(document["confirmation"]),
        statement=str(document["statement"]),
        policy=str(document["policy"]),
        warnings=tuple(document["warnings"]),
        cost=str(document["cost"]),
    )


def _grid(document: Mapping[str, Any]) -> Grid:
    return Grid(
        str(document["title"]),
        _texts(document["heads"]),
        tuple(map(_texts, document["rows"])),
        _texts(document["bold"]),
    )


def _texts(cells: Iterable[Any]) -> tuple[str, ...]:
    return tuple(map(str, cells))
