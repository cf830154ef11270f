"""Rules that a strategy of several stages or factors uses inside."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from policysearch.core.errors import UserError, shortened, unknown_name

if TYPE_CHECKING:
    from policysearch.rules import Rule

RULE = "rule="
"""Before the rule in a strategy's text, where it comes last, since it may have parameters of its own."""
_LACKING = {"fidelities": "pulls of several sizes", "features": "arms that it can compare by their policies"}


def inner_rule(spec: str, what: str, lacking: Collection[str]) -> Rule:
    """The rule `NAME` or `NAME:parameter=value,...`.

    Args:
        spec: the text.
        what: whose rule it is, for messages.
        lacking: of a rule's `needs` those that cannot be met.

    Raises:
        UserError: the rule is unknown, has other parameters, or needs what is lacking.
    """
    from policysearch.rules import RULES  # NumPy with it, which what only reads a name does without
    from policysearch.rules.registry import parse_rule

    name = spec.partition(":")[0]
    unmet = {rule: [need for need in lacking if need in kind.needs] for rule, (_, kind) in RULES.items()}
    if name not in RULES:
        raise unknown_name(f"rule of {what}", shortened(name), [rule for rule in RULES if not unmet[rule]])
    if unmet[name]:
        raise UserError(f"{what}: rule {name} needs {_LACKING[unmet[name][0]]}, which {what} does not have")
    return parse_rule(spec, f"{what}, rule")
