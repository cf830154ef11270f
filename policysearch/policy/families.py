"""Families of a space: parameters with their choices, and the policy and loss that an assignment of them gives."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from policysearch.core.errors import UserError
from policysearch.policy.losses import Loss, parse_loss
from policysearch.policy.parts import Mentions, mentions, parameters_at_work, with_parts
from policysearch.policy.policy import Policy
from policysearch.policy.presets import preset
from policysearch.policy.substitution import filled, parts_of, sub_policy

Value = str | int | float
Parameters = Mapping[str, Value]

_SHOWN_IN_TITLE = 4


class Family(BaseModel):
    """One `[[family]]` of a space file; `policysearch.policy.space_files` describes the form."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1)]
    preset: str | None = None
    policy: dict[str, Any] | None = None
    loss: dict[str, Any] | None = None
    repeat: Annotated[int, Field(ge=1, le=50)] = 1
    parameters: dict[str, Annotated[list[Value], Field(min_length=1)]] = {}
    parts: dict[str, list[Any] | dict[str, Any]] = {}
    points: dict[str, dict[str, Value]] = {}

    @property
    def used(self) -> set[str]:
        """Names that the family uses as "$name"."""
        return parameter_names([self.preset, self.policy, self.loss, self.parts])

    def at_work(self, parameters: Parameters) -> frozenset[str]:
        """The parameters, by full name, on which an assignment's policy and loss really depend.

        Those of parts that are not chosen have no say: where no operation is drawn, its range changes nothing.
        """
        template, parts = self._mentions
        names = parameters_at_work(template, parts, own_parameters(parameters))
        return frozenset(f"{self.name}.{name}" for name in names)

    @cached_property
    def _mentions(self) -> tuple[Mentions, dict[str, Mentions]]:
        """What the template and each of its parts name."""
        template = mentions([self.preset, self.policy, self.loss])
        return template, {name: mentions(part) for name, part in self.parts.items()}

    def choices(self) -> dict[str, list[Value]]:
        """Choices by full parameter name, `family.parameter`, or `family.parameter_i` for each copy of sub-policies."""
        copied = parameter_names((self.policy or {}).get("sub_policies")) if self.repeat > 1 else set()
        choices: dict[str, list[Value]] = {}
        for i in range(1, self.repeat + 1):
            choices |= {f"{name}_{i}": values for name, values in self.parameters.items() if name in copied}
        choices |= {name: values for name, values in self.parameters.items() if name not in copied}
        return {f"{self.name}.{name}": values for name, values in choices.items()}

    def point_assignments(self) -> dict[str, Parameters]:
        """The full assignment of every point, by name; what a point leaves out has its first choice."""
        first: dict[str, Value] = {name: values[0] for name, values in self.choices().items()}
        return {
            point: {"family": self.name, **first, **{f"{self.name}.{name}": value for name, value in values.items()}}
            for point, values in self.points.items()
        }

    def specimens(self) -> Iterator[tuple[str, Policy]]:
        """The policy of all first choices, under no name, then that with each other choice of each parameter."""
        choices = self.choices()
        first: dict[str, Value] = {name: values[0] for name, values in choices.items()}
        yield "", self.build(first)
        for name, values in choices.items():
            for value in values[1:]:
                yield name, self.build({**first, name: value})

    def build(self, parameters: Parameters) -> Policy:
        """The policy of an assignment by full parameter names; it is named after the family and its parameters.

        Raises:
            UserError: the assignment gives no valid policy.
        """
        values = own_parameters(parameters)
        title = self._title(parameters)
        if self.preset is not None:
            return preset(str(filled(self.preset, values))).model_copy(update={"name": title})
        rest = {key: value for key, value in (self.policy or {}).items() if key != "sub_policies"}
        template = parts_of(filled(self._with_parts(rest, values), values)) | {
            "sub_policies": self._sub_policies(values),
            "name": title,
        }
        return Policy.from_dict(template, f"family {self.name!r}")

    def build_loss(self, parameters: Parameters) -> Loss | None:
        """The loss of an assignment; None where the family has none, or its kind is "none".

        Raises:
            UserError: the assignment gives no valid loss.
        """
        values = own_parameters(parameters)
        template = filled(self._with_parts(self.loss, values), values)
        return parse_loss(template or None, f"family {self.name!r}: loss")

    def _with_parts(self, template: Any, values: Parameters) -> Any:
        # Most families mention none, and a search builds thousands of policies.
        return with_parts(template, self.parts, values) if self._mentions[0].parts else template

    def _sub_policies(self, values: Parameters) -> list[Any]:
        template = (self.policy or {}).get("sub_policies")
        if not isinstance(template, list):
            raise UserError(f"family {self.name!r}: policy.sub_policies must be a list of sub-policies")
        copies = [values] if self.repeat == 1 else [_of_copy(values, i) for i in range(1, self.repeat + 1)]
        return [sub_policy(sub) for copy in copies for sub in filled(self._with_parts(template, copy), copy)]

    def _title(self, parameters: Parameters) -> str:
        """The family with its parameters, but for those of the loss alone: an arm's name shows its loss anyway.

        With parts, those that are at work and differ from the first choice.
        """
        values = own_parameters(parameters)
        of_loss = parameter_names(self.loss) - parameter_names([self.preset, self.policy])
        if self.parts:
            at_work = own_parameters(dict.fromkeys(self.at_work(parameters), 0))
            first = {name.partition(".")[2]: choices[0] for name, choices in self.choices().items()}
            shown = [f"{n}={v}" for n, v in values.items() if n in at_work and v != first[n] and n not in of_loss]
            return f"{self.name}({', '.join(shown)})" if shown else self.name
        shown = [f"{name}={value}" for name, value in values.items() if name not in of_loss]
        return f"{self.name}({', '.join(shown)})" if 0 < len(shown) <= _SHOWN_IN_TITLE else self.name


def own_parameters(parameters: Parameters) -> dict[str, Value]:
    """The parameters of an assignment without `family`, named without the family's prefix."""
    return {name.partition(".")[2]: value for name, value in parameters.items() if "." in name}


def _of_copy(values: Parameters, i: int) -> dict[str, Value]:
    return {name.removesuffix(f"_{i}"): value for name, value in values.items() if name.endswith(f"_{i}")}


def parameter_names(template: object) -> set[str]:
    """Names that stand as "$name" in a template, or in any part of one."""
    return set(re.findall(r"\$(\w+)", str(template)))
