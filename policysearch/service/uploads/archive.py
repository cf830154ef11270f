"""A zip that others made: its directory read with suspicion, its files in pieces that are counted."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from policysearch.core.errors import UserError, shortened
from policysearch.core.readable import readable_name
from policysearch.datasets.folder_tree import DEEPEST
from policysearch.service.limits import Limits

_ENCRYPTED = 0x1 | 0x40 | 0x2000
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_LOCAL, _LOCAL_SIZE = b"PK\x03\x04", 30
_DIRECTORY_END, _DIRECTORY_END_SIZE, _LONGEST_COMMENT = b"PK\x05\x06", 22, 65_535
_DIRECTORY_ENTRY_SIZE, _LONGEST_NAME = 46, 1_024
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst", ".jar", ".whl", ".npz")
_CHUNK = 1 << 16
ALWAYS_UNPACKED = 10_000_000
"""Bytes that any archive may unpack to, however small it is."""


@dataclass(frozen=True)
class Member:
    """A file in an archive.

    Attributes:
        path: its name as a path without `..`, for messages and for its place in the tree; never a path of this machine.
        entry: in the archive's directory.
    """

    path: PurePosixPath
    entry: zipfile.ZipInfo


class Archive:
    """An open zip, whose directory has been checked.

    Args:
        file: open for reading.
        limits: the operator's.

    Attributes:
        members: its files, without folders.

    Raises:
        UserError: it is damaged, or has what no zip of images has; nothing was unpacked.
    """

    def __init__(self, file: IO[bytes], limits: Limits) -> None:
        self._limits = limits
        self._size = file.seek(0, 2)
        self._unpacked = 0
        _must_be_small(file, self._size, limits.members)
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError) as error:
            raise UserError(f"the zip is damaged: {error}") from None
        entries = self._zip.infolist()
        if len(entries) > limits.members:
            raise _too_many(len(entries), limits.members)
        _must_agree(file, entries, self._zip.start_dir)
        self.members = _members(entries)
        self._must_fit(sum(member.entry.file_size for member in self.members))

    def _must_fit(self, unpacked: int) -> None:
        limits = self._limits
        if unpacked > limits.unpacked_bytes:
            raise UserError(f"the zip unpacks to more than {limits.unpacked_bytes:,} bytes, which is the most")
        if unpacked > max(ALWAYS_UNPACKED, limits.expansion * self._size):
            raise UserError(
                f"the zip unpacks to more than {limits.expansion:g} times its size: no images are packed so tightly"
            )

    def chunks(self, member: Member) -> Iterator[bytes]:
        """What is in a file, in pieces; what comes is counted, whatever the directory says.

        Raises:
            UserError: it is damaged, or more than allowed.
        """
        try:
            with self._zip.open(member.entry) as source:
                while chunk := source.read(_CHUNK):
                    self._unpacked += len(chunk)
                    self._must_fit(self._unpacked)
                    yield chunk
        except UserError:
            raise
        except Exception as error:  # zip, zlib and struct fail in their own ways
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"{readable_name(str(member.path))} in the zip is damaged: {reason}") from None

    def copy(self, member: Member, target: Path) -> None:
        """Write a file of the archive.

        Raises:
            UserError: as `chunks`.
            OSError: it cannot be written.
        """
        with target.open("xb") as out:
            for chunk in self.chunks(member):
                out.write(chunk)


def _too_many(count: int, most: int) -> UserError:
    return UserError(f"the zip has {count:,} files, and {most:,} are allowed")


def _must_be_small(file: IO[bytes], size: int, most: int) -> None:
    """Look at the end of the directory before the directory is read: a million entries take much memory."""
    start = max(0, size - _DIRECTORY_END_SIZE - _LONGEST_COMMENT)
    file.seek(start)
    end = file.read()
    at = end.rfind(_DIRECTORY_END)
    if at < 0 or len(end) - at < _DIRECTORY_END_SIZE:
        raise UserError("this is no zip file, or its end is missing")
    count = int.from_bytes(end[at + 10 : at + 12], "little")
    directory = int.from_bytes(end[at + 12 : at + 16], "little")
    zip64 = count == 0xFFFF or directory == 0xFFFFFFFF
    # Without the larger form the directory lies before its end; with it, all of the file may be one.
    if not zip64 and count > most:
        raise _too_many(count, most)
    if min(directory, start + at) > most * (_DIRECTORY_ENTRY_SIZE + _LONGEST_NAME):
        raise _too_many(directory // _DIRECTORY_ENTRY_SIZE, most)


def _must_agree(file: IO[bytes], entries: Sequence[zipfile.ZipInfo], end: int) -> None:
    """Check that files lie one behind the other, each with a header of its own: no two share bytes, none is hidden."""
    places = sorted(entries, key=lambda entry: entry.header_offset)
    free = 0
    for entry in places:
        start = entry.header_offset
        if start < free:
            raise UserError("files in the zip lie over each other, as in no zip of images")
        _must_hide_nothing(file, free, start)
        file.seek(start)
        header = file.read(_LOCAL_SIZE)
        if header[:4] != _LOCAL or len(header) < _LOCAL_SIZE:
            raise UserError("the zip's directory names files that are not there")
        name, extra = int.from_bytes(header[26:28], "little"), int.from_bytes(header[28:30], "little")
        free = start + _LOCAL_SIZE + name + extra + entry.compress_size
    if free > end:
        raise UserError("files in the zip lie over its directory, as in no zip of images")
    _must_hide_nothing(file, free, end)


def _must_hide_nothing(file: IO[bytes], start: int, end: int) -> None:
    """Between two files is at most the note of the first one's sizes."""
    if end - start < _LOCAL_SIZE:
        return
    file.seek(start)
    if _LOCAL in file.read(min(end - start, _CHUNK)):
        raise UserError("the zip has files that its directory does not name")


def _members(entries: Sequence[zipfile.ZipInfo]) -> tuple[Member, ...]:
    members: dict[PurePosixPath, Member] = {}
    for entry in entries:
        name = readable_name(shortened(entry.filename, 200))
        path = _path(entry, name)
        if entry.flag_bits & _ENCRYPTED:
            raise UserError(f"{name} in the zip is encrypted: send it without a password")
        mode = entry.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise UserError(f"{name} in the zip is a link or a device: only files and folders are taken")
        if entry.is_dir():
            continue
        if entry.compress_type not in _METHODS:
            raise UserError(f"{name} in the zip is packed by a method other than deflate: pack it as usual")
        if path.suffix.lower() in _ARCHIVES:
            raise UserError(f"{name} in the zip is an archive itself: put its files into the zip instead")
        if path in members:
            raise UserError(f"{name} is in the zip twice")
        members[path] = Member(path, entry)
    return tuple(members.values())


def _path(entry: zipfile.ZipInfo, name: str) -> PurePosixPath:
    """Where a file is in the archive.

    Raises:
        UserError: its name leads out of it, or cannot be one.
    """
    # Old Windows programs wrote backslashes.
    text = entry.orig_filename.replace("\\", "/")
    parts = text.rstrip("/").split("/")
    drive = len(parts[0]) == 2 and parts[0][1] == ":"
    if text.startswith("/") or drive or ".." in parts:
        raise UserError(f"{name} in the zip leads out of it: names are relative, without ..")
    if "\0" in text or not text or len(text) > _LONGEST_NAME or len(parts) > DEEPEST:
        raise UserError(f"{name} in the zip is no name that is taken: too long, too deep, or with a zero byte")
    return PurePosixPath(*(part for part in parts if part not in ("", ".")))
