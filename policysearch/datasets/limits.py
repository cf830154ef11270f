"""How many bytes a file may unpack to, so that a small one cannot fill the memory."""

from __future__ import annotations

import os

from policysearch.core.errors import UserError

_ALWAYS_UNPACKED = 2**28
"""Bytes, unpacked, that any file may have."""
_MOST_TIMES = 200
"""As many times as large as the file its contents may be, above that: images are never packed so tightly."""
_SHARE_OF_MEMORY = 0.5


def must_fit(unpacked: int, packed: int, subject: str) -> None:
    """Refuse what cannot be images, or would fill the memory.

    Args:
        unpacked: bytes of the contents.
        packed: bytes of the file.
        subject: of the sentence, with its verb, as "its arrays are".

    Raises:
        UserError: the contents are more than 256 MiB and more than 200 times the file, or half of the memory.
    """
    size = f"{subject} {unpacked / 1e6:,.0f} MB unpacked"
    if unpacked > max(_ALWAYS_UNPACKED, _MOST_TIMES * packed):
        raise UserError(
            f"{size}, but the file has {packed / 1e6:,.1f} MB: no images are packed more than {_MOST_TIMES} times, so "
            "it was not read"
        )
    memory = memory_of_machine()
    if memory and unpacked > _SHARE_OF_MEMORY * memory:
        raise UserError(
            f"{size}, and this machine has {memory / 1e6:,.0f} MB of memory: store the images as files in folders"
        )


def memory_of_machine() -> int:
    """Bytes of memory; 0 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0
