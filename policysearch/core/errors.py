"""Errors that a person is meant to read: one sentence each, and a class that says whose fault it is."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_FEW = 40
"""As many names are listed in full."""


class UserError(ValueError):
    """A mistake in the input: the message says what was given, what is allowed and what to do.

    The command line prints it on stderr and exits with code 2.
    """


class RunFailed(RuntimeError):
    """A run that was asked for correctly could not be completed; what it recorded is kept.

    The command line prints the message on stderr and exits with code 1.
    """


class SearchFailed(RunFailed):
    """No pull of any arm gave a reward; the message quotes the most common error."""


def in_one_sentence(mistakes: Iterable[str]) -> str:
    """Several mistakes as the message of one error, each once.

    Example:
        >>> in_one_sentence(["trials must be 1 or more, got 0.", "unknown key 'x'"])
        "2 mistakes: trials must be 1 or more, got 0; unknown key 'x'"
    """
    texts = list(dict.fromkeys(mistakes))
    if len(texts) == 1:
        return texts[0]
    return f"{len(texts)} mistakes: " + "; ".join(text.removesuffix(".") for text in texts)


def in_one_line(error: BaseException) -> str:
    """The type and the text of an error that is not ours, on one line.

    Example:
        >>> in_one_line(KeyError("no\\nsuch"))
        "KeyError: 'no\\\\nsuch'"
        >>> in_one_line(ValueError("two\\n  lines"))
        'ValueError: two lines'
    """
    return " ".join(f"{type(error).__name__}: {error}".split())


def shortened(text: str, longest: int = 80) -> str:
    """A name or key as it stands in a message: what is too long to be read is cut off.

    Example:
        >>> shortened("strategy"), shortened("9" * 5000, longest=5)
        ('strategy', '9999…')
    """
    return text if len(text) <= longest else text[: longest - 1] + "…"


def unknown_name(kind: str, name: str, allowed: Iterable[str]) -> UserError:
    """The error for a name that is not in a table.

    Args:
        kind: what the name should be a name of, as "data set".
        name: what was given.
        allowed: all names of that kind.

    Returns:
        An error whose message suggests the nearest names, or lists all of them if they are few.

    Example:
        >>> str(unknown_name("color", "grean", ["blue", "green"]))
        "unknown color 'grean': did you mean green?"
    """
    names = sorted(allowed)
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return UserError(f"unknown {kind} {shortened(name)!r}: did you mean {' or '.join(near)}?")
    listed = names if len(names) <= _FEW else [*names[:8], f"and {len(names) - 8} more"]
    return UserError(f"unknown {kind} {shortened(name)!r}: known: {', '.join(listed)}.")


class CheckpointError(ValueError):
    """A checkpoint that cannot be gone on from: missing, damaged, or of another network, recipe or version."""
