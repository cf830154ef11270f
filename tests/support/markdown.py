"""The fenced blocks of the README and of the guide."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = sorted((ROOT / "policysearch" / "guide").glob("*.md"))
LANGUAGES = {"sh", "python", "toml", "json", "text"}

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: the file's name without suffix.
        number: its place among the blocks of the page, from 0.
        language: what stands behind the fence.
        text: what stands inside.
    """

    page: str
    number: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}-{self.number}"


def blocks(language: str | None = None) -> list[Block]:
    """The blocks of the README and of all pages, those in one language if it is named."""
    found = []
    for path in (README, *PAGES):
        matches = _FENCE.findall(path.read_text(encoding="utf-8"))
        found += [Block(path.stem, number, *match) for number, match in enumerate(matches)]
    return [block for block in found if language in (None, block.language)]


def python_pages() -> dict[str, list[str]]:
    """The Python blocks of every page that has some, in order."""
    pages: dict[str, list[str]] = {}
    for block in blocks("python"):
        pages.setdefault(block.page, []).append(block.text)
    return pages


def file_name(text: str) -> str | None:
    """The name of the file that a block is, given in its first line as a comment: `# my_networks.py`."""
    match = re.match(r"# (\w+\.(?:py|toml))\b", text)
    return match[1] if match else None


def commands() -> list[tuple[str, str]]:
    """Page and command of every line of every shell block, comments and continuations resolved."""
    lines = []
    for block in blocks("sh"):
        joined = block.text.replace("\\\n", " ")
        lines += [(block.page, line.strip()) for line in joined.splitlines() if words_of(line)]
    return lines


def words_of(line: str) -> list[str]:
    """The words of a command without its comment."""
    return shlex.split(line, comments=True)
