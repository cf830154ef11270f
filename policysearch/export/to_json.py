"""The policy as it is."""

from __future__ import annotations

from typing import Any

from policysearch.export.lossy import Source
from policysearch.policy.policy import Policy


def expressible(policy: Policy) -> tuple[Policy, list[str]]:
    """All of it."""
    return policy, []


def write(policy: Policy, name: str, source: Source | None = None) -> str:
    """What `Policy.load` reads."""
    return policy.to_json() + "\n"


def live(policy: Policy) -> dict[str, Any]:
    """As parsed JSON."""
    return policy.model_dump(mode="json", by_alias=True)
