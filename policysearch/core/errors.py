"""What a person did wrong, told in one sentence."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(ValueError):
    """A mistake in what was given: the message says what was given, what is allowed and what to do.

    The command line prints it on stderr and exits with code 2.
    """


def unknown_name(kind: str, given: str, allowed: Iterable[str]) -> UserError:
    """The error for a name that is not in a table, with the nearest names (or all, when few)."""
    names = sorted(allowed)
    near = get_close_matches(given, names, n=3, cutoff=0.5)
    known = names if len(names) <= 40 else [*names[:8], f"and {len(names) - 8} more"]
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}."
    return UserError(f"unknown {kind} {given!r}: {hint}")


class SearchFailed(RuntimeError):
    """No pull of any arm gave a reward; the message tells the commonest error."""
