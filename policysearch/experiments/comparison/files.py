"""A comparison as JSON: every number of the tables and plots, in plain types; nan is null."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from policysearch.core.files import write_whole
from policysearch.core.jsonable import plain
from policysearch.experiments.comparison.outcomes import Comparison
from policysearch.experiments.comparison.statistics import Summary
from policysearch.experiments.comparison.text import MEANINGS

SCHEMA = "policysearch.comparison/1"
"""Changes when a key changes its meaning or goes; new keys may come without."""


def write_json(summary: Summary, comparison: Comparison, path: Path) -> None:
    """Write `as_json` as UTF-8; an old file is replaced when the new one is whole."""
    text = json.dumps(as_json(summary, comparison), indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(path, text + "\n")


def as_json(summary: Summary, comparison: Comparison) -> dict[str, Any]:
    """Keys, always in this order.

    schema, meanings (of the figures, in words), delta, workers, live, cautions, about (as given), strategies (names);
    arms: names, means, truth, truth_errors;
    budgets, ascending, each: budget; verdict (chosen, contenders, detectable, sentence); results, best first, with the
    fields of `Result`; pairs, every two, with those of `Pair`; curves, by "quantity against", a list of strategy, x,
    mean, low, high;
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
        "budgets": plain(summary.budgets),
        "sensitivity": plain(summary.sensitivity),
    }
