"""serve: searches over HTTP."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from policysearch.core.errors import UserError

_PACKAGES = ("fastapi", "uvicorn")


def serve(
    state: Annotated[Path, typer.Option(help="the folder of everything that the server keeps")],
    host: Annotated[str, typer.Option(help="the address to listen at")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="the port to listen at; 0: a free one")] = 8800,
    uds: Annotated[Path | None, typer.Option(help="a Unix socket to listen at instead")] = None,
    data: Annotated[list[str] | None, typer.Option(help="NAME=PATH: images that requests may name; repeatable")] = None,
    plugin: Annotated[
        list[str] | None, typer.Option(help="NAME=PATH.py: your own code that requests may name; repeatable")
    ] = None,
    place: Annotated[
        list[str] | None,
        typer.Option(help="where jobs run: local-cpu=WORKERS, gpu:INDEX=WORKERS, ray:NAME=ADDRESS,WORKERS; repeatable"),
    ] = None,
    database: Annotated[
        str, typer.Option(help="PostgreSQL for the server's own tables; SQLite in --state without it")
    ] = "",
    allowed_host: Annotated[
        list[str] | None, typer.Option(help="a name by which browsers may address the server; repeatable")
    ] = None,
    root_path: Annotated[str, typer.Option(help="the path below which a proxy shows the server, as /search")] = "",
    behind_tls: Annotated[bool, typer.Option("--behind-tls", help="a proxy in front ends TLS")] = False,
    insecure_http: Annotated[
        bool, typer.Option("--insecure-http", help="plain HTTP beyond this machine is meant")
    ] = False,
    no_token: Annotated[
        bool, typer.Option("--no-token", help="whoever reaches the server is its administrator; on this machine only")
    ] = False,
    end_searches: Annotated[
        bool, typer.Option("--end-searches", help="interrupt jobs when the server ends; the next one goes on with them")
    ] = False,
) -> None:
    """Serve searches over HTTP: a queue, a live page, and an API."""
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise UserError(f"serve needs {' and '.join(missing)}: pip install 'policysearch[serve]'")
    from policysearch.service.options import Options
    from policysearch.service.requests.plugins import operators_plugins
    from policysearch.service.serve import serve as run

    options = Options(
        state=state,
        host=host,
        port=port,
        uds=uds,
        root_path=root_path,
        allowed_hosts=tuple(allowed_host or ()),
        behind_tls=behind_tls,
        insecure_http=insecure_http,
        no_token=no_token,
        data=_named(data or []),
        plugins=operators_plugins(plugin or []),
        places=tuple(place or ()),
        database=database,
        end_searches=end_searches,
    )
    run(options, _say)


def _named(texts: list[str]) -> dict[str, str]:
    """The data sets of `--data NAME=PATH`.

    Raises:
        UserError: one is not of that form, or a name is given twice.
    """
    data: dict[str, str] = {}
    for text in texts:
        name, _, path = text.partition("=")
        if not name or not path:
            raise UserError(f"--data takes NAME=PATH, got {text!r}")
        if name in data:
            raise UserError(f"--data {text}: there is a data set {name} already")
        data[name] = str(Path(path).expanduser().absolute())
    return data


def _say(text: str) -> None:
    """Print at once, also where nobody reads line by line."""
    print(text, flush=True)
