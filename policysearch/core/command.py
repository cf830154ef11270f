"""Commands of this program as messages quote them."""

from __future__ import annotations

import shlex
from pathlib import Path


def command(name: str, *words: str | Path) -> str:
    """A command in backquotes, ready to be pasted into a shell whatever characters its words have.

    Args:
        name: of the command, such as "resume".
        words: what it is called with: paths, flags and their values.

    Example:
        >>> command("resume", Path("results/my run"))
        "`policysearch resume 'results/my run'`"
        >>> command("resume", Path("-mine"))
        '`policysearch resume ./-mine`'
    """
    texts = [f"./{word}" if isinstance(word, Path) and str(word).startswith("-") else str(word) for word in words]
    return f"`{shlex.join(['policysearch', name, *texts])}`"
