"""A private PostgreSQL server, for tests and benchmarks, where PostgreSQL's programs are installed."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL

USER, PASSWORD = "searcher", "s3cret@/:%{}"
FAST = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"


def programs() -> Path | None:
    """Where initdb and pg_ctl are; Debian keeps them off PATH."""
    found = shutil.which("pg_ctl")
    places = [Path(found).parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists() and (place / "pg_ctl").exists()), None)


@dataclass(frozen=True)
class Server:
    """A server on a port of its own; every connection needs the password."""

    programs: Path
    folder: Path
    port: int
    account: str | None
    options: str

    def url(self, database: str, password: str | None = PASSWORD) -> str:
        address = URL.create("postgresql", USER, password, "127.0.0.1", self.port, database)
        return address.render_as_string(hide_password=False)

    def start(self) -> None:
        listen = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        self._run("pg_ctl", "-w", "-l", str(self.folder / "log"), "-o", f"{listen} {self.options}", "start")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-w", "-m", mode, "stop")

    def new_database(self, name: str) -> str:
        """An empty database; returns its URL."""
        self.sql("postgres", f"CREATE DATABASE {name}")
        return self.url(name)

    def sql(self, database: str, statement: str) -> str:
        """The first value that a statement gives, or nothing."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return str(cursor.fetchone()[0]) if cursor.description else ""

    def create(self) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        if self.account:
            shutil.chown(self.folder, self.account)
            shutil.chown(secret, self.account)
        login = ("-U", USER, "-A", "scram-sha-256", f"--pwfile={secret}")
        self._run("initdb", "--no-sync", "-E", "UTF8", "--locale=C", *login)

    def _run(self, program: str, *words: str) -> str:
        environment = {**os.environ, "PGDATA": str(self.folder / "data"), "PGPASSWORD": PASSWORD}
        out = self.folder.with_name(self.folder.name + ".out")
        with out.open("w+") as told:  # a pipe would be held open by the server
            done = subprocess.run(
                [self.programs / program, *words],
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=environment,
                user=self.account,
                check=False,
            )
            text = out.read_text()
        out.unlink()
        if done.returncode:
            raise RuntimeError(f"{program} failed: {text}")
        return text


@contextmanager
def private_server(options: str = FAST) -> Iterator[Server | None]:
    """A server in a temporary folder, stopped and removed at the end; None where PostgreSQL is not installed."""
    place = programs()
    if place is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="policysearch-postgres-"))
    server = Server(place, folder, _free_port(), _account(), options)
    try:
        server.create()
        server.start()
        yield server
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            server.stop("immediate")
        shutil.rmtree(folder)


@contextmanager
def server_or_skip(options: str = FAST) -> Iterator[Server]:
    """`private_server`; the test is skipped where PostgreSQL is not installed."""
    with private_server(options) as server:
        if server is None:
            pytest.skip("PostgreSQL's initdb and pg_ctl are not installed")
        yield server


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _account() -> str | None:
    """Whom the server runs as: PostgreSQL refuses root."""
    if os.geteuid():
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"
