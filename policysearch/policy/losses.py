"""Losses as values: frozen, validated, known by their hash; what they compute stands in `policysearch.child.losses`.

An arm without one is trained with plain cross-entropy.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from policysearch.core.errors import UserError, unknown_name
from policysearch.policy.validation import validation_message

Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]


class _Loss(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @cached_property
    def hash(self) -> str:
        """Twelve hex digits of the SHA-256 of the content."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    @property
    def settings(self) -> dict[str, float]:
        """The fields without the kind."""
        return self.model_dump(exclude={"kind"})

    @property
    def label(self) -> str:
        """Kind and fields in short, as in `focal(gamma=2)`."""
        fields = ", ".join(f"{name}={value:.12g}" for name, value in self.settings.items())
        return f"{self.model_dump()['kind']}({fields})"

    def to_json(self) -> str:
        """The loss as one line of JSON, keys sorted; `parse_loss` takes it back."""
        return json.dumps(self.model_dump(), sort_keys=True, separators=(",", ":"))


class LabelSmoothing(_Loss):
    """`alpha` of every target is spread evenly over all classes (Szegedy et al. 2016, section 7, where it is 0.1)."""

    kind: Literal["label-smoothing"] = "label-smoothing"
    alpha: Share = 0.1


class OnlineLabelSmoothing(_Loss):
    """`alpha` of the loss is on the target, the rest on what the network predicted for the class an epoch before.

    Zhang et al. 2021, "Delving Deep into Label Smoothing", where `alpha` is 0.5.
    """

    kind: Literal["online-label-smoothing"] = "online-label-smoothing"
    alpha: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5


class Focal(_Loss):
    """Cross-entropy times (1 - p)^gamma (Lin et al. 2017, equation 4, where gamma 2 worked best)."""

    kind: Literal["focal"] = "focal"
    gamma: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 2.0


class BiTempered(_Loss):
    """The bi-tempered logistic loss of temperatures `t1`, `t2`, its targets smoothed first.

    Amid et al. 2019, "Robust Bi-Tempered Logistic Loss Based on Bregman Divergences"; 0.8 and 1.2 are its
    values for CIFAR-100. Both at 1 give the ordinary loss.
    """

    kind: Literal["bi-tempered"] = "bi-tempered"
    t1: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.8
    t2: Annotated[float, Field(ge=1, le=4, allow_inf_nan=False)] = 1.2
    smoothing: Share = 0.0


Loss = LabelSmoothing | OnlineLabelSmoothing | Focal | BiTempered

_KINDS: Mapping[str, type[Loss]] = MappingProxyType(
    {
        "label-smoothing": LabelSmoothing,
        "online-label-smoothing": OnlineLabelSmoothing,
        "focal": Focal,
        "bi-tempered": BiTempered,
    }
)
_FIELDS = frozenset(name for kind in _KINDS.values() for name in kind.model_fields)
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "label-smoothing": "label smoothing: {alpha:g} of every target spread evenly over all classes",
        "online-label-smoothing": (
            "online label smoothing: {alpha:g} of the loss on the target, the rest on the mean prediction "
            "for its class in the epoch before"
        ),
        "focal": "focal loss: cross-entropy times (1 - p)^{gamma:g}",
        "bi-tempered": "bi-tempered logistic loss: t1 {t1:g}, t2 {t2:g}, targets smoothed by {smoothing:g}",
    }
)


def parse_loss(data: object, source: str = "loss") -> Loss | None:
    """A loss from parsed JSON or TOML: a table with `kind` and, where they differ from the defaults, its fields.

    None and the kind "none" stand for no loss of its own; the fields of other kinds may then be there, unused.

    Raises:
        UserError: naming `source`, the field that is wrong, what was given and what is allowed.

    Example:
        >>> parse_loss({"kind": "focal"})
        Focal(kind='focal', gamma=2.0)
        >>> parse_loss({"kind": "none"}) is None
        True
    """
    if data is None:
        return None
    if not isinstance(data, Mapping) or not isinstance(data.get("kind"), str):
        raise UserError(f"{source} must be a table with a kind ({', '.join(_KINDS)} or none), got {data!r:.80}")
    if data["kind"] == "none":
        _check_fields(data, source)
        return None
    if data["kind"] not in _KINDS:
        raise UserError(f"{source}: {unknown_name('kind', data['kind'], [*_KINDS, 'none'])}")
    try:
        return _KINDS[data["kind"]].model_validate(dict(data))
    except ValidationError as error:
        raise UserError(f"{source} {data['kind']}: {validation_message(error)}") from None


def _check_fields(data: Mapping[str, Any], source: str) -> None:
    unknown = sorted(data.keys() - _FIELDS)
    if unknown:
        raise UserError(f"{source} none: unknown key {unknown[0]!r}")


def loss_in_words(loss: Loss) -> str:
    """One line for people."""
    return _WORDS[loss.kind].format(**loss.settings)
