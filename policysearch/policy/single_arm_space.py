"""A policy as a space of one arm, added to the fixed policies that every space has."""

from __future__ import annotations

import re
from typing import Any

import tomli_w

from policysearch.policy.policy import Policy


def as_space(policy: Policy, name: str) -> str:
    """The TOML of a space file whose one family, without parameters, is the policy.

    Args:
        policy: its name and where it came from are left out.
        name: of the family; anything but letters, digits, hyphens and underscores becomes a hyphen.
    """
    content = policy.model_dump(mode="json", by_alias=True, exclude={"name", "about", "schema_version"})
    family = {"name": f"{re.sub('[^A-Za-z0-9_-]+', '-', name)}-imported", "policy": _without_none(content)}
    return tomli_w.dumps({"schema": 1, "description": "one policy, as an arm", "family": [family]})


def _without_none(value: Any) -> Any:
    """The same without what TOML has no word for."""
    if isinstance(value, dict):
        return {key: _without_none(part) for key, part in value.items() if part is not None}
    return [_without_none(part) for part in value] if isinstance(value, list) else value
