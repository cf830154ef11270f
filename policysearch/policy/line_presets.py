"""The fixed policies of lines of text: bends along the line, and RandAugment of operations that leave it readable."""

from __future__ import annotations

from policysearch.core.errors import UserError
from policysearch.policy.policy import Policy
from policysearch.policy.steps import OneOf, Step, SubPolicy, Uniform

_RADIUS = 0.3
"""Luo et al. 2020 move fiducial points by up to 10 of 32 pixels."""
_FURTHEST = 0.5
_LEVELS = 31
_BENDS = ("line-distort", "line-stretch", "line-perspective")
_TOPS: dict[str, tuple[float, float] | None] = {
    "identity": None,
    "autocontrast": None,
    "brightness": (0, 0.9),
    "contrast": (0, 0.9),
    "sharpness": (0, 0.9),
    "posterize": (8, 4),
    "gaussian-blur": (0, 2),
    "noise": (0, 1),
    "rotate": (0, 10),
    "shear-x": (0, 0.5),
    "translate-y": (0, 0.2),
    "line-distort": (0, 0.3),
    "line-stretch": (0, 0.4),
    "line-perspective": (0, 0.3),
    "line-bands": (0, 0.3),
    "line-strokes": (0, 0.2),
}
"""The operations of RandAugment for lines, with their magnitudes at level 0 and at level 30. Flips, shifts along the
line and large turns are left out, as they take letters away or make others of them."""


def tia(radius: float = _RADIUS) -> Policy:
    """One of distort, stretch and perspective per image, at magnitudes drawn evenly from 0 to `radius`.

    What text recognition calls TIA, with the moves drawn at random (Luo et al. 2020; their agent learns which way).

    Args:
        radius: the largest magnitude, above 0 and at most 0.5; the paper's is 0.3.

    Raises:
        UserError: the radius is out of its range.
    """
    if not 0 < radius <= _FURTHEST:
        raise UserError(f"tia:RADIUS takes a number above 0 and at most {_FURTHEST:g}, got {radius:g}")
    span = Uniform(start=0.0, stop=radius)
    bend = OneOf(one_of=tuple(Step(operation=name, magnitude=span) for name in _BENDS))
    title = "tia" if radius == _RADIUS else f"tia:{radius:g}"
    return Policy(name=title, sub_policies=(SubPolicy(steps=(bend,)),))


def randaugment_lines(n: float = 2, m: float = 9) -> Policy:
    """RandAugment (Cubuk et al. 2020) over operations for lines of text: n of sixteen at level m of 0..30.

    Args:
        n: whole number of operations per image, 1 to 10.
        m: their level, a whole number from 0 to 30.

    Raises:
        UserError: a number is not whole, or out of its range.
    """
    if not (n in range(1, 11) and m in range(_LEVELS)):
        raise UserError(f"randaugment-lines:N,M takes whole N in 1..10 and M in 0..{_LEVELS - 1}, got {n:g},{m:g}")
    share = m / (_LEVELS - 1)
    spans = ((name, span and span[0] + (span[1] - span[0]) * share) for name, span in _TOPS.items())
    choice = OneOf(one_of=tuple(Step(operation=name, magnitude=magnitude) for name, magnitude in spans))
    title = "randaugment-lines" if (n, m) == (2, 9) else f"randaugment-lines:{n:g},{m:g}"
    return Policy(name=title, sub_policies=(SubPolicy(steps=(choice,) * int(n)),))
