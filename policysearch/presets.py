"""The fixed policies of the literature, as policies."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from policysearch.errors import UserError, unknown_name
from policysearch.operations import OPERATIONS, RANDAUGMENT_OPERATIONS
from policysearch.policy import OneOf, Policy, Softening, Step, SubPolicy, Uniform

__all__ = ["BASELINES", "PRESETS", "preset"]

LEVELS = 31
FLIP = Step(operation="flip-horizontal", probability=0.5)
_PIXEL_NAMES = {"translate-x": "translate-x-pixels", "translate-y": "translate-y-pixels"}


def _one(name: str, *steps: Step | OneOf, softening: Softening | None = None) -> Policy:
    return Policy(name=name, sub_policies=(SubPolicy(steps=steps),), softening=softening)


def _randaugment(n: int = 2, m: int = 9) -> Policy:
    """RandAugment (Cubuk et al. 2020): n operations of fourteen at level m of 0..30, torchvision's ranges."""
    if not (1 <= n <= 10 and 0 <= m < LEVELS):
        raise UserError(f"randaugment:N,M takes N in 1..10 and M in 0..{LEVELS - 1}, got {n},{m}")
    choices = tuple(
        Step(operation=name, magnitude=OPERATIONS[name].magnitude_at(m, LEVELS)) for name in RANDAUGMENT_OPERATIONS
    )
    return _one(f"randaugment:{n},{m}", *[OneOf(one_of=choices)] * n)


def _trivialaugment(wide: bool) -> OneOf:
    """TrivialAugment (Müller & Hutter 2021): one of fourteen operations at a level drawn evenly of 0..30."""
    return OneOf(one_of=tuple(_any_level(name, wide) for name in RANDAUGMENT_OPERATIONS))


def _any_level(name: str, wide: bool) -> Step:
    row = OPERATIONS[_PIXEL_NAMES.get(name, name) if wide else name]
    span = row.wide if wide else row.standard
    if span is None:
        return Step(operation=row.name)
    return Step(operation=row.name, magnitude=Uniform(start=span[0], stop=span[1], levels=LEVELS))


def _soft_crop() -> Policy:
    """Soft Augmentation's CIFAR setting: flip, σ 0.3, k 2, target and weight (Liu et al. 2023, section 4.1)."""
    crop = Step(operation="soft-crop", magnitude=0.3)
    return _one("soft-crop", FLIP, crop, softening=Softening(k=2, mode="both"))


PRESETS: dict[str, tuple[str, Callable[..., Policy]]] = {
    "identity": ("no augmentation", lambda: _one("identity")),
    "flip-crop": (
        "horizontal flip, and a crop after padding by 1/8 of the side (4 pixels at 32)",
        lambda: _one("flip-crop", FLIP, Step(operation="pad-and-crop", magnitude=0.125)),
    ),
    "soft-crop": ("flip and soft crop, σ 0.3, k 2, target and weight softened", _soft_crop),
    "randaugment": ("RandAugment with N 2, M 9; also randaugment:N,M", _randaugment),
    "trivialaugment": (
        "TrivialAugment on RandAugment's ranges",
        lambda: _one("trivialaugment", _trivialaugment(wide=False)),
    ),
    "trivialaugment-wide": (
        "TrivialAugment on its wide ranges, the strongest free policy in print",
        lambda: _one("trivialaugment-wide", _trivialaugment(wide=True)),
    ),
}

BASELINES = ("identity", "flip-crop", "randaugment", "trivialaugment-wide")
"""The fixed policies that are arms of every space."""


@lru_cache(maxsize=256)
def preset(name: str) -> Policy:
    """A preset by name; `randaugment:N,M` sets N (operations an image) and M (level 0..30).

    Raises:
        UserError: unknown name, or N, M out of range.
    """
    base, _, arguments = name.partition(":")
    if base not in PRESETS:
        raise unknown_name("policy preset", name, PRESETS)
    try:
        values = [int(part) for part in arguments.split(",")] if arguments else []
        return PRESETS[base][1](*values)
    except (TypeError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"preset {name!r}: arguments are whole numbers, as in randaugment:2,9") from None
