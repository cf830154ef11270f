"""What tests of pages share: reading HTML, and what every page must keep to."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np

from policysearch.reports.html.markup import script

VOID = {"meta", "path", "use", "br", "img", "input", "link"}
SAVED = ("data:text/csv;charset=utf-8,", "data:application/json;charset=utf-8,")


class Reader(HTMLParser):
    """Collects text, styles and script, tags with their attributes, and tags left open."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.code: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        (self.code if self.open[-1:] in (["style"], ["script"]) else self.text).append(data)

    def values(self, tag: str, name: str) -> list[str | None]:
        return [attributes.get(name) for found, attributes in self.tags if found == tag]


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


def must_need_nothing(found: Reader) -> None:
    """Every tag is closed, every id is its own and there, and nothing comes from elsewhere."""
    assert not found.open
    assert not {tag for tag, _ in found.tags} & {"link", "iframe", "object", "base", "form"}
    assert found.values("script", "src") == [None] and "".join(found.code).count(script()) == 1
    for tag, attributes in found.tags:
        for name in ("src", "href", "xlink:href"):
            must_be_within(tag, name, attributes)
        assert "http" not in (attributes.get("style") or "")
        assert not [name for name in attributes if name.startswith("on")]
    assert "@import" not in "".join(found.code) and "url(http" not in "".join(found.code)
    own = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert len(own) == len(set(own))
    within = {f"#{name}" for name in own}
    assert {attributes["xlink:href"] for _, attributes in found.tags if "xlink:href" in attributes} <= within


def must_be_within(tag: str, name: str, attributes: dict[str, str | None]) -> None:
    """A picture is in the page, a link leads within it, saves what is in it, or opens a file of the same folder."""
    address = attributes.get(name)
    if address is None or address.startswith("#"):
        return
    if tag == "img":
        assert name == "src" and address.startswith(("data:image/png;base64,", "data:image/jpeg;base64,"))
    else:
        saved = "download" in attributes and address.startswith(SAVED)
        assert tag == "a" and name == "href" and (saved or re.fullmatch(r"[\w%.-]+(/[\w%.-]+)*", address)), address


def must_be_accessible(found: Reader) -> None:
    """Pictures have words, tables heads and captions, headings an order."""
    assert all(found.values("svg", "aria-label")) and set(found.values("svg", "role")) <= {"img"}
    assert all(found.values("img", "alt"))
    assert set(found.values("th", "scope")) == {"col", "row"}
    assert len(found.values("table", "class")) == len(found.values("caption", "class"))
    assert found.values("html", "lang") == ["en"]
    levels = [int(tag[1]) for tag, _ in found.tags if tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1 and levels.count(1) == 1 and all(b - a <= 1 for a, b in pairwise(levels))


def contrast(a: str, b: str) -> float:
    """WCAG 2.1, relative luminance."""
    light = []
    for colour in (a, b):
        parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        light.append(float(linear @ [0.2126, 0.7152, 0.0722]))
    return (max(light) + 0.05) / (min(light) + 0.05)
