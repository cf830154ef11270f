"""Families of a space: parameters with their choices, and the policy and loss that an assignment of them gives."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from policysearch.core.errors import UserError
from policysearch.policy.losses import Loss, parse_loss
from policysearch.policy.policy import Policy
from policysearch.policy.presets import preset
from policysearch.policy.substitution import filled, stages_of, sub_policy

Value = str | int | float
Parameters = Mapping[str, Value]

_SHOWN_IN_TITLE = 4


class Family(BaseModel):
    """One `[[family]]` of a space file; `policysearch.policy.spaces` describes the form."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1)]
    preset: str | None = None
    policy: dict[str, Any] | None = None
    loss: dict[str, Any] | None = None
    repeat: Annotated[int, Field(ge=1, le=50)] = 1
    parameters: dict[str, Annotated[list[Value], Field(min_length=1)]] = {}

    @property
    def used(self) -> set[str]:
        """Names that stand in the family as "$name"."""
        return _names_in([self.preset, self.policy, self.loss])

    def choices(self) -> dict[str, list[Value]]:
        """Choices by full parameter name, `family.parameter`, or `family.parameter_i` for each copy of sub-policies."""
        copied = _names_in((self.policy or {}).get("sub_policies")) if self.repeat > 1 else set()
        suffixes = [f"_{i}" for i in range(1, self.repeat + 1)] if copied else []
        each = {f"{n}{s}": values for s in suffixes for n, values in self.parameters.items() if n in copied}
        once = {n: values for n, values in self.parameters.items() if n not in copied}
        return {f"{self.name}.{n}": values for n, values in {**each, **once}.items()}

    def build(self, parameters: Parameters) -> Policy:
        """The policy of an assignment by full parameter names, its name the family's with those that shape it.

        Raises:
            UserError: the assignment gives no valid policy.
        """
        own = own_parameters(parameters)
        title = self._title(own)
        if self.preset is not None:
            return preset(str(filled(self.preset, own))).model_copy(update={"name": title})
        rest = {key: value for key, value in (self.policy or {}).items() if key != "sub_policies"}
        template = stages_of(filled(rest, own)) | {"sub_policies": self._sub_policies(own), "name": title}
        return Policy.from_dict(template, f"family {self.name!r}")

    def build_loss(self, parameters: Parameters) -> Loss | None:
        """The loss of an assignment; None where the family has none, or its kind is "none".

        Raises:
            UserError: the assignment gives no valid loss.
        """
        return parse_loss(filled(self.loss, own_parameters(parameters)), f"family {self.name!r}: loss")

    def _sub_policies(self, own: Parameters) -> list[Any]:
        template = (self.policy or {}).get("sub_policies")
        if not isinstance(template, list):
            raise UserError(f"family {self.name!r}: policy.sub_policies must be a list of sub-policies")
        copies = [filled(template, own if self.repeat == 1 else _of_copy(own, i)) for i in range(1, self.repeat + 1)]
        return [sub_policy(sub) for copy in copies for sub in copy]

    def _title(self, own: Parameters) -> str:
        """What the loss alone depends on is left out: an arm's name tells its loss by itself."""
        aside = _names_in(self.loss) - _names_in([self.preset, self.policy])
        shown = [f"{n}={v}" for n, v in own.items() if n not in aside]
        return f"{self.name}({', '.join(shown)})" if 0 < len(shown) <= _SHOWN_IN_TITLE else self.name


def own_parameters(parameters: Parameters) -> dict[str, Value]:
    """An assignment without `family`, its names without the family's."""
    return {name.partition(".")[2]: value for name, value in parameters.items() if "." in name}


def _of_copy(own: Parameters, i: int) -> dict[str, Value]:
    return {name.removesuffix(f"_{i}"): v for name, v in own.items() if name.endswith(f"_{i}")}


def _names_in(template: object) -> set[str]:
    return set(re.findall(r"\$(\w+)", str(template)))
