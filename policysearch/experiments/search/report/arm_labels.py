"""What an arm is called in tables and over marks."""

from __future__ import annotations

from policysearch.policy.families import own_parameters
from policysearch.policy.spaces import Arm


def label_of(arm: Arm) -> str:
    """Its name; with its parameters where a family has so many that the name leaves them out."""
    parameters = own_parameters(arm.parameters)
    if not parameters or arm.policy.name != arm.parameters.get("family"):
        return arm.name
    values = ", ".join(f"{name}={value}" for name, value in parameters.items())
    return arm.name.replace(arm.policy.name, f"{arm.policy.name}({values})", 1)
