"""Policies as a space of one arm each, added to the fixed policies that every space has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import tomli_w

from policysearch.policy.policy import Policy


def as_space(policies: Mapping[str, Policy]) -> str:
    """The TOML of a space file with a family, without parameters, for each policy.

    Args:
        policies: by the name of the family; anything but letters, digits, hyphens and underscores becomes a hyphen. The
            policies' own names and where they came from are left out.
    """
    families = [_family(policy, name) for name, policy in policies.items()]
    count = "one policy, as an arm" if len(families) == 1 else f"{len(families)} policies, as arms"
    return tomli_w.dumps({"schema": 1, "description": count, "family": families})


def _family(policy: Policy, name: str) -> dict[str, Any]:
    content = policy.model_dump(mode="json", by_alias=True, exclude={"name", "about", "schema_version"})
    return {"name": f"{re.sub('[^A-Za-z0-9_-]+', '-', name)}-imported", "policy": _without_none(content)}


def _without_none(value: Any) -> Any:
    """The same without what TOML has no word for."""
    if isinstance(value, dict):
        return {key: _without_none(part) for key, part in value.items() if part is not None}
    return [_without_none(part) for part in value] if isinstance(value, list) else value
