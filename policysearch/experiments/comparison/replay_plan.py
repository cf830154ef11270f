"""What a comparison by replay will do: checks before it begins, and how many searches."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from policysearch.core.errors import UserError
from policysearch.experiments.comparison.settings import CompareSettings
from policysearch.experiments.tabular.table import Table
from policysearch.study.rule_strategy import RuleStrategy
from policysearch.study.strategies import make_strategy, must_suit_reward


def must_replay_all(table: Table, names: Sequence[str]) -> None:
    """Check that each of these strategies suggests only arms that the table holds.

    Raises:
        UserError: the table is a part of its space, and one of them is an Optuna sampler.
    """
    if table.whole:
        return
    others_too = [
        name
        for name in dict.fromkeys(names)
        if not isinstance(make_strategy(name, table.space, 0, len(table.arms), table.arms), RuleStrategy)
    ]
    if others_too:
        raise UserError(
            f"{table.source} holds {len(table.arms)} arms, a part of its space (record --arms), and "
            f"{', '.join(others_too)} would suggest others too: compare rules on it, or record a whole space"
        )


def forecast(plans: Sequence[tuple[str, int, int]], further: Sequence[tuple[str, int, int]]) -> str:
    """How many searches will be replayed, and what for."""
    compared, varied = (sum(count for *_, count in some) for some in (plans, further))
    budgets = len({budget for _, budget, _ in plans})
    what = f"{compared:,} searches replayed, of {len(plans) // budgets} strategies with {budgets} budgets"
    return f"{what}, and {varied:,} that vary a parameter of a strategy" if varied else what


def count_runs(settings: CompareSettings, name: str, table: Table) -> int:
    """How many searches of a strategy are replayed with each budget: fewer of Optuna's samplers, which are slow.

    Raises:
        UserError: unknown strategy, a parameter out of range, or one that does not suit the reward.
    """
    strategy = make_strategy(name, table.space, 0, min(settings.budgets), table.arms)
    must_suit_reward(strategy, name, settings.reward)
    return settings.runs if isinstance(strategy, RuleStrategy) else min(settings.runs, settings.sampler_runs)


def warn_of_small_budgets(settings: CompareSettings, table: Table) -> None:
    """Warn of budgets that leave arms or workers out."""
    for budget in settings.budgets:
        if budget < len(table.arms):
            message = f"{budget} pulls are fewer than the {len(table.arms)} arms: some are never tried"
            warnings.warn(message, UserWarning, stacklevel=4)
        if budget < settings.simulated:
            message = (
                f"{settings.simulated} workers, and a budget of {budget} pulls: all are chosen before any has ended"
            )
            warnings.warn(message, UserWarning, stacklevel=4)
