"""A user's own page: tokens, limits and the way out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from policysearch.service.database.account import Token
from policysearch.service.pages.elements import Html, tag
from policysearch.service.pages.shell import Shell, live, needs_script, page, section
from policysearch.service.pages.words import moment, size, span

_SURE = "Revoke this token? Programs that use it are refused from then on."
_DAYS = (("", "never"), ("1", "a day"), ("30", "30 days"), ("365", "a year"))


def account_page(
    shell: Shell, role: str, tokens: Sequence[Token], limits: Mapping[str, tuple[float, float | None]]
) -> str:
    """The whole page.

    Args:
        shell: around it.
        role: "admin" or "user".
        tokens: those that are valid.
        limits: by what is limited: how much, and how much of it is used, None where that is not counted.
    """
    leave = tag(
        "button", "Log out", type="button", data_send="DELETE api/v1/session", data_then="go:login", class_="quiet"
    )
    head = tag("div", tag("h1", "Account"), leave, class_="head")
    sees_all = " An administrator sees the jobs of all users." if role == "admin" else ""
    who = tag("p", "Logged in as ", tag("strong", shell.user), f" ({role}).{sees_all}")
    return page(shell, "Account", head, who, account_parts(tokens), _new_token(), _limits(limits))


def account_parts(tokens: Sequence[Token]) -> Html:
    """The tokens that there are."""
    rows = (
        tag(
            "li",
            tag("div", tag("strong", tag("bdi", token.label or token.id)), " ", *_scopes(token)),
            tag("p", *_uses(token), class_="note"),
            tag(
                "button",
                "Revoke",
                type="button",
                data_send=f"DELETE api/v1/tokens/{token.id}",
                data_confirm=_SURE,
                data_then="refresh",
                class_="danger",
            ),
        )
        for token in tokens
    )
    return live("tokens", section("Tokens", tag("ul", *rows, class_="tokens"), name="tokens"))


def _scopes(token: Token) -> list[Html]:
    return [tag("span", scope, class_="label") for scope in sorted(token.scopes)]


def _uses(token: Token) -> list[str | None]:
    parts: list[str | None] = ["made ", moment(token.created)]
    parts += [", last used ", moment(token.used)] if token.used else [", never used"]
    return parts + ([", ends ", moment(token.expires)] if token.expires else [])


def _new_token() -> Html:
    ends = tag(
        "select",
        *(tag("option", text, value=days) for days, text in _DAYS),
        id="t-days",
        name="days",
        data_type="integer",
    )
    form = tag(
        "form",
        tag(
            "div",
            tag("label", "Name", for_="t-name"),
            tag("input", id="t-name", name="name", maxlength=100),
            class_="field",
        ),
        tag(
            "div",
            tag("input", type="checkbox", id="t-run", name="run", checked=True, data_type="boolean"),
            tag("label", "It may start and end jobs, not only read", for_="t-run"),
            class_="field check",
        ),
        tag("div", tag("label", "Ends after", for_="t-days"), ends, class_="field"),
        tag("p", class_="error", role="alert", data_error="", hidden=True),
        tag("button", "Make a token", class_="primary"),
        tag("output", id="secret", class_="secret", hidden=True),
        needs_script("Making a token"),
        id="new-token",
        class_="card narrow",
    )
    return section("A new token", form, name="new-token-section")


def _limits(limits: Mapping[str, tuple[float, float | None]]) -> Html:
    rows = [
        part
        for name, (most, used) in limits.items()
        for part in (
            tag("dt", name),
            tag("dd", (f"{_amount(name, used)} of " if used is not None else "") + _amount(name, most)),
        )
    ]
    return section("Limits", tag("dl", *rows), name="limits")


def _amount(name: str, value: float) -> str:
    if "bytes" in name or name.startswith("disk") or name == "one upload":
        return size(int(value))
    return span(value) if name.startswith("time") else f"{value:,.0f}"
