"""One server per state: a lock that the system frees however the server ends, on a disk where locks work."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from policysearch.core.errors import UserError
from policysearch.service.state_folder import StateFolder

_MOUNTS = Path("/proc/self/mounts")
_REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "glusterfs", "fuse.sshfs"})
"""File systems where locks or SQLite's log cannot be relied on."""


@contextmanager
def only_server(folder: StateFolder) -> Iterator[None]:
    """Make the folder of the state and hold it for this process.

    Raises:
        UserError: another server holds it, it cannot be made or written, or it is not on a local disk.
    """
    try:
        folder.make()
        must_be_local(folder.path)
        descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UserError(f"cannot use --state {folder.path}: {error.strerror}") from None
    try:
        _lock(descriptor, folder)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: StateFolder) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise UserError(f"cannot lock {folder.lock}: {error.strerror}") from None
        holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
        raise UserError(
            f"{folder.path} is in use by another server (process {holder}): end that one first, or give another --state"
        ) from None


def must_be_local(path: Path) -> None:
    """Check that a folder is on a disk of this machine, as far as the system says.

    Raises:
        UserError: it is on a network file system.
    """
    kind = file_system(path, _MOUNTS.read_text(encoding="utf-8", errors="replace") if _MOUNTS.exists() else "")
    if kind in _REMOTE:
        raise UserError(f"--state {path} is on a network file system ({kind}), where locks fail: give a local folder")


def file_system(path: Path, mounts: str) -> str:
    """The kind of file system that a path is on; empty where that is not known.

    Args:
        path: an absolute or relative path.
        mounts: the text of /proc/self/mounts.

    Example:
        >>> file_system(Path("/home/anna/state"), "disk / ext4 rw 0 0\\nserver:/home /home nfs4 rw 0 0\\n")
        'nfs4'
    """
    resolved = str(path.absolute())
    rows = [line.split(" ") for line in mounts.splitlines()]
    above = [(len(row[1]), row[2]) for row in rows if len(row) > 2 and _is_above(row[1], resolved)]
    return max(above, default=(0, ""))[1]


def _is_above(mount: str, path: str) -> bool:
    point = mount.replace("\\040", " ")
    return path == point or path.startswith(point.rstrip("/") + "/")
