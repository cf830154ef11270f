"""What a run leaves for people: tables in the terminal, trials.csv, search.png and the final policy."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from policysearch.core.files import replacing
from policysearch.core.trial import TRIAL_COLUMNS
from policysearch.policy.families import own_parameters
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.rows import Row


def write_trials(path: Path, records: dict[str, OptunaTrialStore]) -> None:
    """Write trials.csv: one row per trial of every phase, one column per metric (learning curves are in the study)."""
    rows = [(phase, record, row) for phase, record in records.items() for row in record.rows]
    metrics = sorted(
        {name for _, _, row in rows for name, v in row.outcome.metrics.items() if _is_number(v)} - set(TRIAL_COLUMNS)
    )
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*TRIAL_COLUMNS, *metrics])
        for phase, record, row in rows:
            writer.writerow([*_fixed(phase, record, row), *(row.outcome.metrics.get(name, "") for name in metrics)])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _fixed(phase: str, record: OptunaTrialStore, row: Row) -> list[Any]:
    trial = record.trial(row)
    error = "; ".join(outcome.error for outcome in (*row.failures, row.outcome) if outcome.error)
    reward = "" if row.reward is None else row.reward
    seconds = row.seconds or ""
    attempts = len(row.failures) + (row.state != "running")
    return [
        phase,
        row.number,
        row.arm.key,
        row.arm.name,
        json.dumps(own_parameters(row.arm.parameters)),
        row.replicate,
        trial.seed,
        trial.images,
        trial.epochs,
        row.state,
        reward,
        seconds,
        attempts,
        error,
        row.outcome.pruned,
        "" if row.parent is None else row.parent,
    ]
