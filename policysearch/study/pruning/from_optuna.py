"""Optuna's pruners, asked with the learning curve of a child as its intermediate values."""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import optuna
from optuna.pruners import BasePruner

from policysearch.core.errors import UserError
from policysearch.core.trial import Curve, Trial
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.rewards import Reward


def _patient(**parameters: Any) -> BasePruner:
    return optuna.pruners.PatientPruner(None, **parameters)


PRUNERS: Mapping[str, Callable[..., BasePruner]] = MappingProxyType(
    {
        "median": optuna.pruners.MedianPruner,
        "percentile": optuna.pruners.PercentilePruner,
        "successive-halving": optuna.pruners.SuccessiveHalvingPruner,
        "hyperband": optuna.pruners.HyperbandPruner,
        "threshold": optuna.pruners.ThresholdPruner,
        "patient": _patient,
    }
)
"""Those that compare a curve with others or with a bound. Wilcoxon's takes steps for separate instances, which the
points of one curve are not: `paired` is its like here."""
_SIGNATURES: Mapping[str, Callable[..., object]] = MappingProxyType({"patient": optuna.pruners.PatientPruner})


@dataclass(frozen=True)
class OptunaPruner:
    """One of Optuna's pruners.

    Attributes:
        name: of the pruner.
        pruner: Optuna's.
        reward: of a point of the learning curve.
        read_outs: epochs at which cheaper children end with a read-out. Their values lie above those of a trunk that
            goes on, so that nobody is stopped there.
    """

    name: str
    pruner: BasePruner
    reward: Reward
    read_outs: frozenset[int] = frozenset()

    def reason(self, store: OptunaTrialStore, trial: Trial, curve: Curve) -> str:
        """Why a child is to stop, in words; empty if it goes on.

        The pruner sees the curve of this attempt alone: what a killed attempt reported after this epoch is no part of
        it.
        """
        if int(curve[-1]["epoch"]) in self.read_outs:
            return ""
        seen = copy.copy(store.optuna_trial(trial.number))
        seen.intermediate_values = {int(point["epoch"]): self.reward(point) for point in curve}
        if not self.pruner.prune(store.study, seen):
            return ""
        return f"at epoch {curve[-1]['epoch']:.0f} of {trial.epochs} by Optuna's pruner {self.name}"


def parameters_of(name: str) -> dict[str, inspect.Parameter]:
    """The parameters of a pruner that are numbers or words."""
    signature = inspect.signature(_SIGNATURES.get(name, PRUNERS[name]))
    return {key: parameter for key, parameter in signature.parameters.items() if key != "wrapped_pruner"}


def build(name: str, values: Mapping[str, float | str]) -> BasePruner:
    """The pruner of this name.

    Raises:
        UserError: a value that it does not take.
    """
    allowed = parameters_of(name)
    settings = {key: _as_declared(value, str(allowed[key].annotation), name, key) for key, value in values.items()}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return PRUNERS[name](**settings)
    except (TypeError, ValueError) as error:
        raise UserError(f"--prune {name}: {' '.join(str(error).split())}") from None


def _as_declared(value: float | str, kind: str, name: str, key: str) -> float | str:
    """A value as the type with which Optuna declares its parameter; Optuna itself checks some of them only."""
    if isinstance(value, str):
        if "str" in kind:
            return value
    elif "float" in kind:
        return value
    elif value.is_integer():
        return int(value)
    number = "number" if "float" in kind else "whole number"
    shown = value if isinstance(value, str) else f"{value:g}"
    raise UserError(f"--prune {name}: {key} must be a {number}, got {shown!r}")
