"""Who looks: the user of a request, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["admin", "user"]


ADMIN = "admin"
"""The user whom the first start makes."""


@dataclass(frozen=True)
class Viewer:
    """A user as a request is answered: what may be seen and done depends on it.

    Attributes:
        name: of the user.
        role: "admin" sees and may do everything; "user" sees jobs of their own and shared ones.
        scopes: "read", and "run" for what changes something.
        token_id: of the token that was shown; empty for none.

    Example:
        >>> Viewer("anna").is_admin
        False
    """

    name: str
    role: Role = "user"
    scopes: frozenset[str] = frozenset({"read", "run"})
    token_id: str = ""

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"
