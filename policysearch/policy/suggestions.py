"""Parameters of a space as suggestions of an Optuna trial."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any, Protocol

from policysearch.policy.families import Value


class Suggester(Protocol):
    """The part of `optuna.Trial` that a space needs."""

    def suggest_categorical(self, name: str, choices: Any) -> Any: ...
    def suggest_float(self, name: str, low: float, high: float, *, step: float | None = None) -> float: ...
    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int: ...


def stepped(values: list[Value]) -> tuple[float, float, float] | None:
    """(low, high, step) if the choices are evenly spaced numbers, else None."""
    if len(values) < 2 or any(isinstance(v, str) for v in values):
        return None
    exact = [Decimal(str(v)) for v in values]
    gaps = {b - a for a, b in itertools.pairwise(exact)}
    if len(gaps) > 1 or min(gaps) <= 0:
        return None
    return float(exact[0]), float(exact[-1]), float(gaps.pop())


def suggested(trial: Suggester, name: str, values: list[Value]) -> Value:
    """The value that a trial takes for a parameter; evenly spaced numbers are suggested as stepped ones."""
    grid = stepped(values)
    if grid is None:
        chosen: Value = trial.suggest_categorical(name, values)
        return chosen
    low, high, step = grid
    if all(isinstance(v, int) for v in values):
        return trial.suggest_int(name, int(low), int(high), step=int(step))
    number = trial.suggest_float(name, low, high, step=step)
    return values[round((number - low) / step)]
