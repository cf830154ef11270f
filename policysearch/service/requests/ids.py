"""What an id looks like, so that a text is not looked up that is none."""

from __future__ import annotations

import re

from policysearch.core.errors import UserError

_ID = re.compile(r"[0-9A-Za-z]{26}")


def is_id(text: str) -> bool:
    """Whether a text looks like the id of a job or of an upload."""
    return _ID.fullmatch(text) is not None


def ids_in(text: str) -> list[str]:
    """The ids in a list separated by commas.

    Raises:
        UserError: a part is no id.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    for part in parts:
        if not is_id(part):
            raise UserError(f"a job is named by its id, 26 letters and digits, got {part!r}")
    return parts
