"""The service that `policysearch remote` talks to, and what of a command line is sent to it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from policysearch.core.errors import UserError
from policysearch.datasets.registry import SHIPPED

if TYPE_CHECKING:
    from policysearch.client import Service

Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        help="address of the service; default: POLICYSEARCH_SERVER, or http://127.0.0.1:8800",
        rich_help_panel="Service",
    ),
]
State = Annotated[
    Path | None,
    typer.Option(
        "--state",
        help="the service's folder, whose admin.token is used; default: the token in POLICYSEARCH_TOKEN",
        rich_help_panel="Service",
    ),
]


@contextmanager
def service_at(server: str | None, state: Path | None) -> Iterator[Service]:
    """The service of a command line; what it lacks is said in terms of the command line.

    Args:
        server: its address, or None.
        state: its folder, or None.

    Raises:
        UserError: the token cannot be read, or is not taken.
    """
    from policysearch.client import NoAccess, Service

    token = os.environ.get("POLICYSEARCH_TOKEN", "")
    try:
        yield Service(server, _token_in(state) if state else token)
    except NoAccess as error:
        if state or token:
            raise
        raise UserError(f"{error} (set POLICYSEARCH_TOKEN, or give --state STATE on the server's machine)") from None


def _token_in(state: Path) -> str:
    file = state / "admin.token"
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from None


def with_own_data(service: Service, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, with data that are a folder or file here uploaded; the same data are uploaded once.

    Args:
        service: that takes them.
        settings: by name.

    Raises:
        UserError: the data cannot be read, or the service refuses them.
    """
    data = settings.get("data")
    if not isinstance(data, str) or data in SHIPPED or not Path(data).exists():
        return dict(settings)
    print(f"policysearch: {data} is uploaded and checked", file=sys.stderr)
    data_set = service.upload(data)
    data_set.wait()
    return {**settings, "data": data_set.id}
