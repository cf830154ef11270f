"""Softening curves as values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from policysearch.core.errors import UserError
from policysearch.policy.operations import operation
from policysearch.policy.steps import Probability, Value

Power = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False, strict=True)]


def _as_rows(value: Any) -> Any:
    """A list of rows, one per class, as rows by index."""
    if not isinstance(value, list | tuple):
        return value
    rows = [dict(enumerate(row)) if isinstance(row, list | tuple) else row for row in value]
    if any(not isinstance(row, dict) or len(row) != len(rows) for row in rows):
        raise UserError(f"a matrix of {len(rows)} rows has {len(rows)} numbers in each, true classes down")
    return dict(enumerate(rows))


def _mistakes(value: Any) -> Any:
    """Rows by class, without the diagonal, zeros and empty rows, so that equal matrices are equal values."""
    rows = _as_rows(value)
    if not isinstance(rows, Mapping) or not all(isinstance(row, Mapping) for row in rows.values()):
        return value
    counts = {
        str(true): {str(other): count for other, count in row.items() if str(other) != str(true) and count != 0}
        for true, row in rows.items()
    }
    return {true: row for true, row in counts.items() if row}


Count = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Confusion = Annotated[Mapping[str, Mapping[str, Count]], BeforeValidator(_mistakes)]
"""How often images of a class, the outer key, were taken for another, the inner one."""


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
    `spread` says which classes get what a target loses: "even", all others alike (equation 4), or "confusion", each
    by how often the true class is taken for it (section 5). `confusion` is what was counted on validation: by true
    class and predicted class, both by name or index, the number of images; also as a list of rows. The diagonal does
    not count, and a class without a row spreads evenly. Without `confusion` a search measures it before its first
    pull.
    """

    later: ClassVar[frozenset[str]] = frozenset({"operations", "normalise", "spread", "confusion"})

    k: Power = 2.0
    p_min: Probability | None = None
    mode: Literal["off", "target", "weight", "both"] = "target"
    operations: Mapping[str, Curve] | None = None
    normalise: bool = False
    spread: Literal["even", "confusion"] = "even"
    confusion: Confusion | None = None

    @model_validator(mode="after")
    def _operations_are_known(self) -> Softening:
        for name in self.operations or ():
            operation(name)
        return self

    @model_validator(mode="after")
    def _confusion_is_spread(self) -> Softening:
        if self.confusion is not None and self.spread != "confusion":
            raise UserError('confusion is for spread = "confusion", and spread is "even": leave one of them out')
        if self.spread == "confusion" and self.mode == "weight":
            raise UserError('spread = "confusion" is for targets, and mode "weight" leaves them hard: take mode "both"')
        return self

    def curves(self) -> tuple[tuple[Curve, frozenset[str] | None], ...]:
        """Each curve with the operations it is for; None: all operations without a curve of their own."""
        of_operations = tuple((curve, frozenset({name})) for name, curve in (self.operations or {}).items())
        return (*of_operations, (Curve(k=self.k, p_min=self.p_min), None))
