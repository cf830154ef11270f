"""Work that needs torch or matplotlib, done in a process apart: a controller waits for hours, and would hold them.

They take half a gigabyte, which a controller needs for some seconds only, before the first pull and after the last.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any, TypeVar

from policysearch.core.user_code import is_of_main
from policysearch.study.settings import ChildSettings
from workers.errand import run_errand
from workers.forkserver import prepare

Result = TypeVar("Result")


def is_light(config: ChildSettings) -> bool:
    """Whether this process is to do without torch.

    So it is where local workers train, unless torch is loaded anyway, or the network is known in this process alone.
    """
    in_main = config.model.startswith("__main__:") or (config.train is not None and is_of_main(config.train))
    return _has_local_workers(config) and "torch" not in sys.modules and not in_main


def called_apart(config: ChildSettings, function: Callable[..., Result], *arguments: Any) -> Result:
    """Call a function in a process of its own where this one is to stay light, and else here.

    Args:
        config: of the experiment, with the number of its workers.
        function: of a module, picklable as its arguments and its result are.
        arguments: of the function.

    Raises:
        RunFailed: the process died.
        Exception: what the function raises.
    """
    return run_errand(function, *arguments) if is_light(config) else function(*arguments)


def begin_to_import(config: ChildSettings) -> None:
    """Let the server of local workers import torch while this process goes on."""
    if _has_local_workers(config):
        prepare()


def import_meanwhile(config: ChildSettings) -> None:
    """Import what opens a study, which Optuna would do later, while the server of local workers is still importing."""
    if is_light(config):
        with suppress(ImportError):
            import_module("alembic.command")


def _has_local_workers(config: ChildSettings) -> bool:
    return config.pool == "local" and config.workers != 0
