"""What is wrong with a request: one sentence for every field that is, all at once."""

from __future__ import annotations

from collections.abc import Iterable

from policysearch.core.errors import UserError, in_one_sentence
from policysearch.core.readable import readable_name

WHOLE = ""
"""The field of a mistake that is of no field: the body as a whole."""


class Refused(UserError):
    """A request that is not taken; nothing was made.

    Args:
        mistakes: pairs of a field, dotted where it is inside a table as `recipe.batch`, and a sentence.

    Attributes:
        mistakes: the same, each once, in the order in which they came.

    Example:
        >>> Refused([("trials", "must be 1 or more"), ("", "no body")]).fields
        {'trials': 'must be 1 or more', '': 'no body'}
    """

    def __init__(self, mistakes: Iterable[tuple[str, str]]) -> None:
        # Names of fields are the sender's own, and may be no text that can be sent back.
        shown = ((readable_name(field), readable_name(text)) for field, text in mistakes)
        self.mistakes = tuple(dict.fromkeys(shown))
        super().__init__(in_one_sentence(_sentence(field, text) for field, text in self.mistakes))

    @property
    def fields(self) -> dict[str, str]:
        """The first sentence of every field."""
        sentences: dict[str, str] = {}
        for field, text in self.mistakes:
            sentences.setdefault(field, text)
        return sentences


def _sentence(field: str, text: str) -> str:
    return f"{field}: {text}" if field else text
