"""What else the money of a search buys under the best fixed policy: an ensemble, or tuned numbers of the recipe."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from policysearch.child.recipe import Recipe
from policysearch.child.variant import Variant
from policysearch.core.errors import UserError
from policysearch.experiments.evaluation.metrics import ACCURACY, METRICS, Measured
from policysearch.experiments.evaluation.settings import AUTO, EvaluateSettings
from policysearch.reports.numbers import PERCENT, probability
from policysearch.stats.paired import PairedTest, student_pair, with_holm
from policysearch.study.config import SearchConfig
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.rows import COMPLETE, Row
from policysearch.study.run_folder import RunFolder
from policysearch.study.tuning import Setting, best_setting, setting

FIRST_OF_TUNING = 4_000_000
"""Replicates of the tuning are counted from here: none is judged on the test part."""
PHASES: Mapping[str, str] = {"ensemble": "-ensemble", "tuning": "-tuning", "tuned": "-tuned"}
"""The studies of the opponents, open only where they are wanted."""


@dataclass(frozen=True)
class EqualCost:
    """The opponents of equal cost.

    Attributes:
        trainings: how many trainings of the evaluation's size the search cost.
        members: networks of the ensemble, of which there are as many as `trainings` and one more at most.
        best: the fixed policy that they are trained under.
        rate, weight_decay: what the tuning chose; nan where none of its trainings ended well.
    """

    trainings: int
    members: int
    best: str
    rate: float
    weight_decay: float

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> EqualCost:
        """What `evaluation.json` holds of it, where a number that is not known is null."""
        numbers: dict[str, Any] = {name: math.nan if value is None else value for name, value in fields.items()}
        return cls(**numbers)

    @property
    def ensemble(self) -> str:
        """The ensemble's name among the policies."""
        return f"ensemble of {self.members}: {self.best}"

    @property
    def tuned(self) -> str:
        """The name of the best fixed policy under the tuned recipe."""
        return f"tuned: {self.best}"

    @property
    def names(self) -> tuple[str, str]:
        """Both names."""
        return (self.ensemble, self.tuned)


def trainings_of(settings: EvaluateSettings, search: Path | None, config: SearchConfig) -> int:
    """How many trainings of the evaluation's size the search cost, by images trained on; 0 without such opponents.

    Raises:
        UserError: it is to be counted and there is no search, or the number is none.
    """
    trainings = settings.trainings
    if trainings is not None:
        return trainings
    if search is None:
        raise UserError(f"--equal-cost {AUTO} counts the trainings of a search: give its folder, or a number")
    trained = _images_trained_on(RunFolder(search).trials)
    return max(1, round(trained / (int(config.images) * config.epochs)))


def _epochs_of(row: Mapping[str, str], ends: Mapping[tuple[str, str], float]) -> float:
    """The epochs that a trial trained, its read-out included.

    Its last attempt may have gone on from the checkpoint of one that was killed, whose epochs count too.

    Args:
        row: of trials.csv.
        ends: epochs at which trials end, by phase and number.
    """
    parent = row.get("parent") or ""
    begin = ends[row["phase"], parent] if parent else 0.0
    if not row.get("trained_epochs"):  # it failed
        return float(row["epochs"]) - begin
    before = float(row.get("continued_from") or 0.0) - begin
    return float(row["trained_epochs"]) + max(0.0, before) + float(row.get("read_out_epochs") or 0.0)


def _images_trained_on(trials: Path) -> int:
    """Images × epochs of all trials of a search, by its trials.csv."""
    try:
        with trials.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        ends = {(row.get("phase", ""), row.get("number", "")): float(row["epochs"]) for row in rows}
        return round(sum(int(row["images"]) * _epochs_of(row, ends) for row in rows))
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"cannot count what the search cost in {trials}: {error}") from None


