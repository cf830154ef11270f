"""The files that pages load: a fixed table, read once."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.resources import files

from policysearch.reports.html.theme import STYLESHEET

_TYPES = {
    "theme.css": "text/css; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


@cache
def static_file(name: str) -> tuple[bytes, str, str] | None:
    """Content, media type and entity tag of a file; None for a name that is not in the table."""
    if name not in _TYPES:
        return None
    content = STYLESHEET.encode() if name == "theme.css" else (files(__package__) / "static" / name).read_bytes()
    return content, _TYPES[name], f'"{sha256(content).hexdigest()[:16]}"'
