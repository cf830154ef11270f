"""The table of operations: one row per operation, known to policies without importing torch.

The pixels are made in `policysearch.augmentation`; a test holds this table against its kernels. A new operation
is one row and one function, given to `policysearch.augmentation.register`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from policysearch.core.errors import UserError, unknown_name

Kind = Literal["identity", "move", "matrix", "crop", "warp", "mask", "table", "filter"]
Visibility = Literal["whole", "counted", "information", "formula"]

KINDS: dict[Kind, str] = {
    "identity": "does nothing",
    "move": "each axis moves by itself, pixel onto pixel: flips, whole-pixel translations, crops of the old size",
    "matrix": "a homography, nearest neighbour",
    "crop": "a box of the image resized to the whole, bilinear",
    "warp": "every pixel from a place of its own, bilinear, edges repeated",
    "mask": "pixels hidden (black)",
    "table": "256 values onto 256 values, one image and channel at a time",
    "filter": "any other change of the pixels",
}
"""What an operation's kernel gives, which decides how it is applied; operations are applied grouped by kind."""


_ALLOWED: dict[Kind, tuple[Visibility, ...]] = {
    "move": ("counted",),
    "matrix": ("counted",),
    "crop": ("counted",),
    "warp": ("counted",),
    "mask": ("counted",),
    "table": ("information",),
}


@dataclass(frozen=True)
class Operation:
    """One named image transform.

    Attributes:
        name: the word used in policies and spaces.
        kind: what its kernel gives, a key of `KINDS`.
        unit: what a magnitude means; empty if the operation has none.
        low, high: magnitudes that are accepted, inclusive, in `unit`.
        neutral: the magnitude that changes nothing (None if there is none).
        signed: whether a draw negates the magnitude with probability one half.
        standard: magnitudes at level 0 and at the top level in RandAugment (torchvision's ranges).
        wide: the same in TrivialAugment's wide space.
        numbers: how many numbers in [0, 1) the kernel needs besides the magnitude (places, shapes, seeds).
        visibility: how visibility is computed. `counted`: the source pixels still there, tracked through all
            geometric steps and masks together; `information`: the entropy of the grey values after the step over
            that before (a table keeps all of it exactly when it merges no two values that occur); `formula`: a
            formula of the magnitude, in the kernel's docstring; `whole`: 1, nothing is lost, and softening does not
            see the step. Geometry and masks are counted, tables go by information, filters by the others (None: whole).

    Raises:
        UserError: the name is no lower-case word or words joined by hyphens, or the magnitudes do not fit each other.

    Example:
        >>> turn = Operation("quarter-turn", "matrix", "quarters", low=-3, high=3, neutral=0, standard=(0, 3))
        >>> turn.visibility, turn.magnitude_at(level=5, levels=11)
        ('counted', 1.5)
    """

    name: str
    kind: Kind = "identity"
    unit: str = ""
    low: float = 0.0
    high: float = 0.0
    neutral: float | None = None
    signed: bool = False
    standard: tuple[float, float] | None = None
    wide: tuple[float, float] | None = None
    numbers: int = 0
    visibility: Visibility | None = None

    def __post_init__(self) -> None:
        if self.visibility is None:
            object.__setattr__(self, "visibility", _ALLOWED.get(self.kind, ("whole",))[0])
        allowed = _ALLOWED.get(self.kind, ("whole", "formula"))
        if self.visibility not in allowed:
            raise UserError(
                f"{self.name}: visibility of a {self.kind} is {' or '.join(allowed)}, got {self.visibility!r}"
            )
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", self.name):
            raise UserError(f"an operation's name is lower-case words joined by hyphens, got {self.name!r}")
        magnitudes = [v for v in (self.neutral, *(self.standard or ()), *(self.wide or ())) if v is not None]
        if self.low > self.high or any(not self.low <= v <= self.high for v in magnitudes):
            raise UserError(
                f"{self.name}: low <= neutral, standard and wide <= high is needed, got low {self.low:g}, high "
                f"{self.high:g}, neutral {self.neutral}, standard {self.standard}, wide {self.wide}"
            )
        if magnitudes and not self.unit:
            raise UserError(f"{self.name}: an operation with magnitudes has a unit, which says what they mean")

    @property
    def has_magnitude(self) -> bool:
        return bool(self.unit)

    @property
    def signed_range(self) -> tuple[float, float]:
        """The lowest and the highest magnitude that an image can get, the drawn sign included, in `unit`."""
        return (-self.high if self.signed else self.low, self.high)

    def magnitude_at(self, level: float, levels: int, wide: bool = False) -> float | None:
        """The magnitude of integer bin `level` of 0..levels-1 on the standard (or wide) range; None without one."""
        span = self.wide if wide and self.wide else self.standard
        if span is None:
            return None
        return span[0] + (span[1] - span[0]) * level / (levels - 1)


_ENHANCE = "enhancement factor minus 1"
_SIDE = "fraction of the side"
_PIXELS = "pixels"
_TANGENT = "tangent of the angle"
_AREA = "share of the area"
_HEIGHT = "fraction of the height"


