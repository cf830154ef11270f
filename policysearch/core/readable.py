"""Names that can be shown and written anywhere: in a terminal, in a file of UTF-8, on a page; and lists of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_NOT_SHOWN = frozenset(["Cc", "Cs"])
"""Unicode's categories of control characters and of surrogates, which stand for the odd bytes of a file's name."""


def readable(text: str) -> str:
    r"""A text whose control characters and undecodable bytes are replaced by their escapes; line breaks stay.

    Example:
        >>> readable("cat\x1b[31m")
        'cat\\x1b[31m'
        >>> readable("caf\udce9")
        'caf\\xe9'
    """
    if text.isprintable():
        return text
    return "".join(_escaped(letter) for letter in text)


def readable_name(name: str) -> str:
    r"""A name in one line, as `readable` shows it.

    Example:
        >>> readable_name("two\nlines")
        'two\\nlines'
    """
    return readable(name).replace("\n", "\\n")


def _escaped(letter: str) -> str:
    if letter == "\n" or unicodedata.category(letter) not in _NOT_SHOWN:
        return letter
    if "\udc80" <= letter <= "\udcff":
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return letter.encode("unicode_escape").decode("ascii")


def some(texts: Sequence[str], most: int = 5) -> str:
    """The first few of several texts, and how many more there are.

    Example:
        >>> some(["a", "b", "c"], 2)
        'a, b and 1 more'
    """
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")


def joined(texts: Sequence[str]) -> str:
    """Several texts in a row, the last after "and".

    Args:
        texts: one or more.

    Example:
        >>> joined(["a", "b", "c"]), joined(["a"])
        ('a, b and c', 'a')
    """
    return " and ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))


def counted(number: int, one: str, many: str) -> str:
    """A number with the words that follow one, or several.

    Example:
        >>> counted(1, "image is", "images are"), counted(4317, "image is", "images are")
        ('1 image is', '4,317 images are')
    """
    return f"{number:,} {one if number == 1 else many}"
