"""The trials of a search by `density`: its chains, what they merge into, and what workers are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policysearch.child.fold_task import FoldTask
from policysearch.policy.spaces import Arm
from policysearch.policy.union import merged
from policysearch.study.density_settings import DensitySettings
from policysearch.study.rows import COMPLETE, RUNNING, Row


@dataclass(frozen=True)
class Chain:
    """One round of one fold: a search for policies that knows nothing of the others.

    Attributes:
        number: from 0.
        fold: from 0; it is the replicate of the chain's pulls.
        rows: its evaluations so far, in order.
    """

    number: int
    fold: int
    rows: tuple[Row, ...]


def chains(rows: Sequence[Row], settings: DensitySettings) -> list[Chain]:
    """The chains of the folds whose networks were trained; none before all trainings have ended.

    The study's first trials train the networks, one a fold. The evaluations after them go to the chains in turn.

    Args:
        rows: of the study, in order.
        settings: of the search.
    """
    trainings, evaluations = rows[: settings.folds], rows[settings.folds :]
    if len(trainings) < settings.folds or any(row.state == RUNNING for row in trainings):
        return []
    folds = [row.replicate for row in trainings if row.state == COMPLETE]
    count = len(folds) * settings.rounds
    return [Chain(i, folds[i % len(folds)], tuple(evaluations[i::count])) for i in range(count)]


def best_of(chain: Chain, count: int) -> list[Arm]:
    """The arms of a chain with the highest rewards, none twice; of equal ones the first that was evaluated."""
    rewarded = [row for row in chain.rows if row.state == COMPLETE and row.reward is not None]
    ordered = sorted(rewarded, key=lambda row: -float(row.reward or 0.0))
    return list({row.arm.key: row.arm for row in ordered}.values())[:count]


def merged_arm(rows: Sequence[Row], settings: DensitySettings) -> Arm | None:
    """The best policies of all chains as one arm (algorithm 1, line 12); None where nothing was evaluated.

    A policy that is among the best of several chains counts once for each.
    """
    arms = [arm for chain in chains(rows, settings) for arm in best_of(chain, settings.best)]
    if not arms:
        return None
    return Arm({}, merged([arm.policy for arm in arms], settings.name), arms[0].loss)


def fold_task(row: Row, settings: DensitySettings, seed: int, folder: str) -> str:
    """What a trial of the search asks of a worker, as a `FoldTask` in JSON.

    Args:
        row: of the search's study.
        settings: of the search.
        seed: the study's.
        folder: where the folds' networks are kept.
    """
    trains = row.number < settings.folds
    return FoldTask(settings.folds, row.replicate, seed, settings.draws, folder, trains).to_json()
