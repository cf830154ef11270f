"""`policysearch serve` as people start it: where it listens, what it refuses, and how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from policysearch.core.errors import UserError
from policysearch.service.address import browser_address, listening_socket
from policysearch.service.admin_token import admin_token
from policysearch.service.options import Options
from policysearch.service.place_checks import gpus_of_this_machine, places_of
from policysearch.service.serve import PoliteServer, greeting, schedule
from policysearch.service.setup import service as build
from policysearch.service.state_folder import StateFolder
from policysearch.service.state_lock import file_system, only_server
from tests.support import command_line
from tests.support.event_stream import PATIENCE, Stream
from tests.support.web_client import house


@pytest.fixture
def call(monkeypatch, capsys):
    """Exit code, stdout and stderr of `policysearch serve` in this process."""
    return lambda *words: command_line.call(monkeypatch, capsys, "serve", *words)


LOGIN = re.compile(r"http://127\.0\.0\.1:(\d+)/login#t=(ps_\w+_[\w-]+)")


class Server:
    """`policysearch serve` in a process.

    Args:
        state: its folder.
        words: further words of the command.
    """

    def __init__(self, state: Path, *words: str) -> None:
        command = [sys.executable, "-m", "policysearch", "serve", "--state", str(state), "--port", "0", *words]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.port, self.token = self._login(line)

    def _login(self, line: str) -> tuple[int, str]:
        match = LOGIN.fullmatch(line.strip())
        assert match, line + self.process.stderr.read()
        return int(match[1]), match[2]

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """End it by a signal; its exit code, and what it printed since its start."""
        self.process.send_signal(number)
        out, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out + errors


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("serve") / "state")
    yield server
    if server.process.poll() is None:
        server.end(signal.SIGKILL)


def status(port: int, path: str, token: str) -> int:
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        with connection.getresponse() as answer:
            answer.read()
            return answer.status


def test_the_address_that_is_printed_lets_in(server):
    assert status(server.port, "/api/v1/me", server.token) == 200
    assert status(server.port, "/api/v1/me", server.token[:-1]) == 401


def test_the_process_has_no_torch(server):
    assert status(server.port, "/api/v1/catalogue", server.token) == 200
    assert status(server.port, "/api/v1/schema/search", server.token) == 200
    maps = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert not [name for name in ("torch", "scipy", "matplotlib", "pyarrow") if f"/{name}/" in maps]
    assert "/numpy/" in maps


def test_it_ends_politely_with_fifty_watchers_and_prints_nothing_more(server):
    streams = [Stream(server.port, "/api/v1/events", server.token) for _ in range(50)]
    ends: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda one=stream: ends.append([event.kind for event in one.events()]))
        for stream in streams
    ]
    for thread in threads:
        thread.start()
    code, text = server.end()
    for thread in threads:
        thread.join(PATIENCE)
    for stream in streams:
        stream.close()
    assert ends == [["bye"]] * 50
    assert code == 0
    assert text.splitlines()[1:] == []
    assert "Traceback" not in text and server.token not in text


def test_the_next_server_takes_the_same_token(server, tmp_path):
    state = Path(server.process.args[5])
    assert (state / "admin.token").stat().st_mode & 0o777 == 0o600
    with only_server(StateFolder(state)), build(Options(state)) as service:
        assert admin_token(service.accounts, StateFolder(state).admin_token) == server.token


def test_a_token_that_is_not_valid_any_more_is_replaced(tmp_path):
    with house(tmp_path / "state") as web:
        path = web.service.folder.admin_token
        first = admin_token(web.service.accounts, path)
        os.chmod(path, 0o644)
        assert admin_token(web.service.accounts, path) == first
        assert path.stat().st_mode & 0o777 == 0o600
        web.service.accounts.delete_token("admin", first.split("_")[1])
        second = admin_token(web.service.accounts, path)
        assert second != first
        assert path.read_text() == f"{second}\n"


def test_one_server_at_a_time(tmp_path):
    folder = StateFolder(tmp_path / "state")
    with (
        only_server(folder),
        pytest.raises(UserError, match=f"in use by another server .process {os.getpid()}."),
        only_server(folder),
    ):
        pass
    with only_server(folder):
        pass


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--host", "0.0.0.0"], "plain HTTP"),
        (["--host", "192.0.2.1"], "plain HTTP"),
        (["--host", "0.0.0.0", "--no-token", "--insecure-http"], "--no-token lets everybody in"),
        (["--port", "70000"], "--port must be from 0 to 65535"),
        (["--root-path", "search"], "--root-path must begin with /"),
        (["--data", "shirts"], "--data takes NAME=PATH"),
        (["--data", "shirts=/nowhere/at/all"], "there is no such file"),
        (["--plugin", "mine=/nowhere/at/all.py"], "plugin"),
        (["--plugin", "ucb=x.py"], "another meaning"),
        (["--place", "moon=2"], "a place must be"),
        (["--place", "gpu:77=2"], "no such GPU"),
        (["--place", "local-cpu=1", "--place", "local-cpu=2"], "twice"),
        (["--database", "mysql://x"], "PostgreSQL"),
        (["--database", "postgresql://127.0.0.1:1/none"], "does not answer"),
        (["--uds", "/nowhere/at/all/socket"], "cannot listen at --uds"),
    ],
)
def test_what_cannot_be_put_to_use_is_a_refusal_to_start(tmp_path, words, sentence, call):
    code, out, errors = call("--state", str(tmp_path / "state"), "--port", "0", *words)
    assert (code, out) == (2, "")
    assert sentence in errors


def test_a_state_that_is_no_folder_is_refused(tmp_path, call):
    (tmp_path / "state").write_text("a file")
    code, _, errors = call("--state", str(tmp_path / "state"))
    assert code == 2 and "cannot use --state" in errors


def test_wrong_limits_are_refused(tmp_path, call):
    (tmp_path / "serve.toml").write_text("queud = 3")
    code, _, errors = call("--state", str(tmp_path))
    assert code == 2 and "queued" in errors


def test_a_port_in_use_is_refused(tmp_path, call):
    with socket.create_server(("127.0.0.1", 0)) as other:
        code, _, errors = call("--state", str(tmp_path), "--port", str(other.getsockname()[1]))
    assert code == 2 and "give another --port" in errors


def test_a_missing_extra_is_said_with_its_command(tmp_path, monkeypatch, call):
    monkeypatch.setattr("policysearch.cli.serve.find_spec", lambda name: None if name == "uvicorn" else object())
    code, _, errors = call("--state", str(tmp_path))
    assert code == 2
    assert "pip install 'policysearch[serve]'" in errors


def test_a_socket_is_for_this_account_alone_and_a_dead_one_is_replaced(tmp_path):
    options = Options(tmp_path, uds=tmp_path / "socket")
    with listening_socket(options):
        assert options.uds.stat().st_mode & 0o777 == 0o600
        with pytest.raises(UserError, match="another server listens there"):
            listening_socket(options)
    listening_socket(options).close()
    options.uds.unlink()
    options.uds.write_text("a file")
    with pytest.raises(UserError, match="a file of that name"):
        listening_socket(options)


def test_an_error_in_the_scheduler_does_not_end_the_queue(monkeypatch, caplog):
    stop, calls = threading.Event(), []

    class Failing:
        def run_until(self, stop: threading.Event) -> None:
            calls.append(1)
            if len(calls) < 3:
                raise RuntimeError("a bug")
            stop.set()

    monkeypatch.setattr("policysearch.service.serve._AFTER_ERROR", 0.0)
    schedule(Failing(), stop)
    assert len(calls) == 3
    assert caplog.text.count("the scheduler failed") == 2


def test_it_answers_at_a_socket(tmp_path):
    with house(tmp_path / "state") as web, listening_socket(Options(tmp_path, uds=tmp_path / "socket")) as listener:
        server = PoliteServer(web.app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(PATIENCE)
            client.connect(str(tmp_path / "socket"))
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        server.should_exit = True
        thread.join(PATIENCE)
        assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ({}, "http://127.0.0.1:8800"),
        ({"host": "::1"}, "http://[::1]:8800"),
        ({"host": "0.0.0.0", "insecure_http": True}, "http://127.0.0.1:8800"),
        ({"behind_tls": True, "allowed_hosts": ("lab.org",), "root_path": "/ps"}, "https://lab.org/ps"),
        ({"root_path": "/ps"}, "http://127.0.0.1:8800/ps"),
    ],
)
def test_the_address_is_one_that_a_browser_can_open(tmp_path, options, address):
    chosen = Options(tmp_path, **options)
    assert browser_address(chosen, 8800) == address
    assert greeting(chosen, 8800, "ps_a_b").startswith(f"{address}/login#t=ps_a_b\n")
    assert greeting(chosen, 8800, "").startswith(f"{address}/\n")


def test_hosts_that_are_allowed_are_known_by_name(tmp_path):
    options = Options(tmp_path, host="192.0.2.1", behind_tls=True, allowed_hosts=("Lab.org",))
    assert options.host_names == {"localhost", "127.0.0.1", "[::1]", "192.0.2.1", "lab.org"}


def test_file_systems_of_networks_are_known():
    mounts = "disk / ext4 rw 0 0\nserver:/ /mnt/my\\040share nfs4 rw 0 0\ntmpfs /mnt tmpfs rw 0 0\n"
    assert [file_system(Path(path), mounts) for path in ("/home", "/mnt/x", "/mnt/my share/state")] == [
        "ext4",
        "tmpfs",
        "nfs4",
    ]


def test_without_a_choice_jobs_run_on_the_cores_of_this_machine():
    assert [place.name for place in places_of(())] == ["local-cpu"]
    assert [place.slots for place in places_of(("local-cpu=3", "gpu:0=1"), lambda: frozenset({"0"}))] == [3, 1]


def test_a_place_on_a_cluster_needs_ray(monkeypatch):
    monkeypatch.setattr("policysearch.service.place_checks.find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"pip install 'policysearch\[ray\]'"):
        places_of(["ray:lab=10.0.0.5:6379,16"])


def test_gpus_are_those_that_the_driver_lists(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'GPU 0: NVIDIA H200 (UUID: GPU-12ab-34)'\necho '  MIG 1g.18gb'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert gpus_of_this_machine() == {"0", "GPU-12ab-34"}
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert gpus_of_this_machine() == frozenset()


def test_no_token_makes_whoever_reaches_it_the_administrator(tmp_path):
    with house(tmp_path / "state", no_token=True) as web:
        client = web.client()
        assert client.get("/api/v1/me").json()["role"] == "admin"
        assert client.post("/api/v1/users", json={"name": "carla"}).status_code == 201
        for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            assert client.post("/api/v1/users", json={"name": "dora"}, headers=headers).status_code == 403
        assert web.client(Authorization="Bearer wrong").get("/api/v1/me").status_code == 401
