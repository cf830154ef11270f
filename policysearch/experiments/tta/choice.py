"""What validation says, before the test part is read: the learned views, all temperatures, and the best classic way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policysearch.core.errors import UserError
from policysearch.core.files import read_json, write_whole
from policysearch.datasets.split import stratified
from policysearch.experiments.tta.greedy import calibrated_likelihood, greedy
from policysearch.experiments.tta.ways import LEARNED, Way, of_equal_cost, ways
from policysearch.policy.tta import View
from policysearch.stats.arrays import Floats
from policysearch.stats.temperature import Labels, best_temperature, log_of

FILE = "choice.json"
SCHEMA = "policysearch.tta-choice/1"


@dataclass(frozen=True)
class OnValidation:
    """A way on validation.

    Attributes:
        log_likelihood: calibrated by cross-validation, nats per image, mean over networks.
        accuracy: of the mean prediction, mean over networks.
        temperature: fitted on all of validation, one for all networks; what is judged and exported.
    """

    log_likelihood: float
    accuracy: float
    temperature: float


@dataclass(frozen=True)
class Choice:
    """Everything that is settled before the test part is read.

    Attributes:
        fingerprint: of the settings, the networks and the pool that it follows from.
        ways: what is judged, the learned views first.
        scores: of each way on validation.
        trace: the calibrated log-likelihood after each learned view.
        best: the name of the best way that is not learned and takes no more passes.
    """

    fingerprint: str
    ways: tuple[Way, ...]
    scores: tuple[OnValidation, ...]
    trace: tuple[float, ...]
    best: str

    def way(self, name: str) -> Way:
        """The way of that name."""
        return next(way for way in self.ways if way.name == name)

    def of(self, name: str) -> OnValidation:
        """A way's scores on validation."""
        return next(score for way, score in zip(self.ways, self.scores, strict=True) if way.name == name)

    @property
    def learned(self) -> Way:
        """The learned views."""
        return self.way(LEARNED)

    def save(self, folder: Path) -> None:
        """Write it, whole."""
        content = {
            "schema": SCHEMA,
            "fingerprint": self.fingerprint,
            "best": self.best,
            "trace": list(self.trace),
            "ways": [{**way.to_json(), **vars(score)} for way, score in zip(self.ways, self.scores, strict=True)],
        }
        write_whole(folder / FILE, json.dumps(content, indent=1, allow_nan=False) + "\n")


def read_choice(folder: Path, fingerprint: str) -> Choice | None:
    """The choice that a search of the same fingerprint made in this folder before; None where there is none.

    Raises:
        UserError: the file is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return None
    content = read_json(path, SCHEMA)
    try:
        if content["fingerprint"] != fingerprint:
            return None
        fields = ("log_likelihood", "accuracy", "temperature")
        scores = tuple(OnValidation(*(float(row[name]) for name in fields)) for row in content["ways"])
        compared = tuple(map(Way.from_json, content["ways"]))
        return Choice(fingerprint, compared, scores, tuple(content["trace"]), content["best"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged: {error}: remove it, and the views are chosen again") from None


def folds_of(labels: Labels, seed: int) -> Labels:
    """[N] 0 or 1: two halves of validation, each class in proportion.

    On each of them the temperature of the other is judged.
    """
    folds = np.zeros(len(labels), np.int64)
    folds[stratified(labels, len(labels) // 2, np.random.default_rng([seed, 2]))] = 1
    return folds


def chosen(
    fingerprint: str,
    pool: Sequence[View],
    of_views: NDArray[np.float32],
    of_draws: NDArray[np.float32],
    labels: Labels,
    most: int,
    seed: int,
) -> Choice:
    """Search the views greedily, and score every way that is compared.

    Args:
        fingerprint: of what the choice follows from.
        pool: the K candidate views.
        of_views: [K, S, N, C] their probabilities on validation.
        of_draws: [D, S, N, C] those of draws of the training policy.
        labels: [N] of validation.
        most: views to choose.
        seed: of the two halves.
    """
    folds = folds_of(labels, seed)
    search = greedy(of_views, labels, folds, most)
    compared = ways([pool[place] for place in search.places])
    place_of = {view: place for place, view in enumerate(pool)}
    scores = []
    for way in compared:
        parts = of_draws[: way.passes] if way.kind == "draws" else of_views[[place_of[view] for view in way.views]]
        scores.append(_on_validation(parts.mean(0, dtype=np.float64), labels, folds))
    by_name = {way.name: score for way, score in zip(compared, scores, strict=True)}
    best = max(of_equal_cost(compared), key=lambda way: by_name[way.name].log_likelihood)
    return Choice(fingerprint, compared, tuple(scores), search.scores, best.name)


def _on_validation(means: Floats, labels: Labels, folds: Labels) -> OnValidation:
    """Scores of mean probabilities [S, N, C]."""
    likelihood, start = calibrated_likelihood(means[None], labels, folds)
    log_p = log_of(means).reshape(1, -1, means.shape[-1])
    temperature = best_temperature(log_p, np.tile(labels, len(means)), start)
    accuracy = float((means.argmax(2) == labels).mean())
    return OnValidation(float(likelihood[0]), accuracy, float(temperature[0]))


def about_of(choice: Choice, name: str, more: dict[str, Any]) -> dict[str, Any]:
    """What a test-time policy's file says of where it came from."""
    score = choice.of(name)
    return {
        **more,
        "validation_log_likelihood": score.log_likelihood,
        "validation_accuracy": score.accuracy,
        "passes": choice.way(name).passes,
    }
