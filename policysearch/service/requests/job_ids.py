"""Ids of jobs in a list, as a request writes it."""

from __future__ import annotations

from policysearch.core.errors import UserError
from policysearch.service.ids import is_id


def ids_in(text: str) -> list[str]:
    """The ids in a list separated by commas.

    Raises:
        UserError: a part is no id.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    for part in parts:
        if not is_id(part):
            raise UserError(f"a job is named by its id, 26 digits and letters, got {part!r}")
    return parts
