"""The Ray cluster: started here or joined, what it has, what is wrong when there is none. Imports Ray when called."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from policysearch.core.errors import UserError

_ANSWER_WITHIN = 3.0  # seconds for something to answer at an address
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_NOT_STARTED = "cannot start Ray on this machine"
_REFUSED = "cannot join (a cluster that asks for a token needs RAY_AUTH_MODE=token and the token here too)"
_SETTINGS = 4  # the type, fourth byte of the first frame that any HTTP/2 server sends


@contextmanager
def connected(address: str | None, cpus: int, code: Sequence[str] = ()) -> Iterator[None]:
    """Be connected to Ray: by the connection that this process has already, to a cluster, or to one of our own.

    Args:
        address: "auto" or HOST:PORT; None starts Ray on this machine, for as long as this lasts.
        cpus: logical CPUs of a Ray of our own, at least.
        code: package folders and .py files to be shipped to the cluster's workers.

    Raises:
        UserError: Ray is not installed, or nothing that is Ray answers at the address.
    """
    ray = _ray()
    if ray.is_initialized():
        _must_be_the_same(ray, address)
        yield
        return
    with _as_before(ray):
        try:
            _init(ray, address, cpus, code)
            yield
        finally:
            ray.shutdown()


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # and so no warning about it
    try:
        import ray
    except ImportError:
        raise UserError("--pool ray needs Ray, which is not installed: pip install 'policysearch[ray]'") from None
    return ray


def _init(ray: Any, address: str | None, cpus: int, code: Sequence[str]) -> None:
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is None:
        settings |= {"address": "local", "include_dashboard": False, "num_cpus": max(cpus, _cores())}
    else:
        _must_answer(address)
        settings |= {"address": address, "runtime_env": {"py_modules": list(code)} if code else None}
    try:
        with _importing_the_same():
            ray.init(**settings)
    except Exception as error:  # other versions, a token that is missing, no room: each an error of its own
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"{f'--ray-address {address!r}: {_REFUSED}' if address else _NOT_STARTED}: {reason}") from None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _importing_the_same() -> Iterator[None]:
    """What is started meanwhile finds the modules that this process finds, and those of the current folder."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([*(path or os.getcwd() for path in sys.path), os.getcwd()])
    try:
        yield
    finally:
        del os.environ["PYTHONPATH"]
        os.environ |= {} if before is None else {"PYTHONPATH": before}


@contextmanager
def _as_before(ray: Any) -> Iterator[None]:
    """What Ray changes in this process: how it ends on SIGTERM, and that it prints its workers' deaths."""
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    printing, ray._private.worker._worker_logs_enabled = ray._private.worker._worker_logs_enabled, False
    try:
        yield
    finally:
        ray._private.worker._worker_logs_enabled = printing
        if main:
            signal.signal(signal.SIGTERM, before)


def _must_be_the_same(ray: Any, address: str | None) -> None:
    here = ray.get_runtime_context().gcs_address
    if address not in (None, "auto", here):
        raise UserError(f"--ray-address {address!r} given, but this process is connected to {here}: leave it out")


def _must_answer(setting: str) -> None:
    """Something answers there as Ray does; Ray itself would wait for minutes."""
    flag = f"--ray-address {setting!r}"
    address = _running_here() if setting == "auto" else setting
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdigit() or not 0 < int(port) < 2**16:
        raise UserError(f"--ray-address must be auto or HOST:PORT (as `ray start` prints it), got {address!r}")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _ANSWER_WITHIN) as connection:
            answers = bool(os.environ.get("RAY_USE_TLS")) or _greeted(connection)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(
            f"{flag}: nothing listens at {address} ({reason}); start a cluster there with `ray start --head`"
        ) from None
    if not answers:
        raise UserError(f"{flag}: what listens at {address} is not Ray; give the address that `ray start` prints")


def _running_here() -> str:
    from ray._private.services import canonicalize_bootstrap_address

    try:
        return str(canonicalize_bootstrap_address("auto"))
    except Exception:  # a ConnectionError in this version
        raise UserError(
            "--ray-address auto finds no Ray cluster on this machine: run `ray start --head`, or give HOST:PORT"
        ) from None


def _greeted(connection: socket.socket) -> bool:
    try:
        connection.sendall(_GREETING)
        return connection.recv(4, socket.MSG_WAITALL)[3:] == bytes([_SETTINGS])
    except TimeoutError:
        return False


def _nodes() -> list[dict[str, float]]:
    import ray

    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return [node["Resources"] for node in nodes if node["Alive"]]


def totals() -> dict[str, float]:
    """The cluster's CPUs and GPUs, in use or not."""
    return {name: sum(node.get(name, 0.0) for node in _nodes()) for name in ("CPU", "GPU")}


def room(cpus: float, gpus: float) -> int:
    """How many workers, each of `cpus` and `gpus`, the cluster's nodes can hold, in use or not."""
    return sum(_fits(node, {"CPU": cpus, "GPU": gpus}) for node in _nodes())


def _fits(node: dict[str, float], demand: dict[str, float]) -> int:
    counts = [int(node.get(name, 0.0) / amount + 1e-6) for name, amount in demand.items() if amount]
    return min(counts, default=0)
