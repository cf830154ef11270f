"""How much of what a search does: trainings, and under the strategy `density` evaluations, which train nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from statistics import fmean

from policysearch.datasets.dataset import Dataset
from policysearch.datasets.split import split
from policysearch.experiments.forecast import Forecast
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.study.config import SearchConfig
from policysearch.study.density_settings import density_settings
from policysearch.study.populations.plan import share_of_pull
from policysearch.study.rows import COMPLETE, RUNNING, Row

_LAST = 50
"""Evaluations whose seconds say what others will take."""


@dataclass(frozen=True)
class Workload:
    """What the search's own pulls come to; the confirmation is trained besides.

    Attributes:
        trainings: of networks.
        evaluations: of policies by a network that is there.
        judged: images that one evaluation judges, each draw counted.
        share: of the epochs of a pull that one training trains.
    """

    trainings: int
    evaluations: int = 0
    judged: int = 0
    share: float = 1.0

    def seconds(self, forecast: Forecast, fidelity: Fidelity) -> float:
        """Worker-seconds of all of it.

        Args:
            forecast: of a training and of a judged image.
            fidelity: of the trainings.
        """
        judging = self.evaluations * self.judged * forecast.per_judged
        return self.trainings * self.share * forecast.seconds(fidelity) + judging

    def without(self, rows: Sequence[Row]) -> Workload:
        """What is left where these trials of the search, in order, were begun."""
        ended = [row.state != RUNNING for row in rows]
        if not self.evaluations:
            return replace(self, trainings=max(0, self.trainings - sum(ended)))
        trained, evaluated = sum(ended[: self.trainings]), sum(ended[self.trainings :])
        return replace(self, trainings=self.trainings - trained, evaluations=max(0, self.evaluations - evaluated))


def workload(config: SearchConfig, dataset: Dataset) -> Workload:
    """What a whole search comes to.

    Args:
        config: of the search, resolved.
        dataset: whose training side is cut into folds.
    """
    density = density_settings(config.strategy)
    if density is None:
        return Workload(config.trials, share=share_of_pull(config))
    held_out = ceil(len(split(dataset, config.validation, config.split_seed).train) / density.folds)
    return Workload(density.folds, config.trials - density.folds, held_out * density.draws)


def forecast_by_folds(whole: Workload, rows: Sequence[Row], fidelity: Fidelity, workers: int) -> Forecast | None:
    """A forecast from what the trainings and the last evaluations have taken; None where no training has ended.

    Args:
        whole: of a search by the strategy `density`.
        rows: its trials, in order.
        fidelity: of its trainings.
        workers: that are at work at once.
    """
    trained = [row for row in rows[: whole.trainings] if row.state == COMPLETE]
    evaluated = [row for row in rows[whole.trainings :] if row.state == COMPLETE][-_LAST:]
    if not trained:
        return None
    per_image = fmean(row.outcome.seconds for row in trained) / fidelity.cost
    if not evaluated:
        return Forecast(per_image, 0.0, workers, fmean(map(_per_judged, trained)))
    per_judged = fmean(row.outcome.seconds for row in evaluated) / max(1, whole.judged)
    return Forecast(per_image, 0.0, workers, per_judged)


def _per_judged(row: Row) -> float:
    """Seconds per image that the evaluation after a training took."""
    metrics = row.outcome.metrics
    return float(metrics.get("evaluation_seconds", 0.0)) / max(1.0, float(metrics.get("validation_images", 1.0)))
