"""The fixed policies of self-supervised training: two views by crops and colours, and weights for pairs of them."""

from __future__ import annotations

from policysearch.core.errors import UserError
from policysearch.policy.pairs import Pair
from policysearch.policy.policy import Policy
from policysearch.policy.steps import SomeOf, Step, SubPolicy, Uniform

_LEAST_AREA = 0.2
_K = 4.0
_ENHANCED = {"brightness": 0.4, "contrast": 0.4, "color": 0.4, "hue": 0.1}
"""The largest magnitudes of a jitter of strength 1, whose factors are drawn evenly from 1 ± 0.4."""
_ALL_OR_NONE = (0.2, 0.0, 0.0, 0.0, 0.8)
"""Four of five images get all four operations, in random order; the others none."""
_GRAY = 0.2
_STRONGEST = 2.5


def color_jitter(strength: float = 1) -> Policy:
    """Chen & He 2021, appendix D: four colour operations in random order for 80 % of images, 20 % turned grey.

    Args:
        strength: factor of the paper's magnitudes, 0 to 2.5; 0 leaves colours as they are.

    Raises:
        UserError: the strength is out of its range.
    """
    if not 0 <= strength <= _STRONGEST:
        raise UserError(f"color-jitter:STRENGTH takes a number in [0, {_STRONGEST:g}], got {strength:g}")
    title = "color-jitter" if strength == 1 else f"color-jitter:{strength:g}"
    return Policy(name=title, sub_policies=(SubPolicy(steps=_colors(strength)),))


def _colors(strength: float) -> tuple[SomeOf | Step, ...]:
    if strength == 0:
        return ()
    spans = {name: Uniform(start=0.0, stop=strength * most) for name, most in _ENHANCED.items()}
    some_of = tuple(Step(operation=name, magnitude=span) for name, span in spans.items())
    return SomeOf(some_of=some_of, counts=_ALL_OR_NONE), Step(operation="grayscale", probability=_GRAY)


def simsiam(area: float = _LEAST_AREA) -> Policy:
    """SimSiam's augmentation for small images (Chen & He 2021, appendix D): crop, flip, colour jitter, no blur.

    The crop has `area` to all of the image's area and a shape of 3/4 to 4/3.

    Args:
        area: the least area of a crop, a share of the image's in [0.01, 1).

    Raises:
        UserError: the area is out of its range.
    """
    if not 0.01 <= area < 1:
        raise UserError(f"simsiam:AREA takes the least area of a crop, in [0.01, 1), got {area:g}")
    crop = Step(operation="resized-crop", magnitude=Uniform(start=area, stop=1.0))
    flip = Step(operation="flip-horizontal", probability=0.5)
    title = "simsiam" if area == _LEAST_AREA else f"simsiam:{area:g}"
    return Policy(name=title, sub_policies=(SubPolicy(steps=(crop, flip, *_colors(1))),))


def weighted_simsiam(weight: str, k: float = _K, p_min: float = 0) -> Policy:
    """SimSiam's augmentation with pairs weighted by equation 9 or 10 (Liu et al. 2023, table 4; k 4 by table 9).

    Args:
        weight: "sa1" or "sa2".
        k: the curve's power, above 0.
        p_min: the smallest weight before normalisation, in [0, 1).

    Raises:
        ValidationError: a number is out of its range.
    """
    title = f"simsiam-{weight}" if (k, p_min) == (_K, 0) else f"simsiam-{weight}:{k:g},{p_min:g}"
    pair = Pair.model_validate({"weight": weight, "k": k, "p_min": p_min})
    return simsiam().model_copy(update={"name": title, "pair": pair})
