"""Where checkpoints are kept: files in a folder, written whole, whose names say what they hold."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from policysearch.core.errors import CheckpointError
from policysearch.core.files import replacing
from policysearch.core.trial import Trial

_ENDED, _RUNNING, _LINEAGE = ".pt", ".running", ".json"
MEGABYTE = 10**6
_DIGEST = 32  # bytes of a SHA-256


class Files(Protocol):
    """Named contents that all workers of a search reach."""

    def write(self, name: str, content: bytes) -> None:
        """Write a content whole, in place of one of the same name.

        Raises:
            OSError: it cannot be written.
        """

    def read(self, name: str) -> bytes | None:
        """The content of this name; None where there is none, or it cannot be read."""

    def delete(self, name: str) -> None:
        """Remove the content of this name, if there is one."""


@dataclass(frozen=True)
class FolderFiles:
    """Files in a folder. The checkpoints of ended trials are bounded: those used longest ago go first.

    Attributes:
        folder: where; it is made when the first file is written.
        limit: megabytes that the checkpoints of ended trials may take together.

    Example:
        >>> import tempfile
        >>> files = FolderFiles(Path(tempfile.mkdtemp()), limit=1.0)
        >>> files.write("a.pt", b"weights")
        >>> files.read("a.pt"), files.read("b.pt")
        (b'weights', None)
    """

    folder: Path
    limit: float

    def write(self, name: str, content: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self.folder / name) as partial:
            partial.write_bytes(content)
        if name.endswith(_ENDED):
            self._make_room(name)

    def read(self, name: str) -> bytes | None:
        path = self.folder / name
        try:
            content = path.read_bytes()
        except OSError:
            return None
        with suppress(OSError):  # a folder that can only be read
            os.utime(path)
        return content

    def delete(self, name: str) -> None:
        with suppress(OSError):
            (self.folder / name).unlink()

    def _make_room(self, newest: str) -> None:
        """Remove what was used longest ago until the rest is within the limit; the newest stays in any case."""
        files = sorted(self._of_ended_trials(), key=lambda file: file[0])
        total = sum(size for _, size, _ in files)
        for _, size, path in files:
            if total <= self.limit * MEGABYTE:
                return
            if path.name != newest:
                self.delete(path.name)
                total -= size

    def _of_ended_trials(self) -> Iterator[tuple[float, int, Path]]:
        """When it was last used, its size in bytes and its path, of each checkpoint of an ended trial."""
        for path in self.folder.glob(f"*{_ENDED}"):
            with suppress(OSError):  # another worker has just removed it
                status = path.stat()
                yield status.st_mtime, status.st_size, path


def clear(folder: Path) -> None:
    """Remove all checkpoints of a search that has ended; how they came about stays, so that each can be made again."""
    for kind in (_ENDED, _RUNNING, ".partial"):
        for path in folder.glob(f"*{kind}"):
            with suppress(OSError):
                path.unlink()
    with suppress(OSError):  # something is left
        folder.rmdir()


@dataclass(frozen=True)
class Stretch:
    """How a checkpoint came about: under which policy a child was trained from one epoch to another.

    Attributes:
        begin: the epoch at which it began.
        end: the epoch of the checkpoint.
        seed: of the child.
        images: size of its training subset.
        policy: as JSON.
        loss: as JSON; empty where the arm has none.
        origin: name of the checkpoint that it began with; empty where it began with nothing.
    """

    begin: int
    end: int
    seed: int
    images: int
    policy: str
    loss: str
    origin: str

    @classmethod
    def of(cls, trial: Trial) -> Stretch:
        """The stretch that a trial trains."""
        return cls(trial.begin, trial.epochs, trial.seed, trial.images, trial.policy, trial.loss, trial.checkpoint)

    def trial(self) -> Trial:
        """A trial that trains the stretch again."""
        return Trial(
            -1, "", self.policy, 0, self.seed, self.images, self.end, loss=self.loss, begin=self.begin, checkpoint=""
        )


@dataclass(frozen=True)
class CheckpointStore:
    """The checkpoints of a search: of ended trials by a hash of their content, of running ones by their trial.

    Attributes:
        files: where they are.

    Example:
        >>> import tempfile
        >>> store = CheckpointStore(FolderFiles(Path(tempfile.mkdtemp()), limit=1.0))
        >>> first = store.keep(b"weights", Stretch(0, 3, seed=7, images=500, policy="{}", loss="", origin=""))
        >>> store.content(first)
        b'weights'
        >>> second = store.keep(b"more", Stretch(3, 9, seed=7, images=500, policy="{}", loss="", origin=first))
        >>> [(stretch.begin, stretch.end) for stretch in store.lineage(second)]
        [(0, 3), (3, 9)]
    """

    files: Files

    def keep(self, content: bytes, stretch: Stretch) -> str:
        """Keep the checkpoint of a trial that ends; returns its name.

        Args:
            content: of the checkpoint.
            stretch: how it came about; it stays when the content has to go.

        Raises:
            OSError: it cannot be written.
        """
        name = self.note(content, stretch)
        self.put(name, content)
        return name

    def note(self, content: bytes, stretch: Stretch) -> str:
        """Write how a checkpoint came about, so that it can be made again; returns its name.

        Raises:
            OSError: it cannot be written.
        """
        name = hashlib.sha256(content).hexdigest()[:32]
        self.files.write(name + _LINEAGE, json.dumps(asdict(stretch)).encode())
        return name

    def put(self, name: str, content: bytes) -> None:
        """Write the content of the checkpoint of this name.

        Raises:
            OSError: it cannot be written.
        """
        self.files.write(name + _ENDED, content)

    def content(self, name: str) -> bytes:
        """The content of a checkpoint.

        Raises:
            CheckpointError: it is missing, or was changed.
        """
        content = self.files.read(name + _ENDED)
        if content is None:
            raise CheckpointError(f"checkpoint {name} is missing")
        if hashlib.sha256(content).hexdigest()[:32] != name:
            raise CheckpointError(f"checkpoint {name} is damaged: its content has another hash")
        return content

    def drop(self, name: str) -> None:
        """Remove the content of a checkpoint; it can be made again."""
        self.files.delete(name + _ENDED)

    def lineage(self, name: str) -> list[Stretch]:
        """The stretches from nothing up to a checkpoint, first to last; empty where one of them is not known."""
        stretches: list[Stretch] = []
        while name:
            stretch = self._stretch(name)
            if stretch is None or (stretches and stretch.end != stretches[-1].begin):
                return []
            stretches.append(stretch)
            name = stretch.origin
        return stretches[::-1] if stretches and stretches[-1].begin == 0 else []

    def _stretch(self, name: str) -> Stretch | None:
        content = self.files.read(name + _LINEAGE)
        try:
            return None if content is None else Stretch(**json.loads(content))
        except (ValueError, TypeError):
            return None

    def hold(self, trial: Trial, content: bytes) -> None:
        """Write the checkpoint of a running trial, in place of its last one.

        Raises:
            OSError: it cannot be written.
        """
        self.files.write(_running_name(trial), hashlib.sha256(content).digest() + content)

    def held(self, trial: Trial) -> bytes | None:
        """The last checkpoint of a trial that did not end; None where there is none.

        Raises:
            CheckpointError: it was changed.
        """
        content = self.files.read(_running_name(trial))
        if content is None:
            return None
        if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
            raise CheckpointError(f"the checkpoint of trial {trial.number} is damaged: its content has another hash")
        return content[_DIGEST:]

    def release(self, trial: Trial) -> None:
        """Remove the checkpoint of a trial that has ended."""
        self.files.delete(_running_name(trial))


@dataclass(frozen=True)
class Checkpointing:
    """What is kept of the children of a search.

    Attributes:
        store: where.
        every: seconds between two checkpoints of a running trial, at least; 0: none are taken.
        share: of a child's time that they may take; where one takes long they are rarer than `every`.
        keep: whether the last state of every child is kept, for trials that go on from it.
        end: epochs beyond which no child goes on: those that end there are not kept, as they would only take the room
            of others.
    """

    store: CheckpointStore
    every: float = 30.0
    keep: bool = False
    share: float = 0.02
    end: float = math.inf


def _running_name(trial: Trial) -> str:
    """A name that depends on the training, whichever attempt it is: trials of other studies have the same numbers."""
    key = json.dumps([trial.number, asdict(Stretch.of(trial))])
    return hashlib.sha256(key.encode()).hexdigest()[:32] + _RUNNING
