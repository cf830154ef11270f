"""The service's database: SQLite in write-ahead mode, or PostgreSQL; its transactions, and who may schedule."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, make_url, select, text
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    DisconnectionError,
    PendingRollbackError,
    ResourceClosedError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from policysearch.core.errors import UserError
from policysearch.service.database.tables import COUNTER, METADATA, SCHEMA, SCHEMA_VERSION

_BUSY_SECONDS = 10.0
_CONNECT_SECONDS = 5
_TABLES_LOCK = 7_018_141_522  # any numbers that others who use the database do not lock
_SCHEDULER_LOCK = 7_018_141_523


class DatabaseAway(RuntimeError):
    """The database does not answer; nothing was changed, and the same may be tried again."""


class Database:
    """A connection to the database of the service, to be used from any thread.

    Args:
        engine: of SQLAlchemy, as `open_database` makes it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of SQLite."""
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads.

        Raises:
            DatabaseAway: the database does not answer.
        """
        with _losses_in_a_sentence(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes: all of it is kept, or, after an error, nothing.

        Raises:
            DatabaseAway: the database does not answer, or its disk is full.
        """
        with _losses_in_a_sentence(), self._engine.connect() as connection:
            writer = connection.execution_options(policysearch_writes=True)
            with writer.begin():
                yield writer

    def scheduler_lock(self) -> SchedulerLock:
        """What lets one server at a time schedule the jobs of this database."""
        return SchedulerLock(self._engine)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


class SchedulerLock:
    """Held by the one server that schedules. In PostgreSQL it is lost with its connection, and taken again.

    In SQLite there is nothing to hold: the database is in the state's folder, which has a lock of its own.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    def holds(self) -> bool:
        """Whether this server schedules now.

        Raises:
            DatabaseAway: the database does not answer.
        """
        if self._engine.dialect.name != "postgresql":
            return True
        with _losses_in_a_sentence():
            if self._connection is None:
                self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            try:
                query = text(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()"
                )
                if self._connection.execute(query).scalar_one():
                    return True
                lock = text(f"SELECT pg_try_advisory_lock({_SCHEDULER_LOCK})")
                return bool(self._connection.execute(lock).scalar_one())
            except DBAPIError:
                self._forget()
                raise

    def release(self) -> None:
        """Let another server schedule."""
        self._forget()

    def _forget(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()


def open_database(url: str | None, file: Path) -> Database:
    """Open the database and make its tables where they are missing.

    Args:
        url: of a PostgreSQL database, as postgresql://user@host/database; None for SQLite.
        file: where SQLite's file is.

    Raises:
        UserError: the URL is not one of PostgreSQL, or the database was made by a later version of this program.
        DatabaseAway: it does not answer.
    """
    engine = _postgres(url) if url else _sqlite(file)
    try:
        with _losses_in_a_sentence(), engine.begin() as connection:
            _make_tables(connection)
    except BaseException:
        engine.dispose()
        raise
    return Database(engine)


def _make_tables(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_TABLES_LOCK})"))
    SCHEMA_VERSION.create(connection, checkfirst=True)
    version = connection.execute(select(SCHEMA_VERSION.c.version)).scalar_one_or_none()
    if version is not None and version > SCHEMA:
        raise UserError(
            f"the service's database is of version {version}, and this program knows version {SCHEMA}: "
            "start it with the newer policysearch that made the database"
        )
    METADATA.create_all(connection)
    if version is None:
        connection.execute(insert(SCHEMA_VERSION).values(version=SCHEMA))
        connection.execute(insert(COUNTER).values(name="jobs", value=0))


def _sqlite(file: Path) -> Engine:
    connect = partial(sqlite3.connect, str(file), timeout=_BUSY_SECONDS, check_same_thread=False, isolation_level=None)
    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, pool_size=8, max_overflow=56)
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def _set_pragmas(connection: Any, _: object) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    """A writer takes its turn when it begins: one that began by reading could not go on after another's commit."""
    writes = connection.get_execution_options().get("policysearch_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgres(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UserError("--database must be a URL such as postgresql://user@host/database") from None
    if parsed.get_backend_name() != "postgresql":
        raise UserError(
            f"--database must be a PostgreSQL URL, got one of {parsed.get_backend_name()}: leave it out for SQLite"
        )
    parsed = parsed.set(drivername="postgresql+psycopg")
    try:
        return create_engine(
            parsed,
            pool_pre_ping=True,
            pool_size=8,
            max_overflow=24,
            pool_timeout=_BUSY_SECONDS,
            connect_args={"connect_timeout": _CONNECT_SECONDS},
        )
    except ImportError:
        raise UserError("--database postgresql://... needs psycopg: pip install 'policysearch[postgres]'") from None


_LOSSES = (DisconnectionError, PendingRollbackError, ResourceClosedError, PoolTimeout)
"""What a lost connection leaves; the other errors of SQLAlchemy are this program's own."""


@contextmanager
def _losses_in_a_sentence() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        if not isinstance(error, _LOSSES) and not (isinstance(error, DBAPIError) and _is_loss(error)):
            raise
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        raise DatabaseAway(f"the service's database does not answer: {reason}") from error


def _is_loss(error: DBAPIError) -> bool:
    """Whether the database was away, rather than refusing what it was given."""
    return error.connection_invalidated or type(error.orig).__name__ in ("OperationalError", "InterfaceError")
