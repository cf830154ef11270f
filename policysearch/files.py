"""Files that are there whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from policysearch.errors import UserError

__all__ = ["must_be_writable", "replacing", "write_whole"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """The path to write to instead; when the block ends well, what it holds takes the place of `path` at once.

    Raises:
        OSError: it cannot be moved there.
    """
    partial = path.with_name(path.name + ".partial")
    yield partial
    partial.replace(path)


def write_whole(path: Path, text: str) -> None:
    """Write text as UTF-8, never half of it.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def must_be_writable(target: Path, force: bool) -> None:
    """Raises:
    UserError: the file is there already and `force` is False, or its folder is missing.
    """
    if target.is_dir() or not target.absolute().parent.is_dir():
        raise UserError(f"cannot write {target}: give --out a file in a folder that exists")
    if target.exists() and not force:
        raise UserError(f"{target} exists: --force replaces it, or give another --out")
