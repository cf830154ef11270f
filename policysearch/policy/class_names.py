"""What a policy calls the classes it tells apart: their names before the data are known, their indices after."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from policysearch.policy.class_parts import by_label
from policysearch.policy.classes import differs_by_class, softenings, with_softenings
from policysearch.policy.policy import Policy
from policysearch.policy.softening import Softening

_Rename = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def class_keys(policy: Policy) -> list[str]:
    """What a policy calls classes, in its stages and in matrices of confusion too: names or indices, each once."""
    keys: dict[str, None] = {}

    def note(parts: Mapping[str, Any]) -> Mapping[str, Any]:
        keys.update(dict.fromkeys(parts))
        return parts

    _renamed(policy, note)
    return list(keys)


def for_classes(policy: Policy, names: Sequence[str]) -> Policy:
    """The policy with the indices of its classes in place of their names; see `Policy.for_classes`."""
    return _renamed(policy, lambda parts: {str(index): part for index, part in by_label(parts, names).items()})


def named_for(policy: Policy, names: Sequence[str]) -> Policy:
    """The policy with the names of its classes in place of their indices.

    Args:
        policy: its classes by name or index.
        names: of the data's classes, in the order of their labels.

    Raises:
        UserError: the data lack a class, or two keys are the same class.
    """
    return _renamed(policy, lambda parts: {names[index]: part for index, part in by_label(parts, names).items()})


def _renamed(policy: Policy, rename: _Rename) -> Policy:
    """The policy with the keys of classes changed, wherever they are."""
    if not differs_by_class(policy) and not any(curve.confusion for curve in softenings(policy)):
        return policy

    def renamed(softening: Softening) -> Softening:
        if not softening.confusion:
            return softening
        rows = {key: rename(row) for key, row in rename(softening.confusion).items()}
        return softening.model_copy(update={"confusion": rows})

    stages = tuple(
        stage.model_copy(update={"classes": None if stage.classes is None else rename(stage.classes)})
        for stage in policy.stages
    )
    policy = policy.model_copy(update={"classes": rename(policy.classes), "stages": stages})
    return with_softenings(policy, renamed)
