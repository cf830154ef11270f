"""Ctrl-C that is not lost: code in the middle of a step may swallow what Python raises, or make another error of it."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_LOG = logging.getLogger(__name__)


@contextmanager
def ctrl_c() -> Iterator[Callable[[], None]]:
    """Watch for Ctrl-C in this block, in the main thread and where it is not ignored.

    Yields:
        A check to call between two steps, which raises where code has swallowed a Ctrl-C since the last check.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed, whatever error it has become on its way.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield lambda: None
        return

    pressed: list[int] = []
    unseen: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        unseen.append(number)
        raise KeyboardInterrupt

    def check() -> None:
        if unseen:
            unseen.clear()
            raise KeyboardInterrupt

    # Raised in a destructor or a weak reference's callback, it can only be printed, with a traceback; the next check
    # raises it again.
    report = sys.unraisablehook

    def report_others(unraisable: sys.UnraisableHookArgs) -> None:
        if not (pressed and isinstance(unraisable.exc_value, KeyboardInterrupt)):
            report(unraisable)

    signal.signal(signal.SIGINT, interrupt)
    sys.unraisablehook = report_others
    try:
        yield check
    except Exception as error:
        if not pressed:
            raise
        _LOG.debug("after Ctrl-C", exc_info=error)
        raise KeyboardInterrupt from error
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.unraisablehook = report
