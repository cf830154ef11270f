"""An evaluation read back from its folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from policysearch.core.errors import UserError
from policysearch.core.files import read_json
from policysearch.experiments.evaluation.files import SCHEMA
from policysearch.experiments.evaluation.ledger import Looks
from policysearch.experiments.evaluation.measured import Floats, Measured
from policysearch.experiments.evaluation.metrics import ERROR, METRICS
from policysearch.experiments.evaluation.null_check import FalseClaims
from policysearch.experiments.evaluation.randaugment_grid import GridResult
from policysearch.experiments.evaluation.statistics import metric_result
from policysearch.experiments.evaluation.summary import Summary
from policysearch.experiments.evaluation.verdict import Verdict

_FILE = "evaluation.json"


def read_evaluation(folder: str | Path) -> Summary:
    """What an evaluation told, from its evaluation.json; the statistics are computed again.

    Raises:
        UserError: it has not ended, or the file is damaged or of another version.
    """
    path = Path(folder) / _FILE
    if not path.exists():
        raise UserError(f"{folder} holds an evaluation that has not ended (no {_FILE}): the same command goes on")
    told = read_json(path, SCHEMA)
    try:
        return _summary(told)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} is damaged: {type(error).__name__}: {' '.join(str(error).split())}") from None


def _summary(told: Mapping[str, Any]) -> Summary:
    measured, against = _measured(told), tuple(told["references"])
    grid, null = told["grid"], told["null_check"]
    return Summary(
        measured,
        against,
        {name: metric_result(measured, name, against) for name in METRICS},
        Verdict(**told["verdict"]),
        Looks(**told["looks"]),
        FalseClaims(**null) if null else None,
        GridResult(**grid) if grid else None,
        tuple(told["cautions"]),
        told["about"],
    )


def _measured(told: Mapping[str, Any]) -> Measured:
    names = tuple(told["policies"])
    known = {name: _array(each["values"]) for name, each in told["metrics"].items() if name in METRICS}
    shape = known[ERROR].shape
    values = {name: known.get(name, np.full(shape, np.nan)) for name in METRICS}
    if any(value.shape != (len(names), shape[1]) for value in values.values()):
        raise ValueError("its metrics are of different sizes")
    fixed = tuple(name for name in names if told["about"]["policies"][name]["fixed"])
    return Measured(names, fixed, values)


def _array(rows: list[list[float | None]]) -> Floats:
    return np.array([[np.nan if value is None else value for value in row] for row in rows], dtype=np.float64)
