"""The right to write a study that others can reach: one controller at a time, and a sign of life every few seconds.

The lease is the study's attribute `policysearch:controller`. It is taken and renewed by SQL that changes it only if it
is still what was read, which Optuna's own methods cannot do.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import threading
import time
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType

from sqlalchemy import ColumnElement, Engine, column, delete, insert, select, table, update
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from policysearch.core.errors import RunFailed, UserError
from policysearch.study.patience import is_held, patiently

_LOG = logging.getLogger(__name__)

BEAT_SECONDS = 5.0
"""Between two signs of life."""
DEAD_SECONDS = 30.0
"""After so long without one, a controller on another machine counts as dead."""
_KEY = "policysearch:controller"
_ATTRIBUTES = table("study_user_attributes", column("study_id"), column("key"), column("value_json"))


class LeaseLost(RunFailed):
    """Another controller works on the study by now; the message says which."""


@dataclass(frozen=True)
class Holder:
    """Who holds a lease.

    Attributes:
        key: drawn anew whenever the lease is taken.
        machine: where the process number means what it says; see `this_machine`.
        host, process, folder: for people.
        beat: signs of life so far.
    """

    key: str
    machine: str
    host: str
    process: int
    folder: str
    beat: int = 0

    @classmethod
    def this_process(cls, folder: Path) -> Holder:
        """This process, for work in that folder."""
        return cls(secrets.token_hex(8), this_machine(), socket.gethostname(), os.getpid(), str(folder.absolute()))

    @property
    def is_gone(self) -> bool:
        """Whether the process is known to have ended; never so on another machine."""
        if self.machine != this_machine():
            return False
        try:
            os.kill(self.process, 0)  # sends nothing
        except ProcessLookupError:
            return True
        except PermissionError:  # it lives, and is somebody else's
            pass
        return False

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}, at work in {self.folder}"


def this_machine() -> str:
    """What processes have in common that see each other: the host, since it was started, and the container."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)


@dataclass(eq=False)
class Lease(AbstractContextManager["Lease"]):
    """A study's lease. Entering takes it, waiting for a sign of life of whoever seems to have it; leaving frees it.

    Args:
        engine: of the database.
        study_id, study: the study's number and name there.
        storage: the database's URL without its password, for messages.
        folder: of the run.
        file: the database, where it is an SQLite file.

    Raises:
        UserError: another controller holds it; its process, host and folder are named.
    """

    engine: Engine
    study_id: int
    study: str
    storage: str
    folder: Path
    file: Path | None = None
    _this_process: Holder = field(init=False)
    _lost: bool = field(init=False, default=False)
    _renewed: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._this_process = Holder.this_process(self.folder)
        self._stop = threading.Event()
        self._renewing = threading.Lock()
        self._thread = threading.Thread(target=self._beat, name=f"lease of {self.study}", daemon=True)

    def __enter__(self) -> Lease:
        self._take()
        self._renewed = time.time()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        # Where the database is away or held, the lease ends with this process or by itself.
        with suppress(SQLAlchemyError), self.engine.begin() as connection:
            connection.execute(delete(_ATTRIBUTES).where(*self._is(self._this_process)))

    def must_hold(self) -> None:
        """Check, before something is written, that the lease is still this process's.

        Raises:
            LeaseLost: another controller has taken it, as it may once this process was stopped for long.
        """
        # By the clock on the wall: a machine that slept has lost the time that others saw pass.
        if not self._lost and time.time() - self._renewed > DEAD_SECONDS / 2:
            self._renew()
        if self._lost:
            raise LeaseLost(
                f"study {self.study!r} was taken over by {self._read() or 'another controller'}, since this process "
                f"gave no sign of life for {DEAD_SECONDS:g} s; what it recorded is kept"
            )

    def _take(self) -> None:
        held = self._read()
        while not self._replace(held):
            held = self._read()

    def _replace(self, held: Holder | None) -> bool:
        """Take the lease from whoever has it, if nobody lives there; False if it changed meanwhile."""
        if held is None:
            return self._insert()
        if not held.is_gone:
            self._watch(held)
        try:
            return self._change(held, self._this_process)
        except OperationalError as error:
            # Whoever held the file meanwhile may have kept the holder's signs of life back: they are watched for again.
            if not is_held(error):
                raise
            return False

    def _insert(self) -> bool:
        row = {"study_id": self.study_id, "key": _KEY, "value_json": _text(self._this_process)}

        def add() -> None:
            with self.engine.begin() as connection:
                connection.execute(insert(_ATTRIBUTES).values(row))

        try:
            patiently(add, self.file)
        except IntegrityError:  # somebody was faster
            return False
        return True

    def _watch(self, held: Holder) -> None:
        """Return once a holder was silent for long enough.

        Raises:
            UserError: there was a sign of life.
        """
        _LOG.warning(
            "study %r was last held by %s: waiting up to %g s for a sign of life", self.study, held, DEAD_SECONDS
        )
        end = time.monotonic() + DEAD_SECONDS
        while time.monotonic() < end:
            if self._stop.wait(BEAT_SECONDS / 5):
                return
            now = self._read()
            if now is None:
                return
            if now != held:
                raise UserError(
                    f"study {self.study!r} in {self.storage} is in use by another controller ({now}): wait for it or "
                    "stop it. The copy of a run's folder has the same study; begin one of its own with another --out "
                    "and --study"
                )

    def _beat(self) -> None:
        while not self._lost and not self._stop.wait(BEAT_SECONDS):
            # A database that is away for a while ends the run when something is written, not here.
            with suppress(SQLAlchemyError):
                self._renew()

    def _renew(self) -> None:
        with self._renewing:
            following = replace(self._this_process, beat=self._this_process.beat + 1)
            # A server may have written a sign of life and lost the connection before it said so.
            if self._change(self._this_process, following) or self._read() == following:
                self._this_process, self._renewed = following, time.time()
            else:
                self._lost = True

    def _change(self, before: Holder, after: Holder) -> bool:
        """Write a holder, if the one before is still there."""
        change = update(_ATTRIBUTES).where(*self._is(before)).values(value_json=_text(after))
        with self.engine.begin() as connection:
            return connection.execute(change).rowcount == 1

    def _read(self) -> Holder | None:
        query = select(_ATTRIBUTES.c.value_json).where(*self._ours)

        def value() -> str | None:
            with self.engine.connect() as connection:
                return connection.execute(query).scalar()

        text = patiently(value, self.file)
        return Holder(**json.loads(text)) if text else None

    def _is(self, holder: Holder) -> tuple[ColumnElement[bool], ...]:
        return (*self._ours, _ATTRIBUTES.c.value_json == _text(holder))

    @property
    def _ours(self) -> tuple[ColumnElement[bool], ...]:
        return (_ATTRIBUTES.c.study_id == self.study_id, _ATTRIBUTES.c.key == _KEY)


def _text(holder: Holder) -> str:
    return json.dumps(asdict(holder))
