"""What happens to one image, as values: steps, choices among steps, and sub-policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Discriminator, Field, Tag, model_validator

from policysearch.core.errors import UserError
from policysearch.core.value import Frozen
from policysearch.policy.operations import Operation, operation

Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=True)]
Finite = Annotated[float, Field(allow_inf_nan=False, strict=True)]


class Value(Frozen):
    """A part of a policy."""


class Uniform(Value):
    """A magnitude drawn for each image, evenly from `start` to `stop` (in the operation's unit).

    With `levels`, from that many evenly spaced values, both ends included; without, from the interval.
    """

    start: Finite
    stop: Finite
    levels: Annotated[int, Field(ge=2, le=1000)] | None = None


class Normal(Value):
    """A magnitude drawn for each image from N(mean, std²), cut off at the operation's range (timm's `mstd`)."""

    mean: Finite
    std: Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]


def _kind(keys: Mapping[str, type[BaseModel]], otherwise: str) -> Discriminator:
    """Choose a union's member by a key that a dictionary has, so that a complaint is about that member alone."""

    def choose(value: Any) -> str:
        if isinstance(value, Mapping):
            return next((f"[{key}]" for key in keys if key in value), otherwise)
        return next((f"[{key}]" for key, kind in keys.items() if isinstance(value, kind)), otherwise)

    return Discriminator(choose)


Magnitude = Annotated[
    Annotated[Finite, Tag("[number]")] | Annotated[Uniform, Tag("[start]")] | Annotated[Normal, Tag("[mean]")],
    _kind({"start": Uniform, "mean": Normal}, "[number]"),
]


class Step(Value):
    """One operation, applied with a probability; `magnitude` is in the operation's unit, its sign is drawn.

    With `signed` False the magnitude is taken as it is and may be negative, where an operation has a sign: the
    one-sided steps of other libraries.
    """

    later: ClassVar[frozenset[str]] = frozenset({"signed"})

    operation: str
    probability: Probability = 1.0
    magnitude: Magnitude | None = None
    signed: bool = True

    @property
    def draws_sign(self) -> bool:
        """Whether a draw negates the magnitude half the time."""
        return self.signed and operation(self.operation).signed

    @property
    def range(self) -> tuple[float, float]:
        """The magnitudes that are accepted, and where normal ones are cut off, inclusive."""
        row = operation(self.operation)
        return (row.low, row.high) if self.signed else row.signed_range

    @model_validator(mode="after")
    def _magnitude_fits(self) -> Step:
        row = operation(self.operation)
        if not self.signed and not row.signed:
            raise UserError(f"signed of {row.name}: its magnitudes have no sign, leave it out")
        if not row.has_magnitude:
            if self.magnitude is not None:
                raise UserError(f"magnitude of {row.name}: it takes none, got {self.magnitude!r}")
            return self
        for value in _ends(self.magnitude):
            check_range(row, self.range, value)
        return self


def _ends(magnitude: Magnitude | None) -> tuple[float | None, ...]:
    if isinstance(magnitude, Uniform):
        return magnitude.start, magnitude.stop
    return (magnitude.mean if isinstance(magnitude, Normal) else magnitude,)


def check_range(row: Operation, span: tuple[float, float], value: float | None) -> None:
    """Check a magnitude of an operation.

    Raises:
        UserError: it is missing, or outside `span`, whose ends are allowed.
    """
    if value is None or not span[0] <= value <= span[1]:
        raise UserError(f"magnitude of {row.name} must lie in [{span[0]:g}, {span[1]:g}] ({row.unit}), got {value}")


class OneOf(Value):
    """A step that is one of several, drawn evenly for each image (RandAugment, TrivialAugment)."""

    one_of: Annotated[tuple[Step, ...], Field(min_length=1)]


class SomeOf(Value):
    """Several steps in random order until as many were applied as drawn (Population Based Augmentation).

    Each image draws a number n with probability `counts[n]`, n from 0; the steps are shuffled and tried in turn,
    each with its own probability, until n were applied. Ho et al. 2019, algorithm 1: counts (0.2, 0.3, 0.5).
    """

    some_of: Annotated[tuple[Step, ...], Field(min_length=1, max_length=100)]
    counts: Annotated[tuple[Probability, ...], Field(min_length=2, max_length=11)] = (0.2, 0.3, 0.5)

    @model_validator(mode="after")
    def _counts_are_a_distribution(self) -> SomeOf:
        if abs(sum(self.counts) - 1) > 1e-6:
            raise UserError(f"counts must sum to 1, got {list(self.counts)}, which sum to {sum(self.counts):g}")
        if len(self.counts) > len(self.some_of) + 1:
            most = len(self.some_of) + 1
            raise UserError(f"counts of {most - 1} steps are {most} numbers at most, got {list(self.counts)}")
        return self


def choices(step: Step | OneOf | SomeOf) -> tuple[Step, ...]:
    """The steps that a step may turn out to be."""
    return step.one_of if isinstance(step, OneOf) else step.some_of if isinstance(step, SomeOf) else (step,)


AnyStep = Annotated[
    Annotated[Step, Tag("[step]")] | Annotated[OneOf, Tag("[one_of]")] | Annotated[SomeOf, Tag("[some_of]")],
    _kind({"one_of": OneOf, "some_of": SomeOf}, "[step]"),
]


class SubPolicy(Value):
    """Ordered steps applied to one image; `weight` is its share among the policy's sub-policies."""

    steps: tuple[AnyStep, ...] = ()
    weight: Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False, strict=True)] = 1.0


SubPolicies = Annotated[tuple[SubPolicy, ...], Field(min_length=1)]
