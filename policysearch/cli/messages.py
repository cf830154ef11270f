"""What the command line prints on stderr: warnings, each once, and what the library logs."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_LOGGER = logging.getLogger("policysearch")
_PILLOW = logging.getLogger("PIL")
"""What Pillow logs of a damaged image says nothing beyond the sentence that reports it."""
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


class _Formatter(logging.Formatter):
    """One line each, as all messages of the command line; what is a warning says so."""

    def format(self, record: logging.LogRecord) -> str:
        level = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        return f"policysearch: {level}{super().format(record)}"


@contextmanager
def messages_on_stderr() -> Iterator[None]:
    """Print warnings and log records on stderr meanwhile; afterwards both go where they went before."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter())
    silence = logging.NullHandler()
    level = _LOGGER.level
    _LOGGER.addHandler(handler)
    _PILLOW.addHandler(silence)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _print_once()
            yield
    finally:
        _PILLOW.removeHandler(silence)
        _LOGGER.removeHandler(handler)
        _LOGGER.setLevel(level)


def set_verbosity(count: int) -> None:
    """Log warnings only (0), steps too (1), or details too (2 or more)."""
    _LOGGER.setLevel(_LEVELS[min(count, len(_LEVELS) - 1)])


def _print_once() -> Callable[..., None]:
    """A `warnings.showwarning` that prints each of the library's warnings once."""
    printed: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        text = str(message)
        if issubclass(category, UserWarning) and text not in printed:
            printed.add(text)
            print(f"policysearch: warning: {text}", file=sys.stderr)

    return show
