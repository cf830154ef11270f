"""The files that pages load: a fixed table, read once."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from policysearch.reports.html.theme import STYLESHEET

_TYPES = {
    "theme.css": "text/css; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def static_file(name: str) -> tuple[bytes, str] | None:
    """Content and media type of a file; None for a name that is not in the table."""
    return (_content(name), _TYPES[name]) if name in _TYPES else None


@cache
def _content(name: str) -> bytes:
    return STYLESHEET.encode() if name == "theme.css" else (files(__package__) / "static" / name).read_bytes()
