"""What lines of text say: strings in one form, and what about them cannot be learned."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policysearch.core.errors import UserError
from policysearch.core.readable import counted, some
from policysearch.datasets.source import TEST, TRAIN
from policysearch.datasets.text_lines.fit import pixels_per_step, steps_along, steps_needed

LINE = ("line",)
"""The classes of a data set of lines: there are none to tell apart."""
TEXT_COLUMNS = ("text", "transcription", "string")
"""Usual names of the column of strings."""
_SHOWN = 3


def line_text(value: object, name: str) -> str:
    r"""A string as it is learned: composed (Unicode's NFC), without white space at its ends.

    Args:
        value: as a file has it.
        name: of the image, for messages.

    Raises:
        UserError: it is no string, nothing is left of it, or it has a line break or another control character.

    Example:
        >>> line_text(" cafe\u0301 ", "a.png")
        'café'
    """
    if not isinstance(value, str):
        what = "no text" if value is None else f"{value!r}, a {type(value).__name__}, for its text"
        raise UserError(f"{name} has {what}: --task text-lines needs a string per image")
    text = unicodedata.normalize("NFC", value).strip()
    if not text:
        raise UserError(f"{name} has an empty text: give what the line says, or remove the image")
    if not text.isprintable():
        raise UserError(f"{name} says {text!r}: a line of text has no line breaks or control characters")
    return text


@dataclass(frozen=True)
class Contents:
    """The lines of a data set.

    Attributes:
        names: what a person finds each by.
        texts: what each says.
        widths: the columns that hold each, in pixels.
        height: of all images, in pixels.
    """

    names: Sequence[str]
    texts: Sequence[str]
    widths: Sequence[int]
    height: int

    def must_fit(self) -> None:
        """Check that CTC can read every string from its image.

        Raises:
            UserError: an image is too small for its string.
        """
        pixels = pixels_per_step(self.height)
        pairs = zip(self.texts, self.widths, strict=True)
        tight = [i for i, (text, width) in enumerate(pairs) if steps_along(width, pixels) < steps_needed(text)]
        if not tight:
            return
        text, width = self.texts[tight[0]], self.widths[tight[0]]
        number = counted(len(tight), "image is too small for its text", "images are too small for their texts")
        size = f"{self.height}x{self._wider(tight)}"
        raise UserError(
            f"{number}, such as {self.names[tight[0]]}: {text!r} needs {steps_needed(text)} "
            f"steps of {pixels} pixels (a step per character, and one between two that are equal), and its line is "
            f"{width} pixels wide after resizing: give a larger --resize, such as {size}, or remove such images"
        )

    def _wider(self, rows: Sequence[int]) -> int:
        """A width that is enough for these lines, if it is the width that they are squeezed to."""
        needed = max(steps_needed(self.texts[i]) for i in rows) * pixels_per_step(self.height)
        return max(2 * max(self.widths), needed)

    def characters_of(self, rows: NDArray[np.int64]) -> set[str]:
        """The characters of some lines."""
        return set("".join(self.texts[i] for i in rows))

    def unseen(self, rows: NDArray[np.int64], seen: set[str]) -> list[int]:
        """Those of the rows that have a character which is not among those seen."""
        return [int(i) for i in rows if not seen.issuperset(self.texts[i])]


def line_notes(contents: Contents, parts: Mapping[str, NDArray[np.int64]], set_aside: bool) -> list[str]:
    """What a person should know of the lines, a sentence each.

    Args:
        contents: all lines.
        parts: rows by part, train among them.
        set_aside: whether the test part was cut from the training lines, which a person cannot mend.

    Raises:
        UserError: an image is too small for its string; or a part that the data have themselves has a character that no
            training line has.
    """
    contents.must_fit()
    seen = contents.characters_of(parts[TRAIN])
    notes = []
    for part, rows in parts.items():
        unseen = contents.unseen(rows, seen)
        if not unseen:
            continue
        what = _unseen(contents, part, unseen, seen)
        if part != TEST or not set_aside:
            raise UserError(
                f"{what}: a network cannot learn to read what it never sees; add training lines with them, or remove "
                "these"
            )
        notes.append(f"{what}, so these cannot be read")
    return notes


def _unseen(contents: Contents, part: str, rows: Sequence[int], seen: set[str]) -> str:
    characters = sorted(contents.characters_of(np.array(rows)) - seen)
    where = some([f"{contents.names[i]} {contents.texts[i]!r}" for i in rows], _SHOWN)
    number = counted(len(rows), f"{part} line has a character", f"{part} lines have characters")
    return f"{number} that no training line has ({some([repr(letter) for letter in characters])}; {where})"


def texts_as_classes(texts: Sequence[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels [N] int64 and the names of classes, such that images of one class say the same.

    Example:
        >>> texts_as_classes(["on", "in", "on"])
        (array([1, 0, 1]), ('in', 'on'))
    """
    names = tuple(sorted(set(texts)))
    number_of = {name: number for number, name in enumerate(names)}
    return np.array([number_of[text] for text in texts], np.int64), names
