"""The table of data sets: uploads of users, beside those that ship and those that the operator names."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, select, update
from sqlalchemy.engine import RowMapping

from policysearch.core.errors import UserError, unknown_name
from policysearch.datasets.registry import SHIPPED
from policysearch.service.data_set import DataSet, DataState
from policysearch.service.database.connection import Database
from policysearch.service.database.rights import may, visible
from policysearch.service.database.tables import DATA_SETS
from policysearch.service.database.viewer import Viewer
from policysearch.service.ids import is_id, new_id
from policysearch.service.state_folder import StateFolder


class NoSuchDataSet(LookupError):
    """There is no data set of that id, or none that this user may see."""


class NoRoom(RuntimeError):
    """The user's data sets have as many bytes as a user's may; the message says how many."""


class DataSets:
    """The data sets of the service. Every method is one short transaction, to be called from any thread.

    Args:
        database: holds their table.
        folder: has their images.
        operator: paths by the names that the operator gives, `--data NAME=PATH`.
        clock: gives seconds since the epoch.
    """

    def __init__(
        self,
        database: Database,
        folder: StateFolder,
        operator: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._folder = folder
        self._clock = clock
        self.operator = dict(operator or {})

    def add(
        self, owner: str, name: str, format_name: str, digest: str, size: int, most: int, data_id: str = ""
    ) -> tuple[DataSet, bool]:
        """Add an upload, to be checked.

        Args:
            owner: name of a user.
            name: what the owner calls it.
            format_name: "zip", "npz" or "parquet".
            digest: SHA-256 of the file.
            size: its bytes.
            most: bytes that all data sets of the owner may have.
            data_id: its id; by default a new one.

        Returns:
            the data set, and whether it is new: a second upload of the same file gives the first one's.

        Raises:
            NoRoom: the owner's data sets have too many bytes.
        """
        with self._database.writing() as connection:
            same = select(DATA_SETS).where(
                DATA_SETS.c.owner == owner,
                DATA_SETS.c.digest == digest,
                DATA_SETS.c.format == format_name,
                DATA_SETS.c.state != DataState.REFUSED,
            )
            earlier = connection.execute(same).mappings().first()
            if earlier is not None:
                return _data_set(earlier), False
            _must_have_room(_used_bytes(connection, owner), size, most)
            now = self._clock()
            data_set = DataSet(data_id or new_id(self._clock), owner, name, format_name, digest, size, now, now)
            connection.execute(insert(DATA_SETS).values(**vars(data_set)))
            return data_set, True

    def must_have_room(self, owner: str, size: int, most: int) -> None:
        """Check that an owner may have a further upload.

        Raises:
            NoRoom: the owner's data sets have too many bytes.
        """
        with self._database.reading() as connection:
            _must_have_room(_used_bytes(connection, owner), size, most)

    def get(self, data_id: str, viewer: Viewer | None = None, *, to_change: bool = False) -> DataSet:
        """A data set by its id.

        Args:
            data_id: the id, or any text.
            viewer: who looks; None sees all.
            to_change: whether the viewer wants to change it, which only its owner and admins may.

        Raises:
            NoSuchDataSet: there is none, or none that the viewer may see or change.
        """
        with self._database.reading() as connection:
            row = connection.execute(select(DATA_SETS).where(DATA_SETS.c.id == data_id)).mappings().one_or_none()
        if row is None or not may(viewer, row["owner"], shared=row["shared"], to_change=to_change):
            raise NoSuchDataSet(data_id)
        return _data_set(row)

    def page(self, viewer: Viewer | None, after: str = "", limit: int = 200) -> list[DataSet]:
        """Uploads that the viewer may see, newest first.

        Args:
            viewer: who looks; None sees all.
            after: the id of the last one of the page before.
            limit: as many at most.
        """
        query = visible(select(DATA_SETS), DATA_SETS, viewer).order_by(DATA_SETS.c.id.desc()).limit(limit)
        if after:
            query = query.where(DATA_SETS.c.id < after)
        return self._all(query)

    def to_check(self) -> list[DataSet]:
        """Those whose check has not ended, oldest first."""
        return self._all(select(DATA_SETS).where(DATA_SETS.c.state == DataState.CHECKING).order_by(DATA_SETS.c.id))

    def used_bytes(self, owner: str) -> int:
        """Bytes of all data sets of an owner."""
        with self._database.reading() as connection:
            return _used_bytes(connection, owner)

    def update(self, data_id: str, **columns: Any) -> DataSet:
        """Change columns of a data set.

        Raises:
            NoSuchDataSet: there is none any more.
        """
        values = {**columns, "changed": self._clock()}
        changed = update(DATA_SETS).where(DATA_SETS.c.id == data_id).values(values)
        with self._database.writing() as connection:
            row = connection.execute(changed.returning(*DATA_SETS.columns)).mappings().one_or_none()
        if row is None:
            raise NoSuchDataSet(data_id)
        return _data_set(row)

    def remove(self, data_id: str) -> None:
        """Remove the row of a data set."""
        with self._database.writing() as connection:
            connection.execute(delete(DATA_SETS).where(DATA_SETS.c.id == data_id))

    def path_of(self, name: str, viewer: Viewer | None) -> str:
        """What a search reads: a shipped name, or a path.

        Args:
            name: shipped, the operator's, or the id of an upload.
            viewer: who wants to use it; None for the service itself.

        Raises:
            UserError: there is none of that name that the viewer may use, or it is not ready.
        """
        if name in self.operator:
            return self.operator[name]
        if name in SHIPPED:
            return name
        try:
            data_set = self.get(name, viewer) if is_id(name) else None
        except NoSuchDataSet:
            data_set = None
        if data_set is None:
            error = unknown_name("data set", name, [*SHIPPED, *self.operator])
            raise UserError(f"{error} Or the id of an upload; `GET /api/v1/data` lists them")
        if data_set.state != DataState.READY:
            reason = f": {data_set.reason}" if data_set.reason else ""
            raise UserError(f"data set {data_set.name!r} is {_IN_WORDS[data_set.state]}{reason}")
        return str(self._folder.data_set(data_set.id) / data_set.file)

    def names(self, viewer: Viewer) -> list[str]:
        """Names and ids of all data sets that the viewer may use."""
        uploads = [data_set.id for data_set in self.page(viewer) if data_set.state == DataState.READY]
        return [*SHIPPED, *self.operator, *uploads]

    def _all(self, query: Select[Any]) -> list[DataSet]:
        with self._database.reading() as connection:
            return [_data_set(row) for row in connection.execute(query).mappings()]


_IN_WORDS = {DataState.CHECKING: "being checked, and can be used when it is ready", DataState.REFUSED: "refused"}


def _data_set(row: RowMapping) -> DataSet:
    columns = dict(row)
    return DataSet(**{**columns, "state": DataState(columns["state"])})


def _used_bytes(connection: Connection, owner: str) -> int:
    query = select(func.coalesce(func.sum(DATA_SETS.c.size), 0)).where(
        DATA_SETS.c.owner == owner, DATA_SETS.c.state != DataState.REFUSED
    )
    return int(connection.execute(query).scalar_one())


def _must_have_room(used: int, size: int, most: int) -> None:
    if used + size > most:
        raise NoRoom(f"your data sets have {used:,} bytes, and {most:,} are allowed: delete one first")
