"""A recorded table as one Parquet file that says what it is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, Field, Json, ValidationError

from policysearch.core.errors import UserError, shortened
from policysearch.core.files import replacing
from policysearch.core.readable import readable_name
from policysearch.core.tasks import task_named
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.experiments.tabular.plan import Cell
from policysearch.experiments.tabular.table import Table, task_of_table
from policysearch.policy.space_files import parse_space
from policysearch.policy.spaces import Arm
from policysearch.policy.validation import validation_message
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.rows import COMPLETE, FAILED, Row

SCHEMA = 1
_KEY = b"policysearch"
Model = TypeVar("Model", bound=BaseModel)


class _Header(BaseModel):
    """The description of the table in the file's metadata."""

    fidelities: list[Fidelity] = Field(min_length=1)
    space: str
    space_name: str
    seed: int = Field(ge=0)
    about: dict[str, Any]
    arms: list[str] | None = None  # all of the space


class _Row(BaseModel):
    """The columns of a pull that are not metrics."""

    arm: str
    name: str
    images: int = Field(gt=0)
    epochs: int = Field(gt=0)
    replicate: int = Field(ge=0, lt=1_000_000)
    worker_seconds: float = Field(ge=0, allow_inf_nan=False)
    curve: Json[list[Any]] = Field(default_factory=list)

    @property
    def fidelity(self) -> Fidelity:
        return Fidelity(self.images, self.epochs)


def write_table(
    path: Path,
    record: OptunaTrialStore,
    space_text: str,
    fidelities: Iterable[Fidelity],
    about: dict[str, Any],
    arms: Sequence[Arm] | None = None,
) -> None:
    """Write the completed pulls of a record, one row per pull; an existing file is replaced in one step.

    Args:
        path: the file, `NAME.parquet`.
        record: the trials; failed ones are listed in the header only.
        space_text: the text of the space file.
        fidelities: those of the plan, cheapest first.
        about: how the table was made.
        arms: the arms to be recorded; by default all of the space.
    """
    header = _header(record, space_text, fidelities, about, arms)
    table = pa.table(_columns(record)).replace_schema_metadata({_KEY: json.dumps(header)})

    # Arrow would read some paths as a URI (a:b.parquet) or as a partition (lr=1/a.parquet): it gets an open file.
    with replacing(path) as partial, partial.open("wb") as file:
        pq.write_table(table, file)


def _columns(record: OptunaTrialStore) -> dict[str, list[Any]]:
    """The table's columns by name, a value per completed pull."""
    rows = [row for row in record.rows if row.state == COMPLETE]
    trials = [record.trial(row) for row in rows]
    metrics = [row.outcome.metrics for row in rows]

    columns: dict[str, list[Any]] = {
        "arm": [row.arm.key for row in rows],
        "name": [row.arm.name for row in rows],
        "parameters": [json.dumps(dict(row.arm.parameters)) for row in rows],
        "images": [trial.images for trial in trials],
        "epochs": [trial.epochs for trial in trials],
        "replicate": [row.replicate for row in rows],
        "seed": [trial.seed for trial in trials],
        "worker_seconds": [_seconds(row) for row in rows],
        "attempts": [len(row.failures) + 1 for row in rows],
        "curve": [json.dumps(values.get("curve", [])) for values in metrics],
    }
    for name in _numeric_metrics(metrics):
        columns[name] = [values.get(name) for values in metrics]
    return columns


def _seconds(row: Row) -> float:
    """Worker-seconds of a pull; of one that went on from the checkpoint of a killed attempt, of the whole training."""
    seconds, metrics = row.outcome.seconds, row.outcome.metrics
    return max(seconds, float(metrics.get("seconds", 0.0))) if metrics.get("continued_from") else seconds


