"""The first administrator's token, in a file that this account alone may read."""

from __future__ import annotations

import os
from pathlib import Path

from policysearch.service.database.accounts import Accounts
from policysearch.service.database.viewer import ADMIN

_LONGEST = 200
_LABEL = "admin.token"


def admin_token(accounts: Accounts, path: Path) -> str:
    """The token in the file; where it is missing or not valid any more, a new one.

    Args:
        accounts: of the service; the first administrator is added where there is none.
        path: of the file.

    Returns:
        The token's text.

    Raises:
        OSError: the file cannot be written.
        UserError: the administrator has too many tokens, or is disabled.
    """
    if ADMIN not in {user.name for user in accounts.users()}:
        accounts.add_user(ADMIN, "admin")
    text = _text_in(path)
    viewer = accounts.viewer_of_token(text) if text else None
    if viewer is not None and viewer.is_admin:
        return text
    _, text = accounts.add_token(ADMIN, _LABEL)
    _write(path, text)
    return text


def _text_in(path: Path) -> str:
    """What the file holds, which from now on this account alone may read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        os.fchmod(descriptor, 0o600)
        return os.read(descriptor, _LONGEST).decode(errors="replace").strip()
    finally:
        os.close(descriptor)


def _write(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, f"{text}\n".encode())
    finally:
        os.close(descriptor)
    partial.replace(path)
