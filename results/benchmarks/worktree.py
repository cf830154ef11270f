"""An earlier commit checked out beside this tree, so that a benchmark measures both in one run."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]


@contextmanager
def checked_out(commit: str) -> Iterator[tuple[Path, Path]]:
    """A folder with the commit's files, and an empty one for what is measured; both are removed at the end."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before = folder / "before"
        subprocess.run(
            ["git", "worktree", "add", "--detach", before, commit], cwd=HERE, check=True, capture_output=True
        )
        try:
            (folder / "work").mkdir()
            yield before, folder / "work"
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", before], cwd=HERE, check=True)


def environment(tree: Path, folder: Path) -> dict[str, str]:
    """That of a process which runs the program of a tree, with a cache of its own."""
    return {**os.environ, "PYTHONPATH": str(tree), "POLICYSEARCH_CACHE": str(folder / "cache"), "COLUMNS": "100"}
