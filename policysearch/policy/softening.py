"""Softening curves as values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from policysearch.policy.operations import operation
from policysearch.policy.steps import Probability, Value

Power = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False, strict=True)]


class Curve(Value):
    """Equation 7's two numbers: confidence = 1 - (1 - p_min)·(1 - v)^k; `p_min` None means 1/classes, 1 is off."""

    k: Power = 2.0
    p_min: Probability | None = None


class Softening(Value):
    """Soft Augmentation's curve, equation 7: confidence = 1 - (1 - p_min)·(1 - v)^k.

    `v` is an image's visibility in [0, 1]. `p_min` None means 1/classes. `mode`: off, target (eq. 4),
    weight (eq. 5) or both (eq. 6). Liu et al. 2023, "Soft Augmentation for Image Classification".

    `operations` gives some operations a curve of their own: each curve then sees the visibility its own
    operations leave, and the confidences are multiplied, not below the smallest p_min. To soften one operation
    alone, switch the others off: `Softening(p_min=1, operations={"soft-crop": Curve(k=2)})`.
    `normalise` divides the weights by their mean over the batch (section B.4).
    """

    later: ClassVar[frozenset[str]] = frozenset({"operations", "normalise"})

    k: Power = 2.0
    p_min: Probability | None = None
    mode: Literal["off", "target", "weight", "both"] = "target"
    operations: Mapping[str, Curve] | None = None
    normalise: bool = False

    @model_validator(mode="after")
    def _operations_are_known(self) -> Softening:
        for name in self.operations or ():
            operation(name)
        return self

    def curves(self) -> tuple[tuple[Curve, frozenset[str] | None], ...]:
        """Each curve with the operations it is for; None: all operations without a curve of their own."""
        of_operations = tuple((curve, frozenset({name})) for name, curve in (self.operations or {}).items())
        return (*of_operations, (Curve(k=self.k, p_min=self.p_min), None))
