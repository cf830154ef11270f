"""The metrics of every trained network: name, unit, which direction is better, and where a trial holds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from policysearch.core.tasks import CLASSIFICATION, MULTI_LABEL, REGRESSION, SEGMENTATION, task_named
from policysearch.experiments.evaluation.contenders import Contender
from policysearch.reports.numbers import PERCENT, PLAIN, Unit
from policysearch.stats.arrays import Floats
from policysearch.study.rows import COMPLETE, Row

ACCURACY, ERROR, VALIDATION = "accuracy", "error", "validation_accuracy"
"""The metric of the verdict; 1 minus it, which files keep; and the one by which the best fixed policy is chosen."""


@dataclass(frozen=True)
class Metric:
    """One number of a trained network.

    Attributes:
        title: for tables.
        meaning: in words.
        read: reads it from a finished trial.
        unit: how it is written.
        better: -1 where less is better, 1 where more is, 0 where neither.
        counted: whether it is a share of the test images.
    """

    title: str
    meaning: str
    read: Callable[[Row], float]
    unit: Unit = PLAIN
    better: int = -1
    counted: bool = False

    @property
    def compared(self) -> str:
        """The title of its differences, which says what is better where less is."""
        return f"{self.title} (less is better)" if self.better < 0 else self.title


def _stored(name: str, row: Row) -> float:
    return float(row.outcome.metrics.get(name, float("nan")))


def _error(row: Row) -> float:
    return 1 - _stored("test_accuracy", row)


def _seconds(row: Row) -> float:
    return row.seconds


def _occluded(share: int) -> Metric:
    hidden = f"accuracy on test images of which a square patch hides {share} % (Liu et al. 2023, figure 5)"
    stored = partial(_stored, f"test_accuracy_occluded_{share}")
    return Metric(f"{share} % hidden: accuracy", hidden, stored, PERCENT, 1, counted=True)


def _by_class(name: str, title: str, meaning: str) -> Metric:
    return Metric(title, meaning, partial(_stored, f"test_{name}"), PERCENT, 1)


OCCLUSION = {share: f"accuracy_occluded_{share}" for share in (0, 20, 40, 60, 80)}
"""The metric's name by the percentage of the area that is hidden."""

_SECONDS = Unit(digits=1)
_BY_CLASS = {
    "balanced_accuracy": ("balanced accuracy", "mean over the classes of their own accuracies"),
    "worst_class": ("worst class: accuracy", "the least of the classes' own accuracies"),
    "macro_f1": ("macro F1", "mean over the classes of the harmonic mean of precision and recall"),
    "auroc": ("AUROC", "area under the ROC curve, mean of each class against the rest"),
}
"""Name -> title and meaning."""

CHARACTERS, EXACT, ERROR_SIZE = "character_accuracy", "exact_match", "mae"
"""Metrics that one task alone has."""
_OF_PIXELS = {
    "pixel_accuracy": ("pixel accuracy", "share of the pixels of the test part predicted right"),
    "worst_iou": ("worst class: IoU", "the least of the classes' intersections over unions on the test part"),
}
"""Name -> title and meaning."""

METRICS: dict[str, Metric] = {
    ERROR: Metric("error", "share of test images predicted wrong", _error, PERCENT, counted=True),
    ACCURACY: Metric(
        "accuracy", "share of test images predicted right", partial(_stored, "test_accuracy"), PERCENT, 1, counted=True
    ),
    **{name: _by_class(name, *words) for name, words in _BY_CLASS.items()},
    "top_5": Metric(
        "top 5",
        "share of test images whose class is among the 5 likeliest",
        partial(_stored, "test_top_5"),
        PERCENT,
        1,
        counted=True,
    ),
    CHARACTERS: Metric(
        "character accuracy",
        "1 - edit distance over the number of characters of the test part",
        partial(_stored, "test_character_accuracy"),
        PERCENT,
        1,
    ),
    EXACT: Metric(
        "exact match",
        "share of test images of which every label is predicted right",
        partial(_stored, "test_exact_match"),
        PERCENT,
        1,
        counted=True,
    ),
    ERROR_SIZE: Metric(
        "MAE",
        "mean absolute error on the test part, in the numbers' own units, the mean over numbers",
        partial(_stored, "test_mae"),
    ),
    **{name: _by_class(name, *words) for name, words in _OF_PIXELS.items()},
    "loss": Metric("loss", "mean cross-entropy on the test part, nats", partial(_stored, "test_loss")),
    "ece": Metric("ECE", "expected calibration error, 15 bins", partial(_stored, "test_ece"), PERCENT),
    "entropy": Metric("entropy", "mean predictive entropy, nats", partial(_stored, "test_entropy"), better=0),
    **{name: _occluded(share) for share, name in OCCLUSION.items()},
    VALIDATION: Metric(
        "validation accuracy", "accuracy on the validation part", partial(_stored, "accuracy"), PERCENT, 1
    ),
    "worker_seconds": Metric("worker-s", "time in a worker, failed attempts included", _seconds, _SECONDS),
    "cpu_seconds": Metric("CPU-s", "processor time of the training thread", partial(_stored, "cpu_seconds"), _SECONDS),
}
"""Those of all tasks, in the order of the tables."""
OF_ONE_TASK = (CHARACTERS, EXACT, ERROR_SIZE, *_OF_PIXELS)
"""Those of one task alone, in the order of the tables."""
_OF_TEXTS: Mapping[str, Mapping[str, object]] = {
    ERROR: {"meaning": "share of test lines read with a mistake"},
    ACCURACY: {"title": "word accuracy", "meaning": "share of test lines read without a mistake"},
    CHARACTERS: {},
    "loss": {"meaning": "mean CTC loss per line on the test part, nats"},
    VALIDATION: {"meaning": "word accuracy on the validation part"},
}
_PRECISION = task_named(MULTI_LABEL).short
_OF_LABEL_SETS: Mapping[str, Mapping[str, object]] = {
    ERROR: {"meaning": f"1 - {_PRECISION} on the test part", "counted": False},
    ACCURACY: {"title": _PRECISION, "meaning": f"{_PRECISION} on the test part", "counted": False},
    "macro_f1": {"meaning": "mean over the labels of the harmonic mean of precision and recall"},
    EXACT: {},
    "loss": {"meaning": "mean binary cross-entropy over test images and labels, nats"},
    VALIDATION: {"title": f"validation {_PRECISION}", "meaning": f"{_PRECISION} on the validation part"},
}
_OF_NUMBERS: Mapping[str, Mapping[str, object]] = {
    ERROR: {"meaning": "1 - R² on the test part", "counted": False},
    ACCURACY: {
        "title": task_named(REGRESSION).short,
        "meaning": "share of the numbers' variance on the test part that is predicted",
        "counted": False,
    },
    ERROR_SIZE: {},
    "loss": {"meaning": "mean squared error on the test part, in units of the training side's variances"},
    VALIDATION: {"title": "validation R²", "meaning": "R² on the validation part"},
}
_IOU = task_named(SEGMENTATION).short
_OF_MASKS: Mapping[str, Mapping[str, object]] = {
    ERROR: {"title": f"1 - {_IOU}", "meaning": f"1 - {_IOU} on the test part", "counted": False},
    ACCURACY: {
        "title": _IOU,
        "meaning": "mean over the classes of the test part's masks of intersection over union",
        "counted": False,
    },
    **{name: {} for name in _OF_PIXELS},
    "loss": {"meaning": "mean cross-entropy per pixel of the test part, nats"},
    VALIDATION: {"title": f"validation {_IOU}", "meaning": f"{_IOU} on the validation part"},
}
_OF_OTHER_NEEDS: Mapping[str, Mapping[str, Mapping[str, object]]] = {
    "texts": _OF_TEXTS,
    "label-sets": _OF_LABEL_SETS,
    "numbers": _OF_NUMBERS,
    "masks": _OF_MASKS,
}
"""By what a task needs of its data: its metrics besides the times, with what is said of them in other words."""


