"""Text in a Markdown file, in which a name is only ever text."""

from __future__ import annotations

import re

from policysearch.core.readable import readable

_ACTIVE = re.compile(r"[\\`*<|]|(?<!\w)_|_(?!\w)|\[(?=[^\]]*\][(\[:])")
"""What Markdown would take for more than a letter; an interval such as [0.1, 0.2] is text to it already."""


def escaped(words: str) -> str:
    r"""Words as Markdown shows them letter by letter.

    Example:
        >>> escaped("a|b <i> [0.1, 0.2]")
        'a\\|b \\<i> [0.1, 0.2]'
    """
    return _ACTIVE.sub(r"\\\g<0>", readable(words))
