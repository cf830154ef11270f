"""report, show: what a folder holds, for people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from policysearch.core.errors import UserError


def report(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDER [OTHER]", help="of a search, an evaluation or a comparison; two searches on one page"
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="PATH.html; in the folder unless given")] = None,
    force: Annotated[bool, typer.Option("--force", help="replace an existing file elsewhere")] = False,
) -> None:
    """One page that says what was found; it needs nothing besides itself. Of two searches, what differs."""
    from policysearch.cli.result_folder import write_page_of, write_page_of_two

    if len(folders) > 2:
        raise UserError(f"report takes one folder, or the folders of two searches, got {len(folders)}")
    if len(folders) == 2:
        typer.echo(str(write_page_of_two(folders[0], folders[1], out, force)))
    else:
        typer.echo(str(write_page_of(folders[0], out, force)))


def show(run: Annotated[Path, typer.Argument(help="the folder of a search, an evaluation or a comparison")]) -> None:
    """What was found, in brief: the statement, the tables, the cost, and where the page is."""
    from policysearch.cli.result_folder import kind_of

    kind_of(run).show(run)
