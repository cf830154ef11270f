"""report, show: what a folder holds, for people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    folder: Annotated[Path, typer.Argument(help="of a search, an evaluation or a comparison")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="PATH.html; in the folder unless given")] = None,
    force: Annotated[bool, typer.Option("--force", help="replace an existing file elsewhere")] = False,
) -> None:
    """One page that says what was found; it needs nothing besides itself."""
    from policysearch.cli.result_folder import write_page_of

    typer.echo(str(write_page_of(folder, out, force)))


def show(run: Annotated[Path, typer.Argument(help="the folder of a search, an evaluation or a comparison")]) -> None:
    """What was found, in brief: the statement, the tables, the cost, and where the page is."""
    from policysearch.cli.result_folder import kind_of

    kind_of(run).show(run)
