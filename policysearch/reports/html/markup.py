"""HTML of one page that needs nothing besides itself, and no script to be read. Names are only ever text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from policysearch.reports.comma_separated import comma_separated
from policysearch.reports.html.theme import STYLESHEET
from policysearch.reports.table import Grid

_SECTION = re.compile(r"<h2>(.*?)</h2>")
_FEW = 4
"""Sections of a page that needs no list of them."""
_IN_ADDRESS = " !'()*,-./:;=?@[]{}|~$"
"""What stays as it is in the address of a download, besides letters and digits."""


def document(title: str, parts: Iterable[str]) -> str:
    """A whole page, with links to its sections before the first of them.

    Args:
        title: of the window.
        parts: HTML, one after the other; it should begin with the page's only `<h1>`.
    """
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    return "\n".join(
        [
            f'<!DOCTYPE html>\n<html lang="en"><head>{head}<title>{escape(title)}</title>',
            f"<style>{STYLESHEET}</style></head><body><main>",
            _with_contents("\n".join(parts)),
            f"</main><script>{script()}</script></body></html>\n",
        ]
    )


@cache
def script() -> str:
    """What makes a page's tables sort, its charts say their values at once, and its commands copy."""
    return (files(__package__) / "page.js").read_text(encoding="utf-8")


def _with_contents(body: str) -> str:
    """The body with an id for each section, and links to them."""
    titles = _SECTION.findall(body)
    places = iter(range(len(titles)))
    body = _SECTION.sub(lambda match: f'<h2 id="section-{next(places)}">{match[1]}</h2>', body)
    if len(titles) < _FEW:
        return body
    links = "".join(f'<a href="#section-{place}">{title}</a>' for place, title in enumerate(titles))
    return body.replace("<h2 id=", f'<nav aria-label="Sections">{links}</nav>\n<h2 id=', 1)


def heading(level: int, text: str) -> str:
    """`<h1>` to `<h3>`."""
    return f"<h{level}>{escape(text)}</h{level}>"


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph; `kind` is a class of the stylesheet, such as note or caution."""
    return f"<p{_class(kind)}>{with_code(text)}</p>"


def with_code(text: str) -> str:
    """Text in which what stands between backquotes is shown as code.

    Example:
        >>> with_code("`a <b>` goes on")
        '<code>a &lt;b&gt;</code> goes on'
    """
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def statement(title: str, sentences: Iterable[str]) -> str:
    """What is to be read first: a heading of the second level, and what it rests on."""
    return f'<div class="verdict"><h2 class="title">{escape(title)}</h2>{"".join(map(paragraph, sentences))}</div>'


def figure(content: str, caption: str = "") -> str:
    """A picture with its caption, which is text."""
    return f"<figure>{content}{note(caption) if caption else ''}</figure>"


def note(text: str) -> str:
    """A caption within a figure."""
    return f'<figcaption class="note">{with_code(text)}</figcaption>'


def plots(figures: Iterable[str]) -> str:
    """Figures side by side where there is room."""
    return f'<div class="plots">{"".join(figures)}</div>'


def tables(grids: Iterable[str]) -> str:
    """Tables side by side where there is room; nothing where there is none."""
    blocks = "".join(f"<div>{grid}</div>" for grid in grids)
    return f'<div class="tables">{blocks}</div>' if blocks else ""


def broad(content: str, title: str) -> str:
    """A picture that scrolls by itself where it is wider than the page, also by keyboard."""
    return f'<div class="broad" role="region" tabindex="0" aria-label="{escape(title)}">{content}</div>'


def folded(title: str, content: str) -> str:
    """What is shown when its title is pressed."""
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def commands(rows: Iterable[tuple[str, str]]) -> str:
    """Commands to copy, each below what it does."""
    blocks = (f"<dt>{with_code(words)}</dt><dd><pre>{escape(line)}</pre></dd>" for words, line in rows)
    return f'<dl class="commands">{"".join(blocks)}</dl>'


def items(lines: Iterable[str]) -> str:
    """A list of HTML."""
    return f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>"


def file_link(path: str, name: str) -> str:
    """A link to a file near the page.

    Args:
        path: from the page to the file.
        name: of the link.
    """
    return f'<a href="{quote(path)}">{escape(name)}</a>'


def listed(facts: Mapping[str, Any]) -> str:
    """Names with their values, which are text or of JSON's types."""
    rows = (f"<dt>{escape(str(key))}</dt><dd>{escape(_words(value))}</dd>" for key, value in facts.items())
    return f"<dl>{''.join(rows)}</dl>"


def _words(value: Any) -> str:
    """Text as it is, anything else as JSON without its outer brackets and quotes."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_words(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_words(item) for item in value)
    return value if isinstance(value, str) else json.dumps(value)


def table(grid: Grid) -> str:
    """A table that scrolls by itself where it is too large, also by keyboard, with its content as CSV below it."""
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in grid.heads)
    rows = "".join(_row(row, row[0] in grid.bold) for row in grid.rows)
    title = escape(grid.title)
    name = f"{_file_name(grid.title)}.csv"
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{title}"><table><caption>{title}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
        f'<p class="tools">{download(name, "text/csv", comma_separated(grid), "CSV", f"{grid.title} as CSV")}</p>'
    )


def download(name: str, kind: str, content: str, label: str, spoken: str = "") -> str:
    """A link that saves text which is within the page.

    Args:
        name: of the file.
        kind: its media type.
        content: of the file.
        label: of the link.
        spoken: what a screen reader says instead, where links of a page have one label.
    """
    address = f"data:{kind};charset=utf-8,{quote(content, safe=_IN_ADDRESS)}"
    words = f' aria-label="{escape(spoken)}"' if spoken else ""
    return f'<a download="{escape(name)}"{words} href="{escape(address)}">{escape(label)}</a>'


def _file_name(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower())[:60].strip("-") or "table"


def _row(row: tuple[str, ...], bold: bool) -> str:
    name, *cells = row
    text = "".join(f"<td{_class('text' if len(cell) > 40 else '')}>{escape(cell)}</td>" for cell in cells)
    return f'<tr{_class("use" if bold else "")}><th scope="row">{escape(name)}</th>{text}</tr>'
