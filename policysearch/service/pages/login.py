"""The page to log in, and those for what is not there."""

from __future__ import annotations

from policysearch.service.pages.elements import tag
from policysearch.service.pages.shell import Shell, needs_script, page


def login_page(shell: Shell) -> str:
    """Takes the token out of the address, or out of a field."""
    box = tag(
        "input",
        id="token",
        name="token",
        type="password",
        autocomplete="off",
        required=True,
        maxlength=200,
        aria_describedby="token-help login-error",
    )
    where = "It begins with ps_. The server printed an address with it when it started, and keeps it in admin.token."
    form = tag(
        "form",
        tag("div", tag("label", "Token", for_="token"), box, class_="field"),
        tag("p", where, id="token-help", class_="help"),
        tag("p", class_="error", id="login-error", role="alert", data_error="", hidden=True),
        tag("button", "Log in", class_="primary"),
        needs_script("Logging in"),
        id="login",
        class_="card narrow",
    )
    return page(shell, "Log in", tag("h1", "Log in"), form)


def problem_page(shell: Shell, title: str, sentence: str) -> str:
    """Says what is wrong, with a way back."""
    back = tag("a", "All jobs", href=shell.path(""))
    return page(shell, title, tag("h1", title), tag("p", sentence), tag("p", back))
