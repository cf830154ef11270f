"""SQLite files as storages: which file a URL names, and its connections, whatever characters the path has."""

from __future__ import annotations

import re
import sqlite3
from functools import partial
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool, QueuePool

from policysearch.core.errors import UserError
from policysearch.study.patience import SECONDS_AT_ONCE

_URL = re.compile(r"sqlite(?:\+pysqlite)?:///(?P<path>.+)", re.DOTALL)
_OPTIONS = re.compile(r"\?(timeout|uri|mode|cache|isolation_level|check_same_thread|detect_types)=[^/]*$")
_IN_MEMORY = ":memory:"


def sqlite_file(url: str) -> Path | None:
    """The file that a storage's URL names, or None for a storage that is no file of SQLite.

    All that follows `sqlite:///` is the path as it is: nothing in it is an escape or the beginning of a query.

    Raises:
        UserError: options of SQLite follow the path; none is taken.

    Example:
        >>> sqlite_file("sqlite:///results/100%best?.db").name
        '100%best?.db'
        >>> sqlite_file("postgresql://me@host/database")
    """
    match = _URL.fullmatch(url)
    if match is None or match["path"] == _IN_MEMORY:
        return None
    option = _OPTIONS.search(match["path"])
    if option:
        raise UserError(f"a storage in SQLite takes no options such as {option[0]}: leave it out")
    return Path(match["path"])


def file_engine(file: Path) -> Engine:
    """An engine that only reads an SQLite file, and makes none where there is none."""
    address = f"file:{quote(str(file.absolute()))}?mode=ro"
    connect = partial(sqlite3.connect, address, timeout=SECONDS_AT_ONCE, uri=True)
    return create_engine("sqlite://", creator=connect, poolclass=NullPool)


def connection_settings(file: Path) -> dict[str, object]:
    """What SQLAlchemy's `create_engine("sqlite://")` needs besides to work on that file.

    The path goes to SQLite itself: in a URL its `?` and `%` have other meanings, which differ between versions of
    SQLAlchemy, and Optuna gives `{` one more.
    """
    connect = partial(sqlite3.connect, str(file), timeout=SECONDS_AT_ONCE, check_same_thread=False)
    return {"creator": connect, "poolclass": QueuePool}
