"""The server that worker processes are forked from: it imports what all of them need, once, and shares its memory.

So they start at once, and none inherits a lock, a thread or a CUDA context of the process that asks for them.
"""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from workers.main_module import main_left_out
from workers.pool import WorkersCannotStart

_IMPORTED = ["workers.evaluate", "policysearch.child.training", "policysearch.child.networks"]

_ATTEMPTS = 5
_PAUSE = 0.2
"""Seconds until the system has taken leave of a server that was killed."""


def prepare() -> None:
    """Start the server, which begins to import, and do not wait for it; where it runs already, nothing is done."""
    mp.get_context("forkserver").set_forkserver_preload(_IMPORTED)
    with _ctrl_c_later():
        forkserver.ensure_running()


def started(target: Callable[..., None], *arguments: Any, alone: bool) -> tuple[BaseProcess, Connection]:
    """Start a process; waits until the server has imported everything.

    Args:
        target: what it runs: a function of a module, called with the arguments and its end of the connection.
        arguments: picklable.
        alone: whether the process is to know nothing of the main script.

    Returns:
        The process, and this end of the connection.

    Raises:
        WorkersCannotStart: the server was killed at every attempt.
    """
    context: Any = mp.get_context("forkserver")
    ours, theirs = context.Pipe()
    for attempt in range(_ATTEMPTS):
        prepare()
        process = context.Process(target=target, args=(*arguments, theirs), daemon=True)
        try:
            with _ctrl_c_later(), main_left_out() if alone else nullcontext():
                process.start()
            break
        except (EOFError, ConnectionError):  # the server was killed in the middle; the next attempt starts another
            if attempt == _ATTEMPTS - 1:
                raise WorkersCannotStart("the server of worker processes was killed again and again") from None
            time.sleep(_PAUSE)
    theirs.close()
    return process, ours


def live_with_parent() -> None:
    """In a started process: leave Ctrl-C to the parent, and end when the parent does, in the middle of anything."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    """A parent that was killed closes nothing."""
    parent = mp.parent_process()
    if parent is not None:
        wait([parent.sentinel])
    os._exit(1)


@contextmanager
def _ctrl_c_later() -> Iterator[None]:
    """What is started here inherits a blocked Ctrl-C, so that none reaches a process that is still importing.

    Here it comes at the end at the latest: to ignore it would lose it, and the first start may take seconds.
    """
    resource_tracker.ensure_running()  # which would unblock it in the middle
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
