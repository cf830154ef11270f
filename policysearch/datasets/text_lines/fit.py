"""Whether a string fits its image: how many steps a network takes along a line, and how many CTC needs."""

from __future__ import annotations

from itertools import pairwise

_LOW = 24  # pixels of height, below which letters are too narrow for wide steps
_SHORT_STEP, _LONG_STEP = 2, 4


def pixels_per_step(height: int) -> int:
    """Pixels along a line that the built-in network takes as one step.

    4 as in Shi et al. 2017 (section 2.1), whose lines are 32 pixels high; 2 for lines below 24 pixels.

    Args:
        height: of the lines, in pixels.

    Example:
        >>> pixels_per_step(32), pixels_per_step(16)
        (4, 2)
    """
    return _SHORT_STEP if height < _LOW else _LONG_STEP


def steps_along(width: int, pixels: int) -> int:
    """Steps that cover a width, the last of which may go beyond it.

    Args:
        width: in pixels.
        pixels: of a step.
    """
    return -(-width // pixels)


def steps_needed(text: str) -> int:
    """Steps that CTC needs to write a string: one per character, and a blank between two that are equal.

    Graves et al. 2006, section 3.1: with fewer, no alignment gives the string, and the loss is infinite.

    Example:
        >>> steps_needed("kite"), steps_needed("kettle"), steps_needed("")
        (4, 7, 0)
    """
    return len(text) + sum(one == other for one, other in pairwise(text))
