"""What the operator chooses when the server starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from policysearch.core.errors import UserError

PORT = 8800
"""Where the server listens unless another port is given."""


@dataclass(frozen=True)
class Options:
    """Settings of `policysearch serve`.

    Attributes:
        state: the folder of everything that the server keeps.
        host: the address to listen at.
        port: the port to listen at; 0 lets the system choose.
        uds: a Unix socket to listen at instead of an address.
        root_path: the path below which a proxy shows the service, such as "/search"; empty without one.
        allowed_hosts: further names by which browsers may address the server; the local ones are always allowed.
        behind_tls: a proxy in front of the server ends TLS.
        insecure_http: plain HTTP beyond this machine is meant.
        no_token: whoever reaches the server is its administrator.
        data: data sets of the operator, path by name.
        plugins: code of the operator that requests may name, file by name.
        places: where jobs may run, as `--place` gives them; empty: what this machine has.
        database: the URL of the service's own database; empty: SQLite in `state`.
        end_searches: jobs at work are stopped when the server ends.
    """

    state: Path
    host: str = "127.0.0.1"
    port: int = PORT
    uds: Path | None = None
    root_path: str = ""
    allowed_hosts: tuple[str, ...] = ()
    behind_tls: bool = False
    insecure_http: bool = False
    no_token: bool = False
    data: Mapping[str, str] = field(default_factory=dict)
    plugins: Mapping[str, Path] = field(default_factory=dict)
    places: tuple[str, ...] = ()
    database: str = ""
    end_searches: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise UserError(f"--port must be from 0 to 65535, got {self.port}")
        if self.uds is None and not is_loopback(self.host):
            self._check_open_host()
        if self.root_path and (not self.root_path.startswith("/") or self.root_path.endswith("/")):
            raise UserError(f"--root-path must begin with / and not end with it, as in /search, got {self.root_path!r}")

    def _check_open_host(self) -> None:
        """What may not be open to a network."""
        if self.no_token:
            raise UserError(
                f"--no-token lets everybody in who reaches {self.host}: leave it out, or listen at 127.0.0.1 or --uds"
            )
        if not (self.behind_tls or self.insecure_http):
            raise UserError(
                f"--host {self.host} would send tokens over plain HTTP: put a proxy with TLS in front and say so by "
                "--behind-tls, or accept it by --insecure-http"
            )

    @property
    def scheme(self) -> str:
        """The scheme of addresses that browsers see."""
        return "https" if self.behind_tls else "http"

    @property
    def host_names(self) -> frozenset[str]:
        """Names by which the server may be addressed, lower case and without a port."""
        names = {"localhost", "127.0.0.1", "[::1]", *self.allowed_hosts}
        if self.uds is None and self.host not in ("0.0.0.0", "::", ""):
            names.add(f"[{self.host}]" if ":" in self.host else self.host)
        return frozenset(name.lower() for name in names)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address.

    Example:
        >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1", "0.0.0.0", "example.org")]
        [True, True, True, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
