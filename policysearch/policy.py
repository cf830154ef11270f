"""Policies as values: frozen, validated, JSON both ways, known by the hash of their content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from policysearch.errors import UserError
from policysearch.operations import Operation, operation

__all__ = ["OneOf", "Policy", "Softening", "Step", "SubPolicy", "Uniform", "validation_message"]

SCHEMA = 1

Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Uniform(_Value):
    """A magnitude drawn for each image, evenly from `start` to `stop` (in the operation's unit).

    With `levels`, from that many evenly spaced values, both ends included; without, from the interval.
    """

    start: Finite
    stop: Finite
    levels: Annotated[int, Field(ge=2, le=1000)] | None = None


class Step(_Value):
    """One operation, applied with a probability; `magnitude` is in the operation's unit, its sign is drawn."""

    operation: str
    probability: Probability = 1.0
    magnitude: Finite | Uniform | None = None

    @model_validator(mode="after")
    def _magnitude_fits(self) -> Step:
        row = operation(self.operation)
        if not row.has_magnitude:
            if self.magnitude is not None:
                raise UserError(f"magnitude of {row.name}: it takes none, got {self.magnitude!r}")
            return self
        for value in _ends(self.magnitude):
            _check_range(row, value)
        return self


def _ends(magnitude: float | Uniform | None) -> tuple[float | None, ...]:
    if isinstance(magnitude, Uniform):
        return magnitude.start, magnitude.stop
    return (magnitude,)


def _check_range(row: Operation, value: float | None) -> None:
    if value is None or not row.low <= value <= row.high:
        raise UserError(f"magnitude of {row.name} must lie in [{row.low:g}, {row.high:g}] ({row.unit}), got {value}")


class OneOf(_Value):
    """A step that is one of several, drawn evenly for each image (RandAugment, TrivialAugment)."""

    one_of: Annotated[tuple[Step, ...], Field(min_length=1)]


class SubPolicy(_Value):
    """Ordered steps applied to one image; `weight` is its share among the policy's sub-policies."""

    steps: tuple[Step | OneOf, ...] = ()
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0


class Softening(_Value):
    """Soft Augmentation's curve, equation 7: confidence = 1 - (1 - p_min)·(1 - v)^k.

    `v` is an image's visibility in [0, 1]. `p_min` None means 1/classes. `mode`: off, target (eq. 4),
    weight (eq. 5) or both (eq. 6). Liu et al. 2023, "Soft Augmentation for Image Classification".
    """

    k: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = 2.0
    p_min: Probability | None = None
    mode: Literal["off", "target", "weight", "both"] = "target"


class Policy(_Value):
    """A weighted set of sub-policies with an optional softening curve.

    `name` and `about` (where it came from) are no part of its identity: `hash` depends on content alone.
    """

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    name: str = ""
    sub_policies: Annotated[tuple[SubPolicy, ...], Field(min_length=1)]
    softening: Softening | None = None
    about: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _off_is_none(self) -> Policy:
        if self.softening is not None and self.softening.mode == "off":
            object.__setattr__(self, "softening", None)
        return self

    @cached_property
    def hash(self) -> str:
        """Twelve hex digits of the SHA-256 of the content, `name` and `about` left out."""
        content = self.model_dump(mode="json", by_alias=True, exclude={"name", "about"})
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Policy:
        """A copy with other values, not validated; its hash is its own."""
        copy = super().model_copy(update=update, deep=deep)
        copy.__dict__.pop("hash", None)
        return copy

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Policy) and self.hash == other.hash

    def __hash__(self) -> int:
        return hash(self.hash)

    def to_json(self, indent: int | None = 2) -> str:
        """The policy as JSON, its hash written along."""
        data = self.model_dump(mode="json", by_alias=True, exclude=None if self.about else {"about"})
        return json.dumps({"schema": data.pop("schema"), "hash": self.hash, **data}, indent=indent)

    @classmethod
    def from_dict(cls, data: object, source: str = "policy") -> Policy:
        """Build from parsed JSON.

        Raises:
            UserError: naming the field that is wrong, and `source`; or the hash written along is not the content's.
        """
        written = data.get("hash") if isinstance(data, dict) else None
        content = {k: v for k, v in data.items() if k != "hash"} if isinstance(data, dict) else data
        try:
            policy = cls.model_validate(content)
        except ValidationError as error:
            raise UserError(f"{source}: {validation_message(error)}") from None
        if written not in (None, policy.hash):
            raise UserError(
                f"{source} was edited or damaged: its hash is {written!r}, its content's {policy.hash}; "
                "remove the key 'hash' to take it as it is"
            )
        return policy

    @classmethod
    def load(cls, path: str | Path) -> Policy:
        """Read a policy file (JSON; data only, nothing in it is executed).

        Raises:
            UserError: the file is missing, is no JSON, or holds no valid policy.
        """
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise UserError(f"cannot read policy file {str(path)!r}: {error.strerror or error}") from None
        except ValueError as error:
            raise UserError(f"policy file {str(path)!r} is not JSON: {error}") from None
        if isinstance(data, dict) and isinstance(data.get("schema"), int) and data["schema"] > SCHEMA:
            raise UserError(
                f"policy file {str(path)!r} has schema {data['schema']}, this version reads up to {SCHEMA}: "
                "upgrade policysearch"
            )
        return cls.from_dict(data, f"policy file {str(path)!r}")

    def save(self, path: str | Path) -> None:
        """Write the policy as JSON, replacing the file at once (never half a file)."""
        target = Path(path)
        partial = target.with_name(target.name + ".partial")
        partial.write_text(self.to_json() + "\n", encoding="utf-8")
        partial.replace(target)

    @classmethod
    def preset(cls, name: str) -> Policy:
        """A fixed policy of the literature by name, such as `trivialaugment-wide` or `randaugment:2,9`.

        Raises:
            UserError: no preset has that name; the nearest are told.
        """
        from policysearch.presets import preset

        return preset(name)


def validation_message(error: ValidationError) -> str:
    """The first complaint of pydantic as one sentence: which field, what was given, what is allowed."""
    first = error.errors()[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, UserError):
        return str(cause)
    parts = (str(part) for part in first["loc"])
    where = ".".join(part for part in parts if "[" not in part and part not in ("Step", "OneOf")) or "the whole"
    if first["type"] == "extra_forbidden":
        return f"unknown key {where!r}"
    if first["type"] == "missing":
        return f"{where} is missing"
    return f"{where}: {first['msg'].lower()}, got {first['input']!r:.80}"
