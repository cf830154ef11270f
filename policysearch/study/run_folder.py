"""A run's folder: its files, and the lock that keeps a second controller out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock

from policysearch.core.command import command
from policysearch.core.errors import UserError


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
    def policy(self) -> Path:
        return self.path / "policy.json"

    @property
    def trials(self) -> Path:
        return self.path / "trials.csv"

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
            raise UserError(f"cannot write to folder {self.path}: give another --out")

    def must_hold_a_run(self) -> None:
        """Check that a run is in the folder.

        Raises:
            UserError: there is no run here.
        """
        if not self.config.exists():
            raise UserError(
                f"{self.path} holds no run (no config.toml): give the folder that `policysearch search` named"
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for this process; the system frees it when the process ends, however it ends.

        Raises:
            UserError: another controller holds it; its process id is told.
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
        try:
            holder.write_text(f"{os.getpid()}\n")
            yield
        finally:
            holder.unlink(missing_ok=True)
            lock.release()
