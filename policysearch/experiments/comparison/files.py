"""A comparison as files: compare.json with every number in plain types (nan is null), and reading it back."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policysearch.core.errors import UserError
from policysearch.core.files import read_json, write_whole
from policysearch.core.jsonable import plain
from policysearch.experiments.comparison.outcomes import Arms, Comparison, Runs
from policysearch.experiments.comparison.statistics import AtBudget, Setting, Summary
from policysearch.experiments.comparison.text import MEANINGS
from policysearch.stats.arrays import Floats
from policysearch.stats.paired import fields_of

SCHEMA = "policysearch.comparison/1"
"""Changes when a key is removed or changes its meaning, not when one is added."""


def write_json(summary: Summary, comparison: Comparison, path: Path) -> None:
    """Write `as_json` as UTF-8; an old file is replaced when the new one is whole."""
    text = json.dumps(as_json(summary, comparison), indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(path, text + "\n")


def as_json(summary: Summary, comparison: Comparison) -> dict[str, Any]:
    """Keys, always in this order.

    schema, meanings (of the figures, in words), delta, workers, live, cautions, about (as given), strategies (names);
    arms: names, means, truth, truth_errors;
    budgets, ascending, each: budget; verdict (chosen, contenders, detectable, sentence); results, best first, with the
    fields of `Result`; pairs, every two, with strategy, other, n, difference, p, holm, detectable, error; curves, by
    "quantity against", a list of strategy, x, mean, low, high;
    sensitivity, a list of rule, parameter, result, default (the pair with the rule as compared, or null).
    Estimates are {mean, low, high}. null is nan: not known, or never reached.
    """
    return {
        "schema": SCHEMA,
        "meanings": dict(MEANINGS),
        "delta": plain(comparison.delta),
        "workers": plain(comparison.workers),
        "live": plain(comparison.live),
        "cautions": plain(summary.cautions),
        "about": plain(comparison.about),
        "strategies": plain(summary.strategies),
        "arms": plain(comparison.arms),
        "budgets": [_budget(at) for at in summary.budgets],
        "sensitivity": [_setting(setting) for setting in summary.sensitivity],
    }


def _budget(at: AtBudget) -> dict[str, Any]:
    fields = {name: value for name, value in plain(at).items() if name != "unit"}
    return {**fields, "pairs": [fields_of(pair, "strategy") for pair in at.pairs]}


def _setting(setting: Setting) -> dict[str, Any]:
    return {**plain(setting), "default": fields_of(setting.default, "strategy") if setting.default else None}


def read_compare_json(folder: str | Path) -> dict[str, Any]:
    """The content of compare.json, with the keys of `as_json`.

    Raises:
        UserError: the file is damaged or of another version.
    """
    return read_json(Path(folder) / "compare.json", SCHEMA)


def read_comparison(folder: str | Path) -> Comparison:
    """The comparison of a folder, from its compare.json and runs.npz.

    Raises:
        UserError: one of them is missing, damaged or of another version.
    """
    document, path = read_compare_json(folder), Path(folder) / "runs.npz"
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        return _comparison(document, arrays)
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} cannot be read: {' '.join(str(error).split())}") from None


def _comparison(document: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Comparison:
    indices = sorted({int(name.partition(".")[0]) for name in arrays if "." in name})
    runs = tuple(_runs(index, arrays) for index in indices)

    # runs.npz numbers the runs of the comparison first, then those of the sensitivity.
    compared = sum(len(at["results"]) for at in document["budgets"])
    return Comparison(
        _arms(document["arms"]),
        runs[:compared],
        runs[compared:],
        document["delta"],
        document["workers"],
        document["live"],
        document["about"],
    )


def _runs(index: int, arrays: Mapping[str, NDArray[Any]]) -> Runs:
    stored = {field.name: arrays[f"{index}.{field.name}"] for field in fields(Runs)}
    values: dict[str, Any] = {name: value if value.ndim else value.item() for name, value in stored.items()}
    return Runs(**values)


def _arms(entry: Mapping[str, Any]) -> Arms:
    means, truth, errors = (_floats(entry[name]) for name in ("means", "truth", "truth_errors"))
    assert means is not None
    return Arms(tuple(entry["names"]), means, truth, errors)


def _floats(values: list[float | None] | None) -> Floats | None:
    return None if values is None else np.array([np.nan if v is None else v for v in values], dtype=np.float64)
