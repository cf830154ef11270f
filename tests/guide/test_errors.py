"""The messages that the guide explains are messages of the program."""

from __future__ import annotations

import ast
import re

import pytest

from tests.support.markdown import ROOT

PAGE = (ROOT / "policysearch" / "guide" / "errors.md").read_text(encoding="utf-8")
MESSAGES = re.findall(r"^\| `(.+?)` \|", PAGE, re.MULTILINE)


def texts(source: str) -> list[str]:
    """The strings of a module; what is put into an f-string is `…`."""
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.JoinedStr | ast.Constant)]
    return [text for node in nodes if (text := text_of(node))]


def text_of(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


@pytest.fixture(scope="module")
def program() -> str:
    paths = [path for package in ("policysearch", "workers") for path in (ROOT / package).rglob("*.py")]
    return "\n".join(text for path in paths for text in texts(path.read_text(encoding="utf-8")))


def test_every_message_is_one_that_the_program_gives(program):
    assert len(MESSAGES) > 20
    assert [message for message in MESSAGES if not all(part in program for part in message.split("…"))] == []


def test_a_message_that_is_not_given_is_caught(program):
    assert "there is no such directory here, and" not in program


def test_strings_that_are_joined_are_one_text():
    assert "… images of …do not fit" in texts("x = f'{size} images ' f'of {n}' 'do not fit'")
