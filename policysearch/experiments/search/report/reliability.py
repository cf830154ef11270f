"""How far predicted probabilities can be believed: calibration errors, and a reliability diagram of the finalists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from policysearch.core.tasks import task_named
from policysearch.experiments.search.report.data import Material
from policysearch.policy.presets import BASELINES, preset
from policysearch.policy.spaces import Arm
from policysearch.reports.curves import Curve
from policysearch.reports.html.chart import Panel
from policysearch.reports.html.markup import figure, heading, paragraph, plots, table
from policysearch.reports.html.plots import lines
from policysearch.reports.numbers import PERCENT
from policysearch.reports.table import Grid
from policysearch.stats.arrays import Floats
from policysearch.study.rows import COMPLETE, Row

_DRAWN = 4  # curves of a diagram, the diagonal besides
_LEAST = 5  # images of a bin that is drawn
_IN_WORDS = 5  # finalists of a line in the terminal
_PERFECT = "perfectly calibrated"
_NO_DIAGRAM = (
    "There is no reliability diagram: these networks were trained by an older version, or judged on too few images."
)
_NOTE = (
    "On validation images, over the confirmation's networks. Points below the diagonal are overconfident. Pooled: the "
    "calibration error of all networks' predictions together; ECE: the mean of each network's own, which is larger "
    "since a few images in a bin differ by chance alone."
)


@dataclass(frozen=True)
class Calibrated:
    """The calibration of one arm's networks.

    Attributes:
        arm: the arm.
        networks: how many it has.
        ece: the mean of their calibration errors.
        bins: [bins, 3] images, sum of confidences and images predicted right, added up over the networks; None for
            networks of an older version.
    """

    arm: Arm
    networks: int
    ece: float
    bins: Floats | None

    @property
    def pooled(self) -> float:
        """The calibration error of all predictions together; nan without bins."""
        if self.bins is None:
            return float("nan")
        return float(np.abs(self.bins[:, 2] - self.bins[:, 1]).sum() / max(1.0, self.bins[:, 0].sum()))

    @property
    def confidence(self) -> float:
        """The mean confidence; nan without bins."""
        return float("nan") if self.bins is None else float(self.bins[:, 1].sum() / max(1.0, self.bins[:, 0].sum()))


def calibrated(material: Material) -> list[Calibrated]:
    """The finalists, the winner first, then the fixed policies; empty where nothing was confirmed."""
    by_arm: dict[str, list[Row]] = {}
    for row in material.fresh:
        if row.state == COMPLETE and "ece" in row.outcome.metrics:
            by_arm.setdefault(row.arm.key, []).append(row)
    winner = material.verdict.winner.key if material.verdict else ""
    free = {preset(name).hash for name in BASELINES}
    order = sorted(by_arm, key=lambda key: (key != winner, key not in free))
    return [_of(by_arm[key]) for key in order]


def _of(rows: Sequence[Row]) -> Calibrated:
    ece = float(np.mean([float(row.outcome.metrics["ece"]) for row in rows]))
    diagrams = [row.outcome.metrics.get("reliability") for row in rows]
    bins = np.sum([np.asarray(diagram, dtype=np.float64) for diagram in diagrams], 0) if all(diagrams) else None
    return Calibrated(rows[0].arm, len(rows), ece, bins)


def calibration(material: Material) -> Iterator[str]:
    """The diagram and the table; nothing where networks predict no classes."""
    if not task_named(material.config.task).has_classes:
        return
    finalists = calibrated(material)
    yield heading(2, "Calibration")
    if not finalists:
        yield paragraph("No confirmed network tells of its calibration.", "note")
        return

    drawn = [arm for arm in finalists if arm.bins is not None and (arm.bins[:, 0] >= _LEAST).any()][:_DRAWN]
    if drawn:
        curves = [*map(_curve, drawn), _diagonal()]
        panel = Panel("reliability", "Reliability", "confidence", "share predicted right", (0.0, 1.0))
        yield plots([figure(lines(panel, curves, [curve.strategy for curve in curves], plain=[_PERFECT]))])
    else:
        yield paragraph(_NO_DIAGRAM, "note")
    yield table(_grid(finalists))
    yield paragraph(_NOTE, "note")


def _curve(finalist: Calibrated) -> Curve:
    assert finalist.bins is not None
    images, confident, right = finalist.bins[finalist.bins[:, 0] >= _LEAST].T
    none = np.full(len(images), np.nan)
    return Curve(finalist.arm.name, confident / images, right / images, none, none)


def _diagonal() -> Curve:
    ends, none = np.array([0.0, 1.0]), np.full(2, np.nan)
    return Curve(_PERFECT, ends, ends, none, none)


def _grid(finalists: Sequence[Calibrated]) -> Grid:
    heads = ("finalist", "networks", "ECE", "pooled", "mean confidence", "accuracy")
    winner = finalists[0].arm.name
    return Grid("Calibration on validation, 10 bins", heads, tuple(map(_row, finalists)), (winner,))


def _row(finalist: Calibrated) -> tuple[str, ...]:
    bins = finalist.bins
    accuracy = float("nan") if bins is None else float(bins[:, 2].sum() / max(1.0, bins[:, 0].sum()))
    figures = (finalist.ece, finalist.pooled, finalist.confidence, accuracy)
    return finalist.arm.name, str(finalist.networks), *map(PERCENT.value, figures)


def calibration_in_words(material: Material) -> str:
    """One line: the calibration errors of the first finalists; empty where none is known."""
    finalists = calibrated(material)
    errors = ", ".join(f"{finalist.arm.name} {PERCENT.value(finalist.ece)}" for finalist in finalists[:_IN_WORDS])
    more = f"; {len(finalists) - _IN_WORDS} more in the report" if len(finalists) > _IN_WORDS else ""
    return f"Calibration error (ece) on validation: {errors}{more}." if errors else ""
