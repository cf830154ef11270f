"""The table of operations: one row an operation, known to policies without importing torch.

The pixels are made in `policysearch.augmentation`; a test holds this table against its kernels.
"""

from __future__ import annotations

from dataclasses import dataclass

from policysearch.errors import unknown_name

__all__ = ["OPERATIONS", "RANDAUGMENT_OPERATIONS", "Operation", "operation"]


@dataclass(frozen=True)
class Operation:
    """One named image transform.

    Attributes:
        name: the word used in policies and spaces.
        unit: what a magnitude means; empty if the operation has none.
        low, high: magnitudes that are accepted, inclusive, in `unit`.
        neutral: the magnitude that changes nothing (None if there is none).
        signed: whether a draw negates the magnitude with probability one half.
        standard: magnitudes at level 0 and at the top level in RandAugment (torchvision's ranges).
        wide: the same in TrivialAugment's wide space.
    """

    name: str
    unit: str = ""
    low: float = 0.0
    high: float = 0.0
    neutral: float | None = None
    signed: bool = False
    standard: tuple[float, float] | None = None
    wide: tuple[float, float] | None = None

    @property
    def has_magnitude(self) -> bool:
        return bool(self.unit)

    def magnitude_at(self, level: float, levels: int, wide: bool = False) -> float | None:
        """The magnitude of integer bin `level` of 0..levels-1 on the standard (or wide) range; None without one."""
        span = self.wide if wide and self.wide else self.standard
        if span is None:
            return None
        return span[0] + (span[1] - span[0]) * level / (levels - 1)


_ENHANCE = "enhancement factor minus 1"
_SIDE = "fraction of the side"

_ROWS = (
    Operation("identity"),
    Operation("shear-x", "tangent of the angle", 0, 2, 0, True, (0, 0.3), (0, 0.99)),
    Operation("shear-y", "tangent of the angle", 0, 2, 0, True, (0, 0.3), (0, 0.99)),
    Operation("translate-x", _SIDE, 0, 1, 0, True, (0, 150 / 331)),
    Operation("translate-y", _SIDE, 0, 1, 0, True, (0, 150 / 331)),
    Operation("translate-x-pixels", "pixels", 0, 4096, 0, True, (0, 14.5), (0, 32)),
    Operation("translate-y-pixels", "pixels", 0, 4096, 0, True, (0, 14.5), (0, 32)),
    Operation("rotate", "degrees", 0, 180, 0, True, (0, 30), (0, 135)),
    Operation("brightness", _ENHANCE, 0, 1, 0, True, (0, 0.9), (0, 0.99)),
    Operation("color", _ENHANCE, 0, 1, 0, True, (0, 0.9), (0, 0.99)),
    Operation("contrast", _ENHANCE, 0, 1, 0, True, (0, 0.9), (0, 0.99)),
    Operation("sharpness", _ENHANCE, 0, 1, 0, True, (0, 0.9), (0, 0.99)),
    Operation("posterize", "bits kept", 0, 8, 8, False, (8, 4), (8, 2)),
    Operation("solarize", "threshold", 0, 256, 256, False, (255, 0), (255, 0)),
    Operation("autocontrast"),
    Operation("equalize"),
    Operation("flip-horizontal"),
    Operation("pad-and-crop", _SIDE, 0, 1, 0, False, (0, 0.25)),
    Operation("cutout", "fraction of the shorter side", 0, 1, 0, False, (0, 0.5)),
    Operation("soft-crop", "sigma, fraction of the longer side", 0, 1, 0, False, (0, 0.3)),
)

OPERATIONS: dict[str, Operation] = {row.name: row for row in _ROWS}

RANDAUGMENT_OPERATIONS = (
    "identity", "autocontrast", "equalize", "rotate", "solarize", "color", "posterize", "contrast",
    "brightness", "sharpness", "shear-x", "shear-y", "translate-x", "translate-y",
)  # fmt: skip
"""The fourteen operations of RandAugment (Cubuk et al. 2020, figure 2) and TrivialAugment."""


def operation(name: str) -> Operation:
    """The row called `name`.

    Raises:
        UserError: no row has that name; the nearest names are told.
    """
    if name not in OPERATIONS:
        raise unknown_name("operation", name, OPERATIONS)
    return OPERATIONS[name]