def metrics_of(task: str) -> dict[str, Metric]:
    """The metrics of the networks of a task, in the order of the tables."""
    columns = _OF_OTHER_NEEDS.get(task_named(task).needs)
    if columns is None:
        return {name: metric for name, metric in METRICS.items() if name not in OF_ONE_TASK}
    times = {name: METRICS[name] for name in ("worker_seconds", "cpu_seconds")}
    return {name: replace(METRICS[name], **changes) for name, changes in columns.items()} | times  # type: ignore[arg-type]


@dataclass(frozen=True)
class Measured:
    """Policies × replicates.

    Attributes:
        names: of the policies, the evaluated one first.
        fixed: the names of those that are fixed policies.
        values: metric -> [P, R] float64, one column per replicate, nan where the training failed.
        test_images: of which accuracies are shares; 0 where it is not known.
        task: that the networks learned.
    """

    names: tuple[str, ...]
    fixed: tuple[str, ...]
    values: Mapping[str, Floats]
    test_images: int = 0
    task: str = CLASSIFICATION

    @property
    def searched(self) -> str:
        """The policy that is evaluated."""
        return self.names[0]

    @property
    def replicates(self) -> int:
        return len(next(iter(self.values.values()))[0])

    @property
    def whole(self) -> NDArray[np.bool_]:
        """[R] whether every policy finished a replicate, with all metrics that any network has."""
        finished = [np.isfinite(self.values[name]).all(0) for name in self.values if self.has(name)]
        return np.asarray(np.all(finished, axis=0))

    def has(self, metric: str) -> bool:
        """Whether any network has a metric: some are younger than the file, or need more classes."""
        return bool(np.isfinite(self.values[metric]).any())

    def of(self, name: str, metric: str) -> Floats:
        """[R] values of one policy."""
        if metric == ACCURACY and metric not in self.values:  # files of earlier versions
            return 1 - self.of(name, ERROR)
        return np.asarray(self.values[metric][self.names.index(name)])

    def images_of(self, metric: str) -> int:
        """Of how many images a metric is a share; 0 where it is none."""
        return self.test_images if metrics_of(self.task)[metric].counted else 0


def measured(
    contenders: Sequence[Contender], rows: Sequence[Row], replicates: int, first: int, task: str = CLASSIFICATION
) -> Measured:
    """The metrics of recorded trials.

    Args:
        contenders: the policies, the evaluated one first.
        rows: trials; those of other arms or replicates do not count.
        replicates: how many, counted from `first`.
        task: what the networks learned.
    """
    metrics = metrics_of(task)
    place = {contender.arm.key: i for i, contender in enumerate(contenders)}
    values = {name: np.full((len(contenders), replicates), np.nan) for name in metrics}
    for row in rows:
        at = (place.get(row.arm.key, -1), row.replicate - first)
        if row.state == COMPLETE and at[0] >= 0 and 0 <= at[1] < replicates:
            for name, metric in metrics.items():
                values[name][at] = metric.read(row)
    fixed = tuple(contender.name for contender in contenders if contender.fixed)
    return Measured(tuple(contender.name for contender in contenders), fixed, values, task=task)