def _hiding(name: str, kind: Kind, unit: str, high: float, top: float, numbers: int) -> Operation:
    return Operation(name, kind, unit, 0, high, 0, False, (0, top), numbers=numbers)


def _enhancing(name: str, kind: Kind, visibility: Visibility | None = None) -> Operation:
    return Operation(name, kind, _ENHANCE, 0, 1, 0, True, (0, 0.9), (0, 0.99), visibility=visibility)


def _moving(
    name: str, kind: Kind, unit: str, high: float, top: float, wide: tuple[float, float] | None = None
) -> Operation:
    return Operation(name, kind, unit, 0, high, 0, True, (0, top), wide)


_ROWS = (
    Operation("identity"),
    _moving("shear-x", "matrix", _TANGENT, 2, 0.3, (0, 0.99)),
    _moving("shear-y", "matrix", _TANGENT, 2, 0.3, (0, 0.99)),
    _moving("translate-x", "move", _SIDE, 1, 150 / 331),
    _moving("translate-y", "move", _SIDE, 1, 150 / 331),
    _moving("translate-x-pixels", "move", _PIXELS, 4096, 14.5, (0, 32)),
    _moving("translate-y-pixels", "move", _PIXELS, 4096, 14.5, (0, 32)),
    _moving("rotate", "matrix", "degrees", 180, 30, (0, 135)),
    _enhancing("brightness", "table"),
    _enhancing("color", "filter", "formula"),
    _enhancing("contrast", "table"),
    _enhancing("sharpness", "filter", "formula"),
    Operation("posterize", "table", "bits kept", 0, 8, 8, False, (8, 4), (8, 2)),
    Operation("solarize", "table", "threshold", 0, 256, 256, False, (255, 0), (255, 0)),
    Operation("solarize-add", "table", "grey values added to those below 128", 0, 128, 0, False, (0, 110)),
    Operation("autocontrast", "table"),
    Operation("equalize", "table"),
    Operation("invert", "table"),
    Operation("flip-horizontal", "move"),
    Operation("flip-vertical", "move"),
    Operation("grayscale", "filter", visibility="formula"),
    Operation("hue", "filter", "turns of the colour circle", 0, 0.5, 0, True, (0, 0.5)),
    Operation("gaussian-blur", "filter", "sigma, pixels", 0, 64, 0, False, (0, 2), visibility="formula"),
    Operation(
        "noise",
        "filter",
        "alpha, ten times the deviation in grey ranges",
        -1,
        1,
        0,
        False,
        (0, 1),
        numbers=2,
        visibility="formula",
    ),
    Operation("perspective", "matrix", "distortion", 0, 1, 0, False, (0, 0.5), numbers=8),
    _hiding("pad-and-crop", "move", _SIDE, 1, 0.25, 2),
    _hiding("soft-crop", "move", "sigma, fraction of the longer side", 1, 0.3, 2),
    Operation("resized-crop", "crop", _AREA, 0.01, 1, 1, False, (1, 0.08), numbers=3),
    _hiding("soft-resized-crop", "crop", "sigma, fraction of the side", 1, 0.3, 4),
    _hiding("cutout", "mask", "fraction of the shorter side", 1, 0.5, 2),
    _hiding("random-erasing", "mask", _AREA, 1, 0.33, 3),
    _hiding("grid-mask", "mask", "hidden side, fraction of the grid's period", 1, 0.6, 3),
    _hiding("hide-and-seek", "mask", "share of cells hidden", 1, 0.5, 3),
    _hiding("line-distort", "warp", _HEIGHT, 0.5, 0.3, 16),
    _hiding("line-stretch", "warp", "fraction of a third of the line", 0.5, 0.4, 2),
    _hiding("line-perspective", "warp", _HEIGHT, 0.5, 0.3, 4),
    _hiding("line-bands", "mask", "share of the line hidden", 1, 0.5, 2),
    _hiding("line-strokes", "mask", _HEIGHT, 1, 0.3, 1),
    _hiding("hide-character", "filter", "share of the contrast taken away", 1, 1, 1),
)

OPERATIONS: dict[str, Operation] = {row.name: row for row in _ROWS}
SHIPPED_OPERATIONS = frozenset(OPERATIONS)
"""Those that come with the program, which cannot be registered anew."""

RANDAUGMENT_OPERATIONS = (
    "identity", "autocontrast", "equalize", "rotate", "solarize", "color", "posterize", "contrast",
    "brightness", "sharpness", "shear-x", "shear-y", "translate-x", "translate-y",
)  # fmt: skip
"""The fourteen operations of RandAugment (Cubuk et al. 2020, figure 2) and TrivialAugment."""


def operation(name: str) -> Operation:
    """The row called `name`.

    Raises:
        UserError: no row has that name; the message suggests the nearest.
    """
    if name not in OPERATIONS:
        raise unknown_name("operation", name, OPERATIONS)
    return OPERATIONS[name]
