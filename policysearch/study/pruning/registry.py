"""Pruners from text: a name with its parameters."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import MappingProxyType

from policysearch.core.errors import UserError, unknown_name
from policysearch.core.parameters import parameters_in
from policysearch.study.config import SearchConfig
from policysearch.study.further_strategies import FURTHER
from policysearch.study.ladder import continues, ladder
from policysearch.study.populations.settings import is_population
from policysearch.study.pruning import from_optuna
from policysearch.study.pruning.paired import PairedPruner
from policysearch.study.pruning.pruner import Pruner
from policysearch.study.reward_metrics import metrics_of_task
from policysearch.study.rewards import Reward, checkpoint_reward

PAIRED = "paired"
DESCRIPTIONS: Mapping[str, str] = MappingProxyType(
    {
        PAIRED: "behind the best arm on common replicates, by a test that stops the best one in 5 % of searches",
        "median": "worse than the median of the others at this epoch",
        "percentile": "not among the best so many percent at this epoch",
        "successive-halving": "not among the best 1/reduction_factor at epochs that grow by this factor",
        "hyperband": "the same from several first epochs",
        "threshold": "below or above a bound",
        "patient": "no better for so many checkpoints",
    }
)
"""Name -> which children are stopped."""


def pruner_of(config: SearchConfig) -> Pruner | None:
    """The pruner `NAME` or `NAME:parameter=value,...` of a search; None where nothing is pruned.

    Raises:
        UserError: unknown name or parameter, a value out of range, a reward that is not known at checkpoints, children
            that do not compare, or no checkpoint to stop at.
    """
    if config.prune is None:
        return None
    name, values = _parsed(config.prune)
    kind = config.strategy.partition(":")[0]
    if is_population(config.strategy) or kind in FURTHER:
        raise UserError(
            f"--prune stops pulls of rules and of Optuna's samplers; strategy {kind} needs the reward of every child: "
            "leave --prune out"
        )
    ends = frozenset(epochs for _, epochs in ladder(config)) if config.recipe.schedule == "trunk" else frozenset()
    pruner = _built(checkpoint_reward(config.reward, metrics_of_task(config.task)), name, values, ends)
    if config.recipe.checkpoints < 2:
        raise UserError("--prune stops children at their checkpoints, and --checkpoints 1 is the end: give 2 or more")
    if name != PAIRED and len(ladder(config)) > 1 and not continues(config):
        raise UserError(
            f"--prune {name} compares children at the same epoch, and those of {config.strategy} are trained on "
            "different numbers of images: add --schedule trunk, or take --prune paired"
        )
    return pruner


def must_name_a_pruner(text: str) -> None:
    """Check a pruner's name and parameters, whatever the search.

    Raises:
        UserError: unknown name or parameter, or a value out of range.
    """
    _built(checkpoint_reward("accuracy"), *_parsed(text))


def _built(
    reward: Reward, name: str, values: dict[str, float | str], read_outs: frozenset[int] = frozenset()
) -> Pruner:
    if name != PAIRED:
        return from_optuna.OptunaPruner(name, from_optuna.build(name, values), reward, read_outs)
    for key, value in values.items():
        if isinstance(value, str):
            raise UserError(f"--prune {PAIRED}: {key} must be a number, got {value!r}")
    return PairedPruner(reward, **{key: float(value) for key, value in values.items()})


def _parsed(text: str) -> tuple[str, dict[str, float | str]]:
    """The name and the parameters, numbers where they are numbers."""
    written, _, rest = text.partition(":")
    name = _plain_name(written)
    allowed = list(_parameters(name))
    values = parameters_in(rest, allowed, f"--prune {name}")
    return name, {key: _number(value) for key, value in values.items()}


def _plain_name(written: str) -> str:
    """The name as listed, from one such as MedianPruner."""
    by_letters = {name.replace("-", ""): name for name in DESCRIPTIONS}
    letters = written.strip().lower().replace("-", "").replace("_", "").removesuffix("pruner")
    if letters == "wilcoxon":
        raise UserError("--prune wilcoxon takes steps for separate instances, and epochs are none: take --prune paired")
    if letters not in by_letters:
        raise unknown_name("pruner", written, DESCRIPTIONS)
    return by_letters[letters]


def _parameters(name: str) -> list[str]:
    if name == PAIRED:
        return [key for key in inspect.signature(PairedPruner).parameters if key != "reward"]
    return list(from_optuna.parameters_of(name))


def _number(value: str) -> float | str:
    try:
        return float(value)
    except ValueError:
        return value
