"""Waiting for an SQLite file that another program holds: a reader must never end a search."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage
from sqlalchemy.exc import OperationalError

from policysearch.study.quick_storage import QuickStorage

_LOG = logging.getLogger(__name__)
_Result = TypeVar("_Result")

SECONDS_AT_ONCE = 1.0
"""How long SQLite itself waits for a lock; between its waits Ctrl-C is heard."""
_PAUSE = 0.05
_SAID_AFTER = 10.0
_HELD = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def patiently(action: Callable[[], _Result], file: Path | None) -> _Result:
    """Do what needs an SQLite file, again and again for as long as another program holds the file.

    A transaction that met the lock was rolled back, so nothing is done twice. After ten seconds a warning says what is
    waited for.

    Args:
        action: what to do, in one transaction.
        file: what it needs, for the message; None for a database that is no file, which is never waited for.

    Returns:
        What the action returned.
    """
    began = time.monotonic()
    said = False
    while True:
        try:
            result = action()
        except (OperationalError, StorageInternalError, sqlite3.OperationalError) as error:
            if not is_held(error):
                raise
        else:
            if said:
                _LOG.warning("%s is free again after %.0f s", file, time.monotonic() - began)
            return result

        if not said and time.monotonic() - began >= _SAID_AFTER:
            said = True
            _LOG.warning("%s is held by another program (a dashboard?): waiting for it; nothing is lost", file)
        time.sleep(_PAUSE)


def is_held(error: BaseException) -> bool:
    """Whether an error, or one that caused it, says that another connection holds the SQLite file."""
    cause: BaseException | None = error
    while cause is not None:
        origin = getattr(cause, "orig", None) or cause
        if isinstance(origin, sqlite3.OperationalError):
            return (getattr(origin, "sqlite_errorcode", 0) & 0xFF) in _HELD  # the rest of the code says which kind
        cause = cause.__cause__
    return False


class PatientStorage(QuickStorage):
    """Optuna's storage in an SQLite file, every operation of which waits for the file.

    Args:
        file: where it is.
        settings: of SQLAlchemy's engine.
    """

    def __init__(self, file: Path, settings: dict[str, Any]) -> None:
        self.file = file
        super().__init__("sqlite://", settings)


def _waiting(name: str) -> Callable[..., Any]:
    def method(self: PatientStorage, *arguments: Any, **options: Any) -> Any:
        return patiently(lambda: getattr(super(PatientStorage, self), name)(*arguments, **options), self.file)

    method.__name__ = name
    return method


_ADDED = ("set_trial_curves",)
_CALLED_BY_THE_CACHE = ("_create_new_trial", "_set_trial_param", "_get_trials", "_get_best_trial_id")
for _name in (*(name for name in vars(BaseStorage) if not name.startswith("_")), *_CALLED_BY_THE_CACHE, *_ADDED):
    setattr(PatientStorage, _name, _waiting(_name))
