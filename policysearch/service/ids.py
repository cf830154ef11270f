"""Ids of jobs and data sets: in order of time, and not to be guessed."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 26
_RANDOM_BITS = 80
_ID = re.compile(f"[{_DIGITS}]{{{_LENGTH}}}")


def new_id(clock: Callable[[], float] = time.time) -> str:
    """A new id: 26 digits and letters, of which the first ten are the time in milliseconds and the others random.

    Args:
        clock: gives seconds since the epoch.

    Example:
        >>> len(new_id()), new_id(lambda: 1.0) < new_id(lambda: 2.0)
        (26, True)
    """
    number = (int(clock() * 1000) << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
    digits = (_DIGITS[(number >> (5 * place)) & 31] for place in reversed(range(_LENGTH)))
    return "".join(digits)


def is_id(text: str) -> bool:
    """Whether a text has the form of an id, so that it may be part of a path.

    Example:
        >>> is_id(new_id()), is_id("../../etc/passwd")
        (True, False)
    """
    return _ID.fullmatch(text) is not None
