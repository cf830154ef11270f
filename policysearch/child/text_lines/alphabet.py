"""The characters that a network can read, and their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from policysearch.core.errors import UserError

BLANK = 0
"""The class of CTC's blank; characters are numbered from 1."""


@dataclass(frozen=True)
class Alphabet:
    """Characters in their order; class `i + 1` is character `i`, and class 0 is CTC's blank.

    Attributes:
        characters: each once.

    Example:
        >>> alphabet = Alphabet.of(["fig", "if"])
        >>> alphabet.characters, alphabet.encode("gif"), alphabet.decode([3, 1])
        ('fgi', [2, 3, 1], 'if')
    """

    characters: str

    @classmethod
    def of(cls, texts: Iterable[str]) -> Alphabet:
        """All characters of some strings, in the order of their code points."""
        return cls("".join(sorted(set("".join(texts)))))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {character: i + 1 for i, character in enumerate(self.characters)}

    @property
    def classes(self) -> int:
        """Classes at each step, the blank included."""
        return len(self.characters) + 1

    def encode(self, text: str) -> list[int]:
        """The classes of a string's characters.

        Raises:
            UserError: it has a character that is none of the alphabet.
        """
        try:
            return [self._numbers[character] for character in text]
        except KeyError as error:
            raise UserError(f"{text!r} has {error.args[0]!r}, which no training line has") from None

    def decode(self, classes: Sequence[int]) -> str:
        """The string of some classes, none of which is the blank."""
        return "".join(self.characters[number - 1] for number in classes)
