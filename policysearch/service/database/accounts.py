"""Users, tokens and sessions in the database. Secrets are stored as SHA-256: 256 random bits need no slow hash."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from hashlib import sha256
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from policysearch.core.errors import UserError
from policysearch.service.database.account import ROLES, SCOPES, Token, User
from policysearch.service.database.connection import Database, DatabaseAway
from policysearch.service.database.tables import SESSIONS, TOKENS, USERS
from policysearch.service.database.viewer import Viewer

_NAME = re.compile(r"[a-z0-9][a-z0-9_.@-]{0,63}")
_LONGEST_LABEL = 100
_MOST_TOKENS = 50
"""Valid tokens of one user."""
_MINUTE = 60.0
_ID_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


class Accounts:
    """Every method is one short transaction, and may be called from any thread.

    Args:
        database: of the service.
        clock: gives seconds since the epoch.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def add_user(self, name: str, role: str = "user") -> User:
        """Make a user, who has no token yet.

        Raises:
            UserError: the name or the role is none, or the name is taken.
        """
        if not _NAME.fullmatch(name):
            raise UserError(
                f"a user's name is 1 to 64 lower-case letters, digits and (not first) any of _.@-, got {name[:80]!r}"
            )
        _check_role(role)
        user = User(name, role, disabled=False, created=self._clock())
        try:
            with self._database.writing() as connection:
                connection.execute(insert(USERS).values(name=name, role=role, disabled=False, created=user.created))
        except IntegrityError:
            raise UserError(f"there is a user {name!r} already") from None
        return user

    def change_user(self, name: str, *, role: str | None = None, disabled: bool | None = None) -> User:
        """Change what is not None. The sessions of a user who is disabled end at once.

        Raises:
            UserError: the role is none, or nobody who is not disabled would be an administrator.
            LookupError: there is no such user.
        """
        if role is not None:
            _check_role(role)
        changes = {key: value for key, value in (("role", role), ("disabled", disabled)) if value is not None}
        with self._database.writing() as connection:
            if changes:
                connection.execute(update(USERS).where(USERS.c.name == name).values(**changes))
            row = connection.execute(select(USERS).where(USERS.c.name == name)).one_or_none()
            if row is None:
                raise LookupError(name)
            admins = select(USERS.c.name).where(USERS.c.role == "admin", USERS.c.disabled.is_(False))
            if connection.execute(admins).first() is None:
                raise UserError("one administrator must remain: make another user one first")
        return _user(row)

    def viewer_named(self, name: str) -> Viewer | None:
        """A user as the scheduler acts for them; None where there is no such user."""
        with self._database.reading() as connection:
            row = connection.execute(select(USERS).where(USERS.c.name == name)).one_or_none()
        return None if row is None else Viewer(row.name, row.role)

    def users(self) -> list[User]:
        """All users, in alphabetical order."""
        with self._database.reading() as connection:
            return [_user(row) for row in connection.execute(select(USERS).order_by(USERS.c.name))]

    def add_token(
        self, owner: str, label: str = "", scopes: Iterable[str] = SCOPES, seconds: float | None = None
    ) -> tuple[Token, str]:
        """Make a token.

        Args:
            owner: name of a user.
            label: what the owner calls it.
            scopes: what it allows.
            seconds: how long it is valid; None for ever.

        Returns:
            The token, and the text to be sent with requests, which cannot be read again.

        Raises:
            UserError: a scope or the label is wrong, or the owner has too many.
            LookupError: there is no such user.
        """
        chosen = frozenset(scopes)
        _check_token(label, chosen, seconds)
        token_id = "".join(secrets.choice(_ID_DIGITS) for _ in range(12))
        text = f"ps_{token_id}_{secrets.token_urlsafe(32)}"
        now = self._clock()
        token = Token(token_id, owner, label, chosen, now, None if seconds is None else now + seconds, None)
        values = {**vars(token), "scopes": " ".join(sorted(chosen)), "digest": _digest(text)}
        with self._database.writing() as connection:
            if connection.execute(select(USERS.c.name).where(USERS.c.name == owner)).first() is None:
                raise LookupError(owner)
            connection.execute(delete(TOKENS).where(TOKENS.c.expires < now))
            count = len(connection.execute(select(TOKENS.c.id).where(TOKENS.c.owner == owner)).all())
            if count >= _MOST_TOKENS:
                raise UserError(f"{owner} has {_MOST_TOKENS} tokens, and no more are kept: delete one first")
            connection.execute(insert(TOKENS).values(**values))
        return token, text

    def tokens(self, owner: str) -> list[Token]:
        """The tokens of a user that have not expired, newest first."""
        valid = TOKENS.c.expires.is_(None) | (TOKENS.c.expires > self._clock())
        query = select(TOKENS).where(TOKENS.c.owner == owner, valid).order_by(TOKENS.c.created.desc())
        with self._database.reading() as connection:
            return [_token(row) for row in connection.execute(query)]

    def delete_token(self, owner: str, token_id: str) -> None:
        """End a token, and the sessions that began with it.

        Raises:
            LookupError: the owner has no such token.
        """
        with self._database.writing() as connection:
            matching = TOKENS.c.id == token_id, TOKENS.c.owner == owner
            if connection.execute(delete(TOKENS).where(*matching)).rowcount == 0:
                raise LookupError(token_id)
            connection.execute(delete(SESSIONS).where(SESSIONS.c.token == token_id))

    def viewer_of_token(self, text: str) -> Viewer | None:
        """Whose token it is; None for one that is wrong, has expired, or is of a user who is disabled."""
        query = select(TOKENS, USERS.c.role).join(USERS, USERS.c.name == TOKENS.c.owner)
        return self._viewer(query.where(TOKENS.c.id == _id_of(text)), TOKENS.c.digest.name, text)

    def viewer_of_session(self, secret: str) -> Viewer | None:
        """Whose session it is; None for one that has ended, or whose token is not valid any more."""
        now = self._clock()
        query = (
            select(TOKENS, USERS.c.role, SESSIONS.c.digest.label("session"))
            .join(USERS, USERS.c.name == TOKENS.c.owner)
            .join(SESSIONS, SESSIONS.c.token == TOKENS.c.id)
            .where(SESSIONS.c.digest == _digest(secret), SESSIONS.c.expires > now)
        )
        return self._viewer(query, "session", secret)

    def _viewer(self, query: Any, column: str, secret: str) -> Viewer | None:
        """Whoever the row says, where the digest in its column is that of the secret."""
        now = self._clock()
        with self._database.reading() as connection:
            row = connection.execute(query.where(USERS.c.disabled.is_(False))).one_or_none()
        if row is None or not secrets.compare_digest(getattr(row, column), _digest(secret)):
            return None
        if row.expires is not None and row.expires <= now:
            return None
        if row.used is None or now - row.used > _MINUTE:
            self._note_use(row.id, now)
        return Viewer(row.owner, row.role, frozenset(row.scopes.split()), row.id)

    def _note_use(self, token_id: str, now: float) -> None:
        """Note when a token was used; where the disk is full, who only looks is let in all the same."""
        with suppress(DatabaseAway), self._database.writing() as connection:
            connection.execute(update(TOKENS).where(TOKENS.c.id == token_id).values(used=now))

    def open_session(self, text: str, seconds: float) -> tuple[str, Viewer] | None:
        """Log a browser in.

        Args:
            text: a token.
            seconds: how long the session lasts; it never outlives the token.

        Returns:
            The secret for the cookie, and whose session it is; None where the token is not valid.
        """
        viewer = self.viewer_of_token(text)
        if viewer is None:
            return None
        secret = secrets.token_urlsafe(32)
        now = self._clock()
        row = {"digest": _digest(secret), "token": viewer.token_id, "created": now, "expires": now + seconds}
        with self._database.writing() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.expires < now))
            connection.execute(insert(SESSIONS).values(**row))
        return secret, viewer

    def close_session(self, secret: str) -> None:
        """Log a browser out."""
        with self._database.writing() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.digest == _digest(secret)))


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _id_of(text: str) -> str:
    """The public part of a token; a text that is no token gives none that there is."""
    parts = text.split("_", 2)
    return parts[1] if len(parts) == 3 and parts[0] == "ps" else ""


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise UserError(f"a role is one of {', '.join(sorted(ROLES))}, got {role[:80]!r}")


def _check_token(label: str, scopes: frozenset[str], seconds: float | None) -> None:
    if not scopes or not scopes <= SCOPES:
        raise UserError(f"scopes are one or more of {', '.join(sorted(SCOPES))}, got {sorted(scopes)}")
    if len(label) > _LONGEST_LABEL:
        raise UserError(f"a label has at most {_LONGEST_LABEL} characters, got {len(label)}")
    if seconds is not None and not seconds > 0:
        raise UserError(f"a token is valid for more than 0 seconds, got {seconds}")


def _user(row: Row[Any]) -> User:
    return User(row.name, row.role, bool(row.disabled), row.created)


def _token(row: Row[Any]) -> Token:
    scopes = frozenset(row.scopes.split())
    return Token(row.id, row.owner, row.label, scopes, row.created, row.expires, row.used)
