"""guide: the handbook that comes with the package, one page per subject."""

from __future__ import annotations

import re
import sys
from importlib.resources import files
from typing import Annotated

import typer

from policysearch.cli.columns import print_columns
from policysearch.core.errors import unknown_name

_WIDTH = 110  # columns at most: longer lines are hard to read


def guide(
    page: Annotated[str | None, typer.Argument(help="the page to show; without it: what there is")] = None,
) -> None:
    """The handbook: without a page, the list of pages by subject; with one, that page."""
    pages = guide_pages()
    if page is None:
        for subject, names in by_subject(pages["index"]).items():
            typer.echo(f"\n{subject}:")
            print_columns({name: summary(pages[name]) for name in names})
        typer.echo("\n`policysearch guide PAGE` shows one, as in: policysearch guide data")
        return
    if page not in pages:
        raise unknown_name("page of the guide", page, pages)
    _show(pages[page])


def guide_pages() -> dict[str, str]:
    """The Markdown of all pages by name, in alphabetical order."""
    folder = files("policysearch") / "guide"
    paths = [path for path in folder.iterdir() if path.name.endswith(".md")]
    return {path.name.removesuffix(".md"): path.read_text(encoding="utf-8") for path in sorted(paths, key=str)}


def by_subject(index: str) -> dict[str, list[str]]:
    """The names of the pages under each heading of the index, in its order."""
    _, *groups = index.split("\n## ")
    return {
        group.partition("\n")[0]: re.findall(r"^- \[.+?\]\(([a-z-]+)\.md\)", group, re.MULTILINE) for group in groups
    }


def summary(text: str) -> str:
    """What a page is about in one line: the line below its title."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[1].strip()


def _show(text: str) -> None:
    """Print Markdown, laid out where a person reads it and as it is where a program does."""
    if not sys.stdout.isatty():
        typer.echo(text.rstrip("\n"))
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    console.print(Markdown(text), width=min(console.width, _WIDTH))
