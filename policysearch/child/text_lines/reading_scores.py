"""How well lines were read."""

from __future__ import annotations

from collections.abc import Sequence


def edit_distance(one: str, other: str) -> int:
    """The fewest insertions, deletions and substitutions of a character that make one string the other.

    Levenshtein 1966, by the bit-vectors of Myers 1999 in the form of Hyyrö 2003: one column of the table of distances
    is two whole numbers, for where it rises and where it falls.

    Example:
        >>> edit_distance("kitten", "sitting")
        3
    """
    if not one:
        return len(other)
    places: dict[str, int] = {}
    for i, character in enumerate(one):
        places[character] = places.get(character, 0) | 1 << i

    everywhere, last = (1 << len(one)) - 1, 1 << (len(one) - 1)
    rises, falls, distance = everywhere, 0, len(one)
    for character in other:
        equal = places.get(character, 0)
        diagonal = (((equal & rises) + rises) ^ rises) | equal | falls
        right, left = falls | ~(diagonal | rises), diagonal & rises
        distance += bool(right & last) - bool(left & last)
        right = right << 1 | 1
        rises = (left << 1 | ~(diagonal | right)) & everywhere
        falls = right & diagonal & everywhere
    return distance


def reading_scores(readings: Sequence[str], texts: Sequence[str]) -> dict[str, float]:
    """Metrics of what was read against what is there.

    Args:
        readings: one per line.
        texts: one per line; at least one of them is not empty.

    Returns:
        accuracy: the share of lines read without a mistake, in [0, 1]; correct: their number; character_accuracy:
        1 - (edit distance over the number of characters, both summed over all lines), 0 where that is negative.

    Example:
        >>> reading_scores(["cat", "doge"], ["cat", "dog"])
        {'accuracy': 0.5, 'correct': 1, 'character_accuracy': 0.8333333333333334}
    """
    pairs = list(zip(readings, texts, strict=True))
    correct = sum(reading == text for reading, text in pairs)
    mistakes = sum(edit_distance(reading, text) for reading, text in pairs if reading != text)
    characters = sum(map(len, texts))
    return {
        "accuracy": correct / len(pairs),
        "correct": correct,
        "character_accuracy": max(0.0, 1 - mistakes / characters),
    }
