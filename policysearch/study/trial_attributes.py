"""How a pull is kept in the attributes of its Optuna trial, and policies and losses in those of the study."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from policysearch.core.trial import Outcome
from policysearch.policy.losses import Loss
from policysearch.policy.policy import Policy
from policysearch.policy.spaces import Arm
from policysearch.study.rows import Row

_ORIGIN = ("parent", "begin", "checkpoint")


def pull_text(row: Row) -> str:
    """The attribute `pull`: what says nothing is left out, such as the fidelity of the cheapest pull."""
    pull: dict[str, Any] = {"arm": row.arm.key, "replicate": row.replicate}
    if row.fidelity:
        pull["fidelity"] = row.fidelity
    if not math.isnan(row.probability):
        pull["probability"] = row.probability
    if row.parent is not None:
        pull |= {name: getattr(row, name) for name in _ORIGIN}
    return json.dumps(pull)


def row_of(trial: FrozenTrial, policies: Mapping[str, Policy], losses: Mapping[str, Loss | None]) -> Row:
    """The row of a trial that has the attribute `pull`, as if it were running.

    Args:
        trial: as Optuna has it.
        policies, losses: by the arm's key.
    """
    pull = json.loads(trial.user_attrs["pull"])
    return Row(
        trial.number,
        Arm(trial.params, policies[pull["arm"]], losses.get(pull["arm"])),
        pull["replicate"],
        pull.get("fidelity", 0),
        pull.get("probability", math.nan),
        failures=tuple(Outcome(**failure) for failure in trial.user_attrs.get("failures", ())),
        **{name: pull[name] for name in _ORIGIN if name in pull},
    )


def by_arm(study: optuna.Study, prefix: str) -> dict[str, Any]:
    """What the study's attributes with a prefix hold, from JSON, by the arm's key."""
    return {
        name.removeprefix(prefix): json.loads(text)
        for name, text in study.user_attrs.items()
        if name.startswith(prefix)
    }
