"""An errand: a function called in a short-lived process, so that this one imports nothing that the function needs."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from policysearch.core.errors import RunFailed, UserError, in_one_line
from policysearch.core.user_code import current_folder_importable
from workers.forkserver import live_with_parent, started
from workers.main_module import main_is_left_out

Result = TypeVar("Result")


@dataclass(frozen=True)
class _Ended:
    """How an errand ended: what the function returned or raised, and the warnings on the way."""

    value: Any
    error: BaseException | None
    warnings: tuple[tuple[str, type[Warning], str, int], ...]


class ErrandDied(RunFailed):
    """The process of an errand died before the function had returned."""


def run_errand(function: Callable[..., Result], *arguments: Any) -> Result:
    """Call a function in a process of its own, which is forked from the workers' server.

    Args:
        function: of a module that imports little; what it needs, it imports itself.
        arguments: picklable.

    Returns:
        What the function returns, which must be picklable.

    Raises:
        UserError: the function raised one.
        ErrandDied: the process died, as it does where it runs out of memory.
        Exception: what else the function raised; one that is not built in is a RuntimeError of the same text.
    """
    process, connection = started(_run, function, arguments, alone=main_is_left_out())
    try:
        ended: _Ended = connection.recv()
    except EOFError:
        process.join()
        what = f"the process that ran {function.__name__.lstrip('_')}"
        raise ErrandDied(f"{what} died (exit code {process.exitcode}): it may have run out of memory") from None
    finally:
        process.kill()
        process.join()
        connection.close()
    for warning in ended.warnings:
        warnings.warn_explicit(*warning)
    if ended.error is not None:
        raise ended.error
    result: Result = ended.value
    return result


def _run(function: Callable[..., Any], arguments: tuple[Any, ...], connection: Connection) -> None:
    live_with_parent()
    value, error = None, None
    with warnings.catch_warnings(record=True) as caught, current_folder_importable(last=True):
        warnings.simplefilter("default")
        try:
            value = function(*arguments)
        except Exception as raised:  # it is raised in the process that asked
            error = _portable(raised)
    sys.stdout.flush()
    sys.stderr.flush()
    texts = tuple((str(entry.message), entry.category, entry.filename, entry.lineno) for entry in caught)
    connection.send(_Ended(value, error, texts))


def _portable(error: Exception) -> Exception:
    """The error without what only this process has imported."""
    if isinstance(error, UserError):
        return UserError(str(error))
    if isinstance(error, RunFailed):
        return RunFailed(str(error))
    if type(error).__module__ == "builtins":
        return error
    return RuntimeError(in_one_line(error))
