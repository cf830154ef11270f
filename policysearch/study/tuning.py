"""Optuna's TPE over learning rate and weight decay, a pure function of what earlier rounds came to."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import optuna

from policysearch.core.seeds import sampler_seed

ROUND = 4
"""Settings that are chosen at once, from the rounds before: they are trained side by side."""
_FOLDS = {"rate": 5.0, "weight_decay": 20.0}
"""How far each number is searched from the recipe's own, as a factor either way."""


@dataclass(frozen=True)
class Setting:
    """One setting of the two numbers."""

    rate: float
    weight_decay: float


def setting(index: int, default: Setting, tried: Mapping[int, tuple[Setting, float]], seed: int) -> Setting:
    """The setting that is tried as number `index`.

    The first is the recipe's own. The others are TPE's (Bergstra et al. 2011, Optuna's defaults, multivariate), which
    sees the rounds of four that ended before its own, so that a tuning that was killed goes on as if it was not.

    Args:
        index: from 0.
        default: of the recipe, around which the others lie: rate within a factor of 5, decay of 20, both on a
            logarithmic scale.
        tried: settings and their accuracies on validation by index; a setting whose training failed is left out.
        seed: of the study.

    Example:
        >>> default = Setting(rate=0.1, weight_decay=5e-4)
        >>> setting(0, default, {}, seed=0) == default, setting(3, default, {}, seed=0).rate > 0
        (True, True)
    """
    if index == 0:
        return default
    begin = index - index % ROUND
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(multivariate=True, constant_liar=True, seed=sampler_seed(seed, begin))
    study = optuna.create_study(direction="maximize", sampler=sampler)
    ranges = _ranges(default)
    for number, (past, accuracy) in sorted(tried.items()):
        if number < begin:
            params = {name: getattr(past, name) for name in ranges}
            trial = optuna.trial.create_trial(params=params, distributions=dict(ranges), value=accuracy)
            study.add_trial(trial)
    trials = [study.ask(dict(ranges)) for _ in range(max(begin, 1), index + 1)]
    return Setting(**trials[-1].params)


def _ranges(default: Setting) -> dict[str, optuna.distributions.BaseDistribution]:
    # A decay of 0 has no neighbourhood on a logarithmic scale.
    middle = {"rate": default.rate, "weight_decay": default.weight_decay or 5e-4}
    return {
        name: optuna.distributions.FloatDistribution(value / _FOLDS[name], value * _FOLDS[name], log=True)
        for name, value in middle.items()
    }


def best_setting(tried: Mapping[int, tuple[Setting, float]]) -> Setting | None:
    """The setting of the highest accuracy, the first of equals; None where there is none."""
    if not tried:
        return None
    index = max(sorted(tried), key=lambda number: tried[number][1])
    return tried[index][0]


def rounds(count: int) -> Sequence[range]:
    """The indices of each round of so many settings."""
    return [range(begin, min(begin + ROUND, count)) for begin in range(0, count, ROUND)]