def _numeric_metrics(metrics: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of the metrics that are a number in at least one pull, sorted."""
    names: set[str] = set()
    for values in metrics:
        names.update(name for name, value in values.items() if isinstance(value, int | float))
    return sorted(names)


def _header(
    record: OptunaTrialStore,
    space_text: str,
    fidelities: Iterable[Fidelity],
    about: dict[str, Any],
    arms: Sequence[Arm] | None,
) -> dict[str, Any]:
    """The description of the table that goes into the file's metadata; `_Header` reads it back."""
    failed = [{"arm": row.arm.name, "error": row.outcome.error} for row in record.rows if row.state == FAILED]
    header: dict[str, Any] = {
        "schema": SCHEMA,
        "fidelities": [asdict(fidelity) for fidelity in fidelities],
        "space": space_text,
        "failed": failed,
        "space_name": record.space.name,
        "seed": record.seed,
        "about": about,
    }
    # Without a list the table is of the whole space.
    if arms:
        header["arms"] = [arm.key for arm in arms]
    return header


def load_table(path: str | Path) -> Table:
    """Read a recorded table.

    Args:
        path: a file that `write_table` wrote.

    Raises:
        UserError: the file is missing, is not a recorded table, has another schema version, lacks a column, holds an
            invalid value or an arm that its space does not have, or holds the same pull twice.
    """
    header, records = _read(str(path))
    rows = [_checked(_Row, values, f"{path}, row {number}") for number, values in enumerate(records)]

    fixed = task_named(task_of_table(header.about)).fixed
    space = parse_space(header.space_name, header.space, f"the space in {path}", fixed)
    every_arm = space.arms(header.seed)
    arms = tuple(arm for arm in every_arm if header.arms is None or arm.key in header.arms)

    index_of_arm = {arm.key: index for index, arm in enumerate(arms)}
    cells = [_cell(str(path), row, index_of_arm, header.fidelities) for row in rows]
    if len(set(cells)) < len(cells):
        raise UserError(f"{path}: it holds the same pull twice: record the table again")
    arm, fidelity, replicate = np.array(cells, dtype=np.int64).reshape(-1, 3).T

    metrics = tuple(_metrics(row, values) for row, values in zip(rows, records, strict=True))
    seconds = np.array([row.worker_seconds for row in rows], dtype=np.float64)
    whole = len(arms) == len(every_arm)
    cells_by_column = (arm, fidelity, replicate, metrics, seconds)
    return Table(str(path), space, arms, tuple(header.fidelities), *cells_by_column, header.about, whole)


def _metrics(row: _Row, values: Mapping[str, Any]) -> dict[str, Any]:
    # A column has a cell in every row: a metric that this pull did not have comes back as null.
    present = {name: value for name, value in values.items() if value is not None}
    return {**present, "curve": row.curve}


def _read(path: str) -> tuple[_Header, list[dict[str, Any]]]:
    """The checked header of a table, and its rows as they are in the file."""
    table = _read_parquet(path)
    text = (table.schema.metadata or {}).get(_KEY)
    if text is None:
        raise UserError(f"{path!r} is Parquet, but no table of `policysearch record`: give one")

    try:
        header = json.loads(text)
    except ValueError:
        header = None
    if not isinstance(header, dict):
        raise UserError(f"table {path!r} is damaged: its description (Parquet metadata) is not JSON; record it again")

    # The version comes before the fields: those of another version are not damage.
    if header.get("schema") != SCHEMA:
        raise UserError(
            f"table {path!r} has schema version {header.get('schema')!r}, this program reads {SCHEMA}: "
            "use the version that recorded it, or record it again"
        )
    try:
        rows = table.to_pylist()
    except ValueError:  # a text that is no UTF-8
        raise UserError(f"table {path!r} is damaged: a text in it is no UTF-8; record it again") from None
    return _checked(_Header, header, f"table {path!r}"), rows


def _read_parquet(path: str) -> pa.Table:
    try:
        with Path(path).open("rb") as file:
            return pq.read_table(file)
    except (OSError, pa.ArrowException) as error:
        # Arrow's own errors have no strerror, and their text may run over many lines.
        missing = "no such file" if isinstance(error, FileNotFoundError) else ""
        reason = missing or getattr(error, "strerror", None) or readable_name(" ".join(str(error).split()))[:200]
        raise UserError(f"cannot read table {path!r}: {reason}") from None


def _checked(model: type[Model], values: dict[str, Any], where: str) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{where} is damaged: {validation_message(error)}; record the table again") from None


def _cell(path: str, row: _Row, index_of_arm: dict[str, int], fidelities: list[Fidelity]) -> Cell:
    # The space is built anew from its text: if this version builds other arms from it, keys no longer match.
    if row.arm not in index_of_arm:
        raise UserError(
            f"{path}: arm {shortened(row.name)} ({shortened(row.arm)}) is not in its space: record the table again"
        )
    if row.fidelity not in fidelities:
        allowed = ", ".join(map(str, fidelities))
        raise UserError(f"{path}: fidelity {row.fidelity} is none of {allowed}: record it again")
    return index_of_arm[row.arm], fidelities.index(row.fidelity), row.replicate
