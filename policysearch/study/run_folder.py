"""A run's folder: its files, and the lock that keeps a second controller out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import filelock

from policysearch.core.command import command
from policysearch.core.errors import UserError

_FIRST_FILES = (
    "config.toml",
    "space.toml",
    "evaluation.toml",
    "online.toml",
    "tta.toml",
    "test-reads.jsonl",
    "trials.csv",
    *(f"study.db{suffix}" for suffix in ("", "-journal", "-wal", "-shm")),
    "controller.pid",
    "controller.lock",
)
_FIRST_FOLDERS = ("tensorboard", "checkpoints")
"""What an experiment writes before its first trial."""


@dataclass(frozen=True)
class RunFolder:
    """The files of one run."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.toml"

    @property
    def space(self) -> Path:
        return self.path / "space.toml"

    @property
    def study(self) -> Path:
        return self.path / "study.db"

    @property
    def networks(self) -> Path:
        """The networks that a search keeps."""
        return self.path / "networks"

    @property
    def policy(self) -> Path:
        return self.path / "policy.json"

    @property
    def trials(self) -> Path:
        return self.path / "trials.csv"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def picture(self) -> Path:
        return self.path / "search.png"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    def must_be_new(self) -> None:
        """Check that nothing is in the folder yet: nothing is overwritten.

        Raises:
            UserError: something is there already; nothing is overwritten.
        """
        try:
            self._must_be_new()
        except OSError as error:  # a name that is too long, a folder that may not be read
            raise UserError(f"cannot make folder {self.path}: {error.strerror}") from None

    def _must_be_new(self) -> None:
        if self.config.exists() or self.study.exists():
            raise UserError(
                f"{self.path} already holds a study: {command('resume', self.path)} continues it, or give another --out"
            )
        if self.path.exists() and (not self.path.is_dir() or any(p.stem != "controller" for p in self.path.iterdir())):
            raise UserError(f"{self.path} exists and is not an empty folder: give another --out")

        parent = next(path for path in (self.path, *self.path.absolute().parents) if path.exists())
        if not parent.is_dir() or not os.access(parent, os.W_OK):
            raise UserError(f"cannot make folder {self.path}: {parent} is no folder that can be written")

    def make(self) -> None:
        """Make the folder where it is not there yet.

        Raises:
            UserError: the folder cannot be made or written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot make folder {self.path}: {error.strerror}") from None
        if not os.access(self.path, os.W_OK):
            reason = "it is on a read-only file system, or belongs to somebody else"
            raise UserError(f"cannot write to folder {self.path}: {reason}: make it writable, or copy it elsewhere")

    def has_a_run(self) -> bool:
        """Whether an experiment has been begun in the folder."""
        try:
            return self.config.exists()
        except OSError:
            return False

    def must_hold_a_run(self) -> None:
        """Check that a run is in the folder.

        Raises:
            UserError: there is no run here, or it is an evaluation.
        """
        try:
            there, judged = self.config.exists(), (self.path / "evaluation.toml").exists()
            viewed = (self.path / "tta.toml").exists()
        except OSError as error:
            raise UserError(f"cannot read folder {self.path}: {error.strerror}") from None
        if judged:
            raise UserError(f"{self.path} holds an evaluation and no search: the command that began it goes on with it")
        if viewed:
            raise UserError(
                f"{self.path} holds a test-time policy and no search: the command that began it goes on with it"
            )
        if not there:
            raise UserError(
                f"{self.path} holds no run (no config.toml): give the folder that `policysearch search` or `online` "
                "named"
            )

    @contextmanager
    def in_use(self, begun: Callable[[], bool]) -> Iterator[None]:
        """Make the folder and hold it; where an experiment ends with an error before it has begun, leave none behind.

        What was there before stays, also in a folder that has lost its config.toml.

        Args:
            begun: whether there is something to keep, asked when an error ends the block.

        Raises:
            UserError: the folder cannot be made or written, or another controller holds it.
        """
        new = not self.config.exists()
        present = frozenset(path for path in self._first_paths() if path.exists())
        absent = [path for path in (self.path.absolute(), *self.path.absolute().parents) if not path.exists()]
        try:
            self.make()
            with self.locked():
                try:
                    yield
                except (Exception, KeyboardInterrupt):
                    if new and not begun():
                        self._remove_files(present)
                    raise
        except (Exception, KeyboardInterrupt):
            with suppress(OSError):  # another search may have begun there
                for path in absent:
                    path.rmdir()
            raise

    def _first_paths(self) -> list[Path]:
        """All that an experiment writes before its first trial."""
        names = [name for file in _FIRST_FILES for name in (file, f"{file}.partial")]
        return [self.path / name for name in (*names, *_FIRST_FOLDERS)]

    def _remove_files(self, present: Collection[Path]) -> None:
        """Remove what an experiment writes before its first trial, but for `present`; what else is there stays."""
        for path in self._first_paths():
            if path in present:
                continue
            with suppress(OSError):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for this process; the system frees it when the process ends, however it ends.

        Raises:
            UserError: another controller holds it (the message has its process id), or it cannot be written.
        """
        lock = filelock.FileLock(self.path / "controller.lock", timeout=0)
        holder = self.path / "controller.pid"
        try:
            lock.acquire()
        except filelock.Timeout:
            pid = holder.read_text().strip() if holder.exists() else "unknown"
            raise UserError(
                f"{self.path} is in use by another controller (process {pid}): wait for it, or stop it first"
            ) from None
        except OSError as error:
            raise _not_writable(self.path, error) from None
        try:
            try:
                holder.write_text(f"{os.getpid()}\n")
            except OSError as error:
                raise _not_writable(self.path, error) from None
            yield
        finally:
            with suppress(OSError):  # the file system may have become read-only
                holder.unlink(missing_ok=True)
            lock.release()


def _not_writable(path: Path, error: OSError) -> UserError:
    return UserError(f"cannot write to folder {path}: {error.strerror or error}")
