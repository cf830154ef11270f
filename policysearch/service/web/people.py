"""Oneself and one's tokens; and for administrators, all users."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from policysearch.core.errors import UserError
from policysearch.service.database.account import Token, User
from policysearch.service.web.problem import Problem, not_found
from policysearch.service.web.security import Admin, Reader, Runner
from policysearch.service.web.state import service_of
from policysearch.service.web.usage import usage_of

router = APIRouter(prefix="/api/v1")

_DAY = 86_400.0


class NewToken(BaseModel):
    """A token that somebody wants."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field("", max_length=100, description="what you call it")
    scopes: list[Literal["read", "run"]] = Field(["read", "run"], min_length=1, max_length=2)
    days: float | None = Field(None, gt=0, le=36_500, description="how long it is valid; null for ever")
    user: str | None = Field(None, max_length=64, description="whose it is; for administrators alone")


class NewUser(BaseModel):
    """A user who is to be added."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=64)
    role: Literal["admin", "user"] = "user"


class UserChange(BaseModel):
    """What is to change of a user; what is left out stays."""

    model_config = ConfigDict(extra="forbid", strict=True)

    role: Literal["admin", "user"] | None = None
    disabled: bool | None = None


@router.get("/me")
def me(request: Request, viewer: Reader) -> dict[str, Any]:
    """Who one is, what one may, and how much of it is used."""
    service = service_of(request)
    used = usage_of(service, viewer) | {"user_streams": request.app.state.streams.of_user(viewer)}
    scopes = sorted(viewer.scopes)
    return {
        "name": viewer.name,
        "role": viewer.role,
        "scopes": scopes,
        "limits": asdict(service.limits),
        "used": used,
    }


@router.get("/tokens")
def tokens(request: Request, viewer: Reader) -> dict[str, Any]:
    """One's own tokens, without what is secret of them."""
    return {"tokens": [_token(token) for token in service_of(request).accounts.tokens(viewer.name)]}


@router.post("/tokens", status_code=201)
def add_token(request: Request, viewer: Runner, order: NewToken) -> dict[str, Any]:
    """Make a token. Its text is in this answer and in none after it."""
    owner = order.user or viewer.name
    if owner != viewer.name and not viewer.is_admin:
        raise Problem(403, "admin_only", "only an administrator may make tokens for others", {"user": "must be you"})
    seconds = None if order.days is None else order.days * _DAY
    with _mistakes_as_problems("user", owner):
        token, text = service_of(request).accounts.add_token(owner, order.name, order.scopes, seconds)
    return {**_token(token), "token": text}


@router.delete("/tokens/{token_id}", status_code=204)
def delete_token(request: Request, viewer: Runner, token_id: str) -> Response:
    """End one of one's own tokens, and the browsers that have logged in with it."""
    with _mistakes_as_problems("token", token_id):
        service_of(request).accounts.delete_token(viewer.name, token_id)
    return Response(status_code=204)


@router.get("/users")
def users(request: Request, viewer: Admin) -> dict[str, Any]:
    """All users."""
    return {"users": [_user(user) for user in service_of(request).accounts.users()]}


@router.post("/users", status_code=201)
def add_user(request: Request, viewer: Admin, order: NewUser) -> dict[str, Any]:
    """Add a user, with a first token; its text is in this answer and in none after it."""
    accounts = service_of(request).accounts
    with _mistakes_as_problems("user", order.name):
        user = accounts.add_user(order.name, order.role)
        _, text = accounts.add_token(user.name, "first")
    return {**_user(user), "token": text}


@router.patch("/users/{name}")
def change_user(request: Request, viewer: Admin, name: str, change: UserChange) -> dict[str, Any]:
    """Change a user's role, or disable a user: no token of theirs is valid any more."""
    with _mistakes_as_problems("user", name):
        return _user(service_of(request).accounts.change_user(name, role=change.role, disabled=change.disabled))


@contextmanager
def _mistakes_as_problems(kind: str, name: str) -> Iterator[None]:
    try:
        yield
    except UserError as error:
        raise Problem(422, "invalid", str(error), {kind: str(error)}) from None
    except LookupError:
        raise not_found(kind, name) from None


def _token(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.label,
        "scopes": sorted(token.scopes),
        "created": token.created,
        "expires": token.expires,
        "used": token.used,
    }


def _user(user: User) -> dict[str, Any]:
    return asdict(user)
