"""Which parameters of a space mattered: family over all arms, and each family's own parameters within it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from policysearch.experiments.search.summary import ArmSummary
from policysearch.policy.families import own_parameters
from policysearch.study.quiet_optuna import quiet_optuna

FEWEST = 10
"""Arms with a reward that importances take: PED-ANOVA compares the best with all, and advises five best or more."""
_BEST, _SHARE = 5, 0.1


@dataclass(frozen=True)
class ValueMean:
    """What arms with one value of a parameter came to: the mean of their shrunken means."""

    parameter: str
    value: str
    arms: int
    pulls: int
    mean: float


@dataclass(frozen=True)
class Importance:
    """Shares of one group of parameters.

    Attributes:
        of: "family", or the name of a family.
        arms: how many of the group have a reward.
        shares: parameter -> its share, which add up to 1; empty where there are none.
        reason: why there are none, as a sentence.
        values: the means by value.
    """

    of: str
    arms: int
    shares: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    values: Sequence[ValueMean] = ()


def importances(summaries: Sequence[ArmSummary]) -> list[Importance]:
    """Of `family` over all arms, unless all are of one, then of the parameters of each family that has some.

    PED-ANOVA (Watanabe et al. 2023) of the arms' shrunken means, each arm once however often a strategy pulled it: how
    far the best tenth (at least five arms) is from all arms in a parameter's values. It says that a parameter tells
    good arms from others, not by how much, and sees no interaction. Numbers are taken as numbers (`distribution_of`).
    """
    judged = [s for s in summaries if s.pulls and not math.isnan(s.shrunken) and "family" in s.arm.parameters]
    families: dict[str, list[ArmSummary]] = {}
    for summary in judged:
        families.setdefault(str(summary.arm.parameters["family"]), []).append(summary)

    groups = []
    if len(families) != 1:
        groups.append(_group("family", judged, [{"family": s.arm.parameters["family"]} for s in judged]))
    for name, members in families.items():
        parameters = [own_parameters(s.arm.parameters) for s in members]
        if any(parameters):
            groups.append(_group(name, members, parameters))
    return groups


def _group(of: str, summaries: Sequence[ArmSummary], rows: Sequence[Mapping[str, Any]]) -> Importance:
    names = list(dict.fromkeys(name for row in rows for name in row))
    varied = [name for name in names if len({row[name] for row in rows if name in row}) > 1]
    values = tuple(_values(varied, summaries, rows))
    reason = _why_not(of, summaries, varied)
    if reason:
        return Importance(of, len(rows), reason=reason, values=values)
    return Importance(of, len(rows), _shares(varied, summaries, rows), values=values)


def _why_not(of: str, summaries: Sequence[ArmSummary], varied: Sequence[str]) -> str:
    place = "All arms together" if of == "family" else f"Arms of {of}"
    if len(summaries) < FEWEST:
        return f"{place}: {len(summaries)} with a reward, and importances take {FEWEST}."
    if not varied:
        return f"{place}: all have the same values."
    means = [summary.shrunken for summary in summaries]
    if max(means) - min(means) < 1e-9:
        return f"{place}: their means differ by no more than chance would, so importances would be those of noise."
    return ""


def _shares(
    names: Sequence[str], summaries: Sequence[ArmSummary], rows: Sequence[Mapping[str, Any]]
) -> Mapping[str, float]:
    with quiet_optuna():
        study = optuna.create_study(direction="maximize")
    choices = {name: distribution_of([row[name] for row in rows]) for name in names}
    for summary, row in zip(summaries, rows, strict=True):
        parameters = {name: row[name] for name in names}
        study.add_trial(optuna.trial.create_trial(params=parameters, distributions=choices, value=summary.shrunken))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return get_param_importances(study, evaluator=_evaluator(len(rows)))


def distribution_of(values: Sequence[Any]) -> BaseDistribution:
    """What values of a parameter are drawn from: a range where all are numbers, else a choice without an order.

    As choices, numbers would lose their order and nearness, and those of more values look more important.

    Example:
        >>> distribution_of([3, 12, 6])
        IntDistribution(high=12, log=False, low=3, step=1)
        >>> distribution_of(["off", "target", "off"])
        CategoricalDistribution(choices=('off', 'target'))
    """
    kinds = {type(value) for value in values}
    if kinds == {int}:
        return IntDistribution(min(values), max(values))
    if kinds <= {int, float}:
        return FloatDistribution(min(values), max(values))
    return CategoricalDistribution(sorted(set(values), key=str))


def _evaluator(arms: int) -> PedAnovaImportanceEvaluator:
    best = max(_SHARE, _BEST / arms)
    try:
        return PedAnovaImportanceEvaluator(target_quantile=best)
    except TypeError:  # before Optuna 4.6
        return PedAnovaImportanceEvaluator(baseline_quantile=best)  # type: ignore[call-arg]


def _values(
    names: Sequence[str], summaries: Sequence[ArmSummary], rows: Sequence[Mapping[str, Any]]
) -> Iterator[ValueMean]:
    for name in names:
        by_value: dict[Any, list[ArmSummary]] = {}
        for summary, row in zip(summaries, rows, strict=True):
            if name in row:
                by_value.setdefault(row[name], []).append(summary)

        means = [
            ValueMean(
                parameter=name,
                value=str(value),
                arms=len(arms),
                pulls=sum(s.pulls for s in arms),
                mean=float(np.mean([s.shrunken for s in arms])),
            )
            for value, arms in by_value.items()
        ]
        yield from sorted(means, key=lambda value: -value.mean)
