"""Addresses of trackers as they may be shown and kept."""

from __future__ import annotations

import re


def without_user(text: str) -> str:
    """The text with user and password taken out of its URLs; an `@` in a path stays.

    Example:
        >>> without_user("http://me:secret@host:5000")
        'http://host:5000'
        >>> without_user("file:///work/a@b/runs")
        'file:///work/a@b/runs'
    """
    return re.sub(r"//[^/\s]*@", "//", text)
