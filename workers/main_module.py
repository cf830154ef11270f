"""The user's script: multiprocessing runs it again in every process that it starts, unless it is left out there."""

from __future__ import annotations

import ast
import multiprocessing
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, ModuleType

from policysearch.core.errors import UserError
from policysearch.core.user_code import module_being_loaded

_MAIN = "__main__"
_GUARD = 'if __name__ == "__main__":'


def must_not_be_a_rerun() -> None:
    """Check that this process is not one that multiprocessing is starting, and that now runs the user's script again.

    Raises:
        UserError: it is, or it loads a function of the script; what the script calls would be done once in each.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise UserError(f"the script runs again in every process that it starts: write the call below `{_GUARD}`")
    module = module_being_loaded()
    if module is not None:
        raise UserError(f"{module} runs again where something of it is needed: write the call below `{_GUARD}`")


def must_be_able_to_start_processes() -> None:
    """Check that Python lets this process start others.

    Raises:
        UserError: it is a daemonic process, as the workers of `multiprocessing.Pool` are.
    """
    if multiprocessing.current_process().daemon:
        raise UserError(
            "this is a daemonic process, as the workers of multiprocessing.Pool are, and may start no workers: give "
            "workers=0 (--workers 0), which trains in this process, or use concurrent.futures.ProcessPoolExecutor"
        )


def must_reach_workers(names: list[str]) -> None:
    """Check that workers will know what the main script defines.

    Args:
        names: what workers need of it, for messages.

    Raises:
        UserError: the script is left out of the workers, and they need something of it.
    """
    if not names or not main_is_left_out():
        return
    if _file(sys.modules[_MAIN]):
        raise UserError(f"workers need {names[0]} of this script, and run it again: write the call below `{_GUARD}`")
    raise UserError(
        f"workers need {names[0]}, and cannot import what is only defined in a notebook, a console or standard input: "
        "write it into a file such as mine.py, and give that (model='mine.py:NAME', train='mine.py:NAME', "
        "operations='mine.py'), or give workers=0"
    )


def main_is_left_out() -> bool:
    """Whether processes that are started now do without the main script.

    They do where it is no file (a notebook, a console, standard input), and where the call in progress is not guarded
    by its `__name__`, so that every process would make that call itself.
    """
    main = sys.modules[_MAIN]
    file = _file(main)
    if file is None:
        return True
    line = _line(main)
    return line is not None and not _is_guarded(file, line)


@contextmanager
def main_left_out() -> Iterator[None]:
    """Processes that are started in this block know nothing of the main script."""
    main = sys.modules[_MAIN]
    sys.modules[_MAIN] = ModuleType(_MAIN)
    try:
        yield
    finally:
        sys.modules[_MAIN] = main


def _file(main: ModuleType) -> Path | None:
    """The script's file; None where there is none, or a name such as <stdin> in its place."""
    name = getattr(main, "__file__", None)
    return Path(name) if name and Path(name).is_file() else None


def _line(main: ModuleType) -> int | None:
    """The line of the script that is being executed; None where it has come to its end."""
    frame: FrameType | None = sys._current_frames().get(threading.main_thread().ident or 0)
    line = None
    while frame is not None:
        if frame.f_globals is main.__dict__ and frame.f_code.co_name == "<module>":
            line = frame.f_lineno
        frame = frame.f_back
    return line


def _is_guarded(file: Path, line: int) -> bool:
    """Whether the line is reached only where the script is the main one; True also where the file cannot be read."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return True

    conditions = [node for node in ast.walk(tree) if isinstance(node, ast.If) and _asks_for_name(node.test)]
    around = any(node.lineno <= line <= (node.end_lineno or node.lineno) for node in conditions)
    ended_before = any(node.lineno < line and _asks_for_another_name(node.test) for node in conditions)
    return around or ended_before


def _asks_for_name(test: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(test))


def _asks_for_another_name(test: ast.expr) -> bool:
    """As `if __name__ != "__main__": sys.exit()` does."""
    return any(isinstance(node, ast.NotEq) for node in ast.walk(test))
