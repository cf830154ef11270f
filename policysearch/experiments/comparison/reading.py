"""A comparison read back from its folder."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policysearch.core.errors import UserError
from policysearch.core.files import read_json
from policysearch.experiments.comparison.files import SCHEMA
from policysearch.experiments.comparison.outcomes import Arms, Comparison, Floats, Runs


def told_of(folder: str | Path) -> dict[str, Any]:
    """What compare.json holds.

    Raises:
        UserError: it is damaged or of another version.
    """
    return read_json(Path(folder) / "compare.json", SCHEMA)


def read_comparison(folder: str | Path) -> Comparison:
    """The comparison of a folder, from its compare.json and runs.npz.

    Raises:
        UserError: one of them is missing, damaged or of another version.
    """
    told, path = told_of(folder), Path(folder) / "runs.npz"
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        return _comparison(told, arrays)
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} cannot be read: {' '.join(str(error).split())}") from None


def _comparison(told: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Comparison:
    compared = sum(len(at["results"]) for at in told["budgets"])
    numbers = sorted({int(name.partition(".")[0]) for name in arrays if "." in name})
    runs = tuple(_runs(number, arrays) for number in numbers)
    whole = (runs[:compared], runs[compared:])
    return Comparison(_arms(told["arms"]), *whole, told["delta"], told["workers"], told["live"], told["about"])


def _runs(number: int, arrays: Mapping[str, NDArray[Any]]) -> Runs:
    stored = {field.name: arrays[f"{number}.{field.name}"] for field in fields(Runs)}
    values: dict[str, Any] = {name: value if value.ndim else value.item() for name, value in stored.items()}
    return Runs(**values)


def _arms(told: Mapping[str, Any]) -> Arms:
    means, truth, errors = (_floats(told[name]) for name in ("means", "truth", "truth_errors"))
    assert means is not None
    return Arms(tuple(told["names"]), means, truth, errors)


def _floats(values: list[float | None] | None) -> Floats | None:
    return None if values is None else np.array([np.nan if v is None else v for v in values], dtype=np.float64)
