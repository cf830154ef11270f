"""Opening an Optuna storage by its URL, and telling what went wrong without the URL's password."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, RDBStorage
from sqlalchemy import URL, Engine, create_engine, func, inspect, make_url, select, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from policysearch.core.command import command
from policysearch.core.errors import RunFailed, UserError
from policysearch.core.files import AT_FAULT_OF_THE_FILE_SYSTEM
from policysearch.study.patience import PatientStorage, patiently
from policysearch.study.quick_storage import QuickStorage
from policysearch.study.quiet_optuna import quiet_optuna
from policysearch.study.sqlite_file import connection_settings, file_engine, sqlite_file

_SECRETS = ("password", "passwd", "sslpassword")
_TABLES_LOCK = 7_018_141_521  # any number that others who use the database do not lock
_CONNECT_SECONDS = "10"  # libpq's own default is to wait for a silent host for minutes


class StorageLost(RunFailed):
    """The storage failed while a search was at work; the message says how to go on."""


def without_password(url: str) -> str:
    """The URL as it may be shown and saved; PostgreSQL then takes the password from PGPASSWORD or ~/.pgpass.

    Raises:
        UserError: it is no URL.
    """
    if url.startswith("sqlite"):
        return url
    parsed = _parsed(url)
    return parsed._replace(password=None).difference_update_query(_SECRETS).render_as_string()


@contextmanager
def open_storage(url: str) -> Iterator[BaseStorage]:
    """Open the storage, making its tables where they are missing; its connections are closed at the end.

    Raises:
        UserError: it is no URL, a driver is missing, or the database cannot be reached or read.
    """
    with quiet_optuna():
        storage = _connected(url)
        try:
            yield optuna.storages.get_storage(storage)
        finally:
            storage.engine.dispose()


def must_be_a_storage(url: str) -> None:
    """Check a storage's URL without opening it.

    Raises:
        UserError: it is no URL.
    """
    if sqlite_file(url) is None:
        _parsed(url)


def names_in(url: str) -> frozenset[str]:
    """Names of the studies in a storage. Nothing is written: no tables, and no file where there is none.

    Raises:
        UserError: it is no URL, a driver is missing, or the database cannot be reached or read.
    """
    file = sqlite_file(url)
    if file is not None and not file.exists():
        _must_have_a_folder(url, file)
        return frozenset()
    with _failures_in_a_sentence(url):
        if file:
            return patiently(lambda: _study_names(file_engine(file)), file)
        return _study_names(create_engine(_with_driver(_parsed(url)), poolclass=NullPool))


def _study_names(engine: Engine) -> frozenset[str]:
    with engine.connect() as connection:
        if not inspect(connection).has_table("studies"):
            return frozenset()
        return frozenset(connection.execute(text("SELECT study_name FROM studies")).scalars())


def _must_have_a_folder(url: str, file: Path) -> None:
    if not os.access(file.absolute().parent, os.W_OK | os.X_OK):
        raise UserError(f"cannot open storage {url!r}: {file.absolute().parent} is no folder that can be written")


def _connected(url: str) -> RDBStorage:
    file = sqlite_file(url)
    with _failures_in_a_sentence(url):
        if file:
            return patiently(lambda: PatientStorage(file, connection_settings(file)), file)
        return _server(_with_driver(_parsed(url)))


@contextmanager
def _failures_in_a_sentence(url: str) -> Iterator[None]:
    """Turn what a database driver raises as it opens the storage into an error for people."""
    try:
        yield
    except UserError:
        raise
    except ImportError as error:
        raise UserError(_missing_driver(_with_driver(_parsed(url)), error)) from None
    except Exception as error:  # each database driver raises errors of its own
        raise UserError(f"cannot open storage {without_password(url)!r}: {reason(error)}") from None


def _server(url: URL) -> RDBStorage:
    """A storage in a server, whose connections are tried before each use: it may have been restarted meanwhile."""
    with _alone(url):
        return QuickStorage(url.render_as_string(hide_password=False), {"pool_pre_ping": True})


@contextmanager
def _alone(url: URL) -> Iterator[None]:
    """Make tables one search at a time: several that begin at once on a new PostgreSQL database would fail but one."""
    if _backend(url) != "postgresql":
        yield
        return
    with create_engine(url, poolclass=NullPool).connect() as connection:
        connection.execute(select(func.pg_advisory_lock(_TABLES_LOCK)))
        yield


@contextmanager
def losses_in_a_sentence(folder: Path, again: str = "", begun: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Watch over an experiment at work, which may lose what it writes to: a server is stopped, a disk is full.

    Args:
        folder: the experiment's.
        again: what continues it; by default `policysearch resume FOLDER`.
        begun: whether anything has been recorded.

    Raises:
        StorageLost: the storage failed, or a file could not be written.
    """
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        loss = f"the storage failed: {reason(error)}"
    except OSError as error:
        if error.errno not in AT_FAULT_OF_THE_FILE_SYSTEM:
            raise
        loss = f"cannot write {error.filename or folder}: {error.strerror}"
    else:
        return
    goes_on = f"what was recorded is there: {again or command('resume', folder)} goes on"
    raise StorageLost(f"{loss}; {goes_on if begun() else 'nothing was recorded'}") from None


def reason(error: BaseException) -> str:
    """What the database driver said, on one line."""
    if isinstance(error, StorageInternalError):
        error = error.__cause__ or error
    message = str(getattr(error, "orig", None) or error)
    line = " ".join(message.partition("(Background")[0].split())[:300]
    if "no password supplied" in line:
        line += " (config.toml keeps no password: set PGPASSWORD, or write it to ~/.pgpass)"
    return line


def _parsed(text: str) -> URL:
    """The URL, if it is one; no message quotes it.

    Raises:
        UserError: no URL, or one cut in the wrong place; none of it is shown, since a part may be the password.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        url = None
    if url is None or (_backend(url) != "sqlite" and "@" in f"{url.host}{url.database}"):
        raise UserError(
            "cannot open storage: it is no URL such as postgresql://user@host/database; "
            "a password's own @ : / and % are written %40 %3A %2F %25"
        )
    return url


def _backend(url: URL) -> str:
    return url.drivername.partition("+")[0]


def _with_driver(url: URL) -> URL:
    """PostgreSQL's URL with the driver of the extra `postgres`: SQLAlchemy 2.0 would take another than 2.1."""
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if _backend(url) == "postgresql":
        url = url.set(query={"connect_timeout": _CONNECT_SECONDS, **url.query})
    return url


def _missing_driver(url: URL, error: ImportError) -> str:
    if url.drivername == "postgresql+psycopg":
        return "storage in PostgreSQL needs a driver: pip install 'policysearch[postgres]'"
    return f"storage {url.drivername}:// needs a database driver that is not installed: {error.__cause__ or error}"
