"""Users of the service, and their tokens."""

from __future__ import annotations

from dataclasses import dataclass

SCOPES = frozenset({"read", "run"})
"""What a token allows: looking, and starting, ending and changing."""
ROLES = frozenset({"admin", "user"})


@dataclass(frozen=True)
class User:
    """Somebody who may use the service.

    Attributes:
        name: unique, lower case.
        role: "admin" or "user".
        disabled: whether no token of theirs is valid.
        created: seconds since the epoch.
    """

    name: str
    role: str
    disabled: bool
    created: float


@dataclass(frozen=True)
class Token:
    """What may be shown of a token; the secret is not stored.

    Attributes:
        id: the public part.
        owner: name of the user whose token it is.
        label: what the owner calls it.
        scopes: what it allows.
        created: seconds since the epoch.
        expires: seconds since the epoch; None for never.
        used: when it was last used, to the minute; None for never.
    """

    id: str
    owner: str
    label: str
    scopes: frozenset[str]
    created: float
    expires: float | None
    used: float | None
