"""What all pages have around them: head, navigation, the place for the connection's state, the dialog."""

from __future__ import annotations

from dataclasses import dataclass

from policysearch.service.pages.elements import Html, joined, tag

_PAGES = (("", "Jobs"), ("new", "New search"), ("compare", "Compare"), ("data", "Data"), ("account", "Account"))


@dataclass(frozen=True)
class Shell:
    """Where a page is and who reads it.

    Attributes:
        base: prefix of every path: empty, or what a proxy puts the service under, as `/policysearch`.
        user: name of the reader; empty before the login.
        place: the entry of the navigation that the page belongs to.
        stream: path of the events that the page follows, below `base`; empty where it follows none.
        after: id of the last event that the page holds already.
        parts: path that gives the page's live parts anew.
    """

    base: str
    user: str = ""
    place: str = ""
    stream: str = ""
    after: int = 0
    parts: str = ""

    def path(self, path: str) -> str:
        """A path of the service, such as `searches/ID`, as the browser asks for it."""
        return f"{self.base}/{path}"


def page(shell: Shell, title: str, *parts: str | None) -> str:
    """A whole page.

    Args:
        shell: around it.
        title: of the window, before the program's name.
        parts: of `<main>`; the first should hold the page's only `<h1>`.
    """
    body = tag(
        "body",
        tag("a", "Skip to the content", class_="skip", href="#main"),
        _header(shell),
        tag("p", aria_hidden="true", id="connection", class_="connection", hidden=True),
        tag("p", role="status", id="announcement", class_="unseen"),
        tag("p", role="alert", id="problem", class_="problem error", hidden=True),
        tag("main", *parts, id="main", tabindex="-1"),
        _dialog(),
    )
    html = tag("html", _head(shell, title), body, lang="en", **_data(shell))
    return f"<!DOCTYPE html>\n{html}\n"


def _data(shell: Shell) -> dict[str, str | int | None]:
    """What the script reads."""
    return {
        "data_base": shell.base,
        "data_stream": shell.stream or None,
        "data_after": shell.after if shell.stream else None,
        "data_parts": shell.parts or None,
    }


def _head(shell: Shell, title: str) -> Html:
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title} · policysearch"),
        tag("link", rel="icon", href=shell.path("static/icon.svg"), type="image/svg+xml"),
        tag("link", rel="stylesheet", href=shell.path("static/theme.css")),
        tag("link", rel="stylesheet", href=shell.path("static/style.css")),
        tag("script", type="module", src=shell.path("static/app.js")),
    )


def _header(shell: Shell) -> Html:
    name = tag("a", "policysearch", class_="name", href=shell.path(""))
    if not shell.user:
        return tag("header", name, class_="top")
    links = (_link(shell, path, text) for path, text in _PAGES)
    return tag("header", name, tag("nav", *links, aria_label="Pages"), class_="top")


def _link(shell: Shell, path: str, text: str) -> Html:
    return tag("a", text, href=shell.path(path), aria_current="page" if path == shell.place else None)


def _dialog() -> Html:
    """What the script asks before something is ended or deleted."""
    buttons = tag(
        "p",
        tag("button", "Back", value="", class_="quiet"),
        tag("button", "Yes", value="yes", id="confirm-yes", class_="danger"),
        class_="actions",
    )
    form = tag("form", tag("p", id="confirm-text"), buttons, method="dialog")
    return tag("dialog", form, id="confirm", aria_labelledby="confirm-text")


def needs_script(what: str) -> Html:
    """What is said where a form cannot work without script."""
    return tag("noscript", tag("p", f"{what} needs JavaScript, which is off in this browser.", class_="caution"))


def section(title: str, *parts: str | None, name: str = "", level: int = 2) -> Html:
    """A part of a page under its heading."""
    heading = tag(f"h{level}", title, id=f"{name}-title" if name else None)
    return tag("section", heading, *parts, id=name or None, aria_labelledby=f"{name}-title" if name else None)


def live(name: str, *parts: str | None) -> Html:
    """A part that the script replaces when there is news."""
    return tag("div", joined(parts), id=f"live-{name}", data_live=True)