class Opponents:
    """What the trials of the opponents ask of workers; all of it follows from the record.

    Args:
        stores: the studies by phase, once they are open.
        recipe: of the evaluation.
        seed: of the evaluation.
        members: networks of the ensemble.
    """

    def __init__(self, stores: Mapping[str, OptunaTrialStore], recipe: Recipe, seed: int, members: int) -> None:
        self._stores = stores
        self._default = Setting(recipe.rate, recipe.weight_decay)
        self._seed, self._members = seed, members
        self._settings: dict[tuple[str, int], Setting] = {}

    @property
    def tasks(self) -> dict[str, Callable[[Row], str]]:
        """The task of a row by phase."""
        return {
            "ensemble": lambda row: Variant(members=self._members).to_json(),
            "tuning": lambda row: _variant(self._tried_as(row)).to_json(),
            "tuned": lambda row: _variant(self.chosen(row.arm.key) or self._default).to_json(),
        }

    def chosen(self, arm: str) -> Setting | None:
        """The best setting that was tried under an arm; None where no training ended well."""
        return best_setting(self._tried(arm))

    def _tried(self, arm: str) -> dict[int, tuple[Setting, float]]:
        rows = [row for row in self._stores["tuning"].rows if row.arm.key == arm and row.state == COMPLETE]
        return {
            row.replicate - FIRST_OF_TUNING: (_setting_of(row), float(row.outcome.metrics["accuracy"])) for row in rows
        }

    def _tried_as(self, row: Row) -> Setting:
        place = (row.arm.key, row.replicate - FIRST_OF_TUNING)
        if place not in self._settings:
            self._settings[place] = setting(place[1], self._default, self._tried(row.arm.key), self._seed)
        return self._settings[place]


def _setting_of(row: Row) -> Setting:
    return Setting(float(row.outcome.metrics["rate"]), float(row.outcome.metrics["weight_decay"]))


def _variant(chosen: Setting) -> Variant:
    return Variant(rate=chosen.rate, weight_decay=chosen.weight_decay)


def with_opponents(measured: Measured, rows: Mapping[str, Sequence[Row]], first: int) -> Measured:
    """The metrics with those of the opponents behind them, which do not count as fixed policies.

    Args:
        measured: of the policies.
        rows: trials by the opponent's name.
        first: the first replicate.
    """
    values = {}
    for name in measured.values:
        more = np.full((len(rows), measured.replicates), np.nan)
        for place, trials in enumerate(rows.values()):
            for row in trials:
                if row.state == COMPLETE and 0 <= row.replicate - first < measured.replicates:
                    more[place, row.replicate - first] = METRICS[name].read(row)
        values[name] = np.vstack([measured.values[name], more])
    return replace(measured, names=(*measured.names, *rows), values=values)


def equal_cost_in_words(measured: Measured, equal: EqualCost) -> str:
    """Which of the three wins: the policy, or one of the others that its search would have paid for.

    A difference counts where the two-sided paired t test has p ≤ 5 % after Holm over the two comparisons.
    """
    policy = measured.of(measured.searched, ACCURACY)
    images = measured.images_of(ACCURACY)
    pairs = [student_pair(name, measured.searched, measured.of(name, ACCURACY), policy, images) for name in equal.names]
    pairs = [pair for pair in with_holm(pairs) if pair.n > 1]
    if not pairs:
        return "what else the money buys has too few trained replicates to compare"
    cost = f"{equal.trainings} training{'s' * (equal.trainings > 1)}"
    return f"for the price of {cost}, {' and '.join(map(_against, pairs))}: {_winner(pairs)}"


def _against(pair: PairedTest) -> str:
    verb = "cannot be told apart from it"
    if pair.clear:
        verb = "is better" if pair.difference.mean > 0 else "is worse"
    return f"{pair.name} {verb} ({PERCENT.change(pair.difference)}, n = {pair.n}, p {probability(pair.holm)})"


def _winner(pairs: Sequence[PairedTest]) -> str:
    ahead = [pair for pair in pairs if pair.clear and pair.difference.mean > 0]
    if ahead:
        best = max(ahead, key=lambda pair: pair.difference.mean)
        return f"{best.name} wins, and the search was not worth its cost"
    if all(pair.clear for pair in pairs):
        return "the search wins"
    return "the search has not won, since these are as good as far as can be seen"


def equal_cost(trainings: int, members: int, best: str, chosen: Setting | None) -> EqualCost:
    """The opponents under the best fixed policy, named."""
    rate, decay = (math.nan, math.nan) if chosen is None else (chosen.rate, chosen.weight_decay)
    return EqualCost(trainings, members, best, rate, decay)
