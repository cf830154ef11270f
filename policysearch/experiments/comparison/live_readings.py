"""The searches of a live comparison, read at checkpoints, and the means of their arms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from policysearch.experiments.comparison.outcomes import Arms, Ints, Runs
from policysearch.experiments.comparison.replay import checkpoints
from policysearch.policy.spaces import Arm
from policysearch.rules import Tally, counted, recommend
from policysearch.stats.arrays import Floats
from policysearch.stats.shrinkage import pooled, shrink
from policysearch.study.rows import COMPLETE, Row


@dataclass(frozen=True)
class Reading:
    """A finished search, read at P checkpoints.

    Attributes:
        picks: [P] index of the arm that the search would take then.
        seconds: [P] worker-seconds spent by then.
        pulled: [budget] index of the arm of every pull.
        failures: failed attempts.
    """

    picks: Ints
    seconds: Floats
    pulled: Ints
    failures: int


def read_search(rows: Sequence[Row], keys: tuple[str, ...], budget: int, fidelities: int) -> Reading:
    """Read a search at its checkpoints, as if its pulls had ended in the order of their numbers."""
    tally, at = Tally(fidelities), set(checkpoints(budget).tolist())
    picks, seconds, spent = [], [], 0.0
    for ended, row in enumerate(rows[:budget], 1):
        tally.start(row.pull)
        tally.finish(row.pull, row.reward, *counted(row.outcome.metrics))
        spent += row.seconds
        if ended in at:
            picks.append(recommend(tally.history(keys)) or 0)
            seconds.append(spent)
    pulled = np.array([keys.index(row.arm.key) for row in rows[:budget]])
    return Reading(np.array(picks), np.array(seconds), pulled, sum(len(row.failures) for row in rows))


def runs_of(name: str, budget: int, readings: list[Reading], arms: Arms) -> Runs:
    """The runs of one strategy with one budget, whose regret is by the means of `arms`."""
    at = checkpoints(budget)
    gaps = arms.means.max() - arms.means
    regret = np.array([np.cumsum(gaps[reading.pulled])[at - 1] for reading in readings])
    seconds = np.array([reading.seconds for reading in readings])
    unknown = np.full(len(readings), np.nan)
    failures = np.array([reading.failures for reading in readings])
    picks = np.array([reading.picks for reading in readings])
    return Runs(name, budget, at, picks, regret, seconds, np.full_like(seconds, np.nan), failures, unknown, np.nan)


def arms_of(arms: list[Arm], rows: list[Row], fresh: list[Row]) -> Arms:
    """The arms with their means over all pulls of all searches, shrunken towards each other.

    Args:
        arms: those that any search pulled.
        rows: trials whose rewards compare.
        fresh: trials of the picks on fresh replicates; their means are the truth.
    """
    rewards_by_arm = _rewards(arms, rows)
    counts = np.array([len(rewards) for rewards in rewards_by_arm], dtype=float)
    means = np.array([np.mean(rewards) if rewards else np.nan for rewards in rewards_by_arm])
    pulled = counts > 0
    spread = pooled([np.array(rewards) for rewards in rewards_by_arm if rewards]) or 0.0
    means[pulled] = shrink(means[pulled], counts[pulled], spread)[0]
    means[~pulled] = np.nanmin(means)

    fresh_by_arm = _rewards(arms, fresh)
    truth = np.array([np.mean(rewards) if rewards else np.nan for rewards in fresh_by_arm])
    errors = np.array([_standard_error(rewards) for rewards in fresh_by_arm])
    judged = bool(np.isfinite(truth).any())
    return Arms(tuple(arm.name for arm in arms), means, truth if judged else None, errors if judged else None)


def _standard_error(rewards: list[float]) -> float:
    return float(np.std(rewards, ddof=1) / np.sqrt(len(rewards))) if len(rewards) > 1 else np.nan


def _rewards(arms: list[Arm], rows: list[Row]) -> list[list[float]]:
    out: dict[str, list[float]] = {arm.key: [] for arm in arms}
    for row in rows:
        if row.state == COMPLETE and row.reward is not None:
            out[row.arm.key].append(row.reward)
    return list(out.values())
