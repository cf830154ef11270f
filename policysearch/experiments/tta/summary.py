"""The results of a search of a test-time policy in one value, and its file tta.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from policysearch.core.errors import UserError, in_one_line
from policysearch.core.files import read_json, write_whole
from policysearch.core.jsonable import plain
from policysearch.experiments.evaluation.ledger import Looks
from policysearch.experiments.tta.choice import Choice
from policysearch.experiments.tta.judge import Judged
from policysearch.experiments.tta.verdict import Comparison, TtaVerdict, comparisons, judge
from policysearch.experiments.tta.ways import Kind
from policysearch.stats.crossed import crossed_mean
from policysearch.stats.estimate import Estimate
from policysearch.stats.paired import PairedTest

FILE = "tta.json"
SCHEMA = "policysearch.tta-result/1"
"""Changes when a key is removed or changes its meaning, not when one is added."""


@dataclass(frozen=True)
class Result:
    """One way to predict.

    Attributes:
        name, kind, passes: as of the `Way`.
        views: in words; empty for draws.
        temperature: fitted on validation, for all networks.
        validation_accuracy, validation_log_likelihood: on validation, the latter calibrated by cross-validation.
        accuracy: on the test part; the interval is over networks and images.
        log_likelihood: calibrated, nats per image.
        plain_log_likelihood: at temperature 1, the mean.
        accuracies, log_likelihoods: of each network.
        seconds: per image, views and passes.
    """

    name: str
    kind: Kind
    passes: int
    views: tuple[str, ...]
    temperature: float
    validation_accuracy: float
    validation_log_likelihood: float
    accuracy: Estimate
    log_likelihood: Estimate
    plain_log_likelihood: float
    accuracies: tuple[float, ...]
    log_likelihoods: tuple[float, ...]
    seconds: float

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Result:
        """The result that `plain` has made."""
        values: dict[str, Any] = {**fields}
        for name in ("accuracy", "log_likelihood"):
            values[name] = _estimate(fields[name])
        for name in ("views", "accuracies", "log_likelihoods"):
            values[name] = tuple(fields[name])
        values["seconds"] = _number(fields["seconds"])
        return cls(**values)


@dataclass(frozen=True)
class Summary:
    """What was found.

    Attributes:
        fingerprint: of what it follows from.
        results: of every way, the learned views first.
        comparisons: what the verdict follows from.
        verdict: of the learned views.
        trace: the calibrated log-likelihood on validation after each learned view.
        looks: at the test part, this one and all that ledgers know of.
        hashes: of the test-time policies that are exported, by name.
        cautions: sentences that belong in every output.
        about: what was searched, on what, how.
    """

    fingerprint: str
    results: tuple[Result, ...]
    comparisons: tuple[Comparison, ...]
    verdict: TtaVerdict
    trace: tuple[float, ...]
    looks: Looks
    hashes: Mapping[str, str]
    cautions: tuple[str, ...]
    about: Mapping[str, Any]

    @property
    def sentence(self) -> str:
        """The verdict, and how often the test part has been read."""
        return f"{self.verdict.sentence} (read {self.looks.number} of the test part)"

    def result(self, name: str) -> Result:
        """That of one way."""
        return next(result for result in self.results if result.name == name)


def summary(
    choice: Choice,
    judged: Judged,
    seconds: Mapping[str, float],
    looks: Looks,
    hashes: Mapping[str, str],
    cautions: tuple[str, ...],
    about: Mapping[str, Any],
) -> Summary:
    """The statistics of what was judged."""
    results = tuple(_result(choice, judged, seconds, row) for row in range(len(choice.ways)))
    compared = comparisons(choice, judged)
    verdict = judge(choice, compared, seconds)
    every = (*cautions, *looks.cautions, *_overfitting(choice, results))
    return Summary(choice.fingerprint, results, compared, verdict, choice.trace, looks, hashes, every, about)


def _result(choice: Choice, judged: Judged, seconds: Mapping[str, float], row: int) -> Result:
    way, score = choice.ways[row], choice.scores[row]
    right, likelihoods = judged.right[row].astype(float), judged.calibrated[row]
    return Result(
        name=way.name,
        kind=way.kind,
        passes=way.passes,
        views=tuple(view.words for view in way.views),
        temperature=score.temperature,
        validation_accuracy=score.accuracy,
        validation_log_likelihood=score.log_likelihood,
        accuracy=crossed_mean(right).interval.of_share,
        log_likelihood=crossed_mean(likelihoods).interval,
        plain_log_likelihood=float(judged.plain[row].mean()),
        accuracies=tuple(map(float, right.mean(1))),
        log_likelihoods=tuple(map(float, likelihoods.mean(1))),
        seconds=seconds.get(way.name, float("nan")),
    )


def _overfitting(choice: Choice, results: tuple[Result, ...]) -> list[str]:
    """What the learned views lose on new images, compared with the best classic way."""
    learned, best = results[0], next(result for result in results if result.name == choice.best)
    before = learned.validation_log_likelihood - best.validation_log_likelihood
    after = learned.log_likelihood.mean - best.log_likelihood.mean
    return [
        f"on validation, where its views were chosen, the learned policy led {choice.best} by {before:+z.4f} nats, and "
        f"on the test part by {after:+z.4f}"
    ]


def write_summary(result: Summary, folder: Path) -> None:
    """Write tta.json, whole; with it the search is complete."""
    text = json.dumps({"schema": SCHEMA, "sentence": result.sentence, **plain(result)}, indent=1, allow_nan=False)
    write_whole(folder / FILE, text + "\n")


def read_summary(folder: Path) -> Summary:
    """Read the results of a search that has ended.

    Raises:
        UserError: it has not, or the file is damaged or of another version.
    """
    path = folder / FILE
    if not path.exists():
        raise UserError(
            f"{folder} holds a test-time policy whose search has not ended (no {FILE}): the same command ends it"
        )
    document = read_json(path, SCHEMA)
    try:
        return Summary(
            document["fingerprint"],
            tuple(map(Result.from_json, document["results"])),
            tuple(map(_comparison, document["comparisons"])),
            TtaVerdict(**document["verdict"]),
            tuple(document["trace"]),
            Looks(**document["looks"]),
            document["hashes"],
            tuple(document["cautions"]),
            document["about"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} is damaged: {in_one_line(error)}") from None


def _comparison(fields: Mapping[str, Any]) -> Comparison:
    return Comparison(fields["name"], fields["other"], _pair(fields["accuracy"]), _pair(fields["log_likelihood"]))


def _pair(fields: Mapping[str, Any]) -> PairedTest:
    numbers = {name: _number(fields[name]) for name in ("error", "detectable", "p", "holm")}
    return PairedTest(fields["name"], fields["other"], fields["n"], _estimate(fields["difference"]), **numbers)


def _estimate(fields: Mapping[str, Any]) -> Estimate:
    return Estimate(*(_number(fields[name]) for name in ("mean", "low", "high")))


def _number(value: float | None) -> float:
    return float(np.nan) if value is None else float(value)
