"""HTML of one page that needs nothing besides itself: no network, no script. Names are only ever text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from policysearch.reports.html.theme import STYLESHEET
from policysearch.reports.table import Grid


def document(title: str, parts: Iterable[str]) -> str:
    """A whole page.

    Args:
        title: of the window.
        parts: HTML, one after the other; it should begin with the page's only `<h1>`.
    """
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    return "\n".join(
        [
            f'<!DOCTYPE html>\n<html lang="en"><head>{head}<title>{escape(title)}</title>',
            f"<style>{STYLESHEET}</style></head><body><main>",
            *parts,
            "</main></body></html>\n",
        ]
    )


def heading(level: int, text: str) -> str:
    """`<h1>` to `<h3>`."""
    return f"<h{level}>{escape(text)}</h{level}>"


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph; `kind` is a class of the stylesheet, such as note or caution."""
    return f"<p{_class(kind)}>{escape(text)}</p>"


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def statement(title: str, sentences: Iterable[str]) -> str:
    """What is to be read first: a heading of the second level, and what it rests on."""
    return f'<div class="verdict">{heading(2, title)}{"".join(map(paragraph, sentences))}</div>'


def figure(content: str, caption: str = "") -> str:
    """A picture with its caption, which is text."""
    return f"<figure>{content}{note(caption) if caption else ''}</figure>"


def note(text: str) -> str:
    """A caption within a figure."""
    return f'<figcaption class="note">{escape(text)}</figcaption>'


def plots(figures: Iterable[str]) -> str:
    """Figures side by side where there is room."""
    return f'<div class="plots">{"".join(figures)}</div>'


def folded(title: str, content: str) -> str:
    """What is shown when its title is pressed."""
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


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
    """A table that scrolls by itself where it is too wide, also by keyboard."""
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in grid.heads)
    rows = "".join(_row(row, row[0] in grid.bold) for row in grid.rows)
    title = escape(grid.title)
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{title}"><table><caption>{title}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(row: tuple[str, ...], bold: bool) -> str:
    name, *cells = row
    text = "".join(f"<td{_class('text' if len(cell) > 40 else '')}>{escape(cell)}</td>" for cell in cells)
    return f'<tr{_class("use" if bold else "")}><th scope="row">{escape(name)}</th>{text}</tr>'
