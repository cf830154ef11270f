"""Where the server listens: an address of this machine, or a Unix socket; and how a browser gets there."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

from policysearch.core.errors import UserError
from policysearch.service.options import Options

_BACKLOG = 2048
_ANY = frozenset({"", "0.0.0.0", "::"})


def listening_socket(options: Options) -> socket.socket:
    """A socket that listens already: whoever comes before the server is ready waits, and is answered.

    Raises:
        UserError: the address is in use, or is none of this machine's.
    """
    try:
        return _unix(options.uds) if options.uds else _tcp(options.host, options.port)
    except OSError as error:
        where = f"--uds {options.uds}" if options.uds else f"{options.host}, port {options.port}"
        hint = ": another program listens there; give another --port" if error.errno == errno.EADDRINUSE else ""
        raise UserError(f"cannot listen at {where}: {error.strerror or error}{hint}") from None


def _tcp(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _unix(path: Path) -> socket.socket:
    """A socket that this account alone may use; one that a server has left behind is replaced."""
    _remove_left(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(str(path))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(mask)
    return listener


def _remove_left(path: Path) -> None:
    """Remove a socket at which nobody listens any more.

    Raises:
        OSError: somebody listens, or it is no socket.
    """
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise OSError(errno.EEXIST, "there is a file of that name")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(errno.EADDRINUSE, "another server listens there")


def browser_address(options: Options, port: int) -> str:
    """The address that a browser on this machine opens, or that of the proxy in front.

    Args:
        options: the operator's.
        port: where the server listens.

    Example:
        >>> browser_address(Options(Path("state")), 8800)
        'http://127.0.0.1:8800'
        >>> browser_address(Options(Path("s"), behind_tls=True, allowed_hosts=("lab.org",), root_path="/ps"), 8800)
        'https://lab.org/ps'
    """
    if options.behind_tls and options.allowed_hosts:
        return f"https://{options.allowed_hosts[0]}{options.root_path}"
    host = "127.0.0.1" if options.host in _ANY else options.host
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}{options.root_path}"
