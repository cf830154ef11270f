"""A recorded table as one Parquet file that says what it is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, Field, Json, ValidationError

from policysearch.core.errors import UserError
from policysearch.core.files import replacing
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.experiments.tabular.table import Table
from policysearch.policy.spaces import Arm, parse_space
from policysearch.policy.validation import validation_message
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.rows import COMPLETE, FAILED

SCHEMA = 1
_KEY = b"policysearch"
Model = TypeVar("Model", bound=BaseModel)


class _Told(BaseModel):
    """What the file says of itself."""

    fidelities: list[Fidelity] = Field(min_length=1)
    space: str
    space_name: str
    seed: int = Field(ge=0)
    about: dict[str, Any]
    arms: list[str] | None = None  # all of the space


class _Row(BaseModel):
    """The columns of a pull that are no metrics."""

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
    """Write what a record holds, the failed pulls left out; the file is replaced at once.

    `arms` are those that were to be recorded; by default all of the space.
    """
    done = [row for row in record.rows if row.state == COMPLETE]
    trials = [record.trial(row) for row in done]
    metrics = [row.outcome.metrics for row in done]
    numbers = sorted({name for each in metrics for name, value in each.items() if isinstance(value, int | float)})
    columns: dict[str, list[Any]] = {
        "arm": [row.arm.key for row in done],
        "name": [row.arm.name for row in done],
        "parameters": [json.dumps(dict(row.arm.parameters)) for row in done],
        "images": [trial.images for trial in trials],
        "epochs": [trial.epochs for trial in trials],
        "replicate": [row.replicate for row in done],
        "seed": [trial.seed for trial in trials],
        "worker_seconds": [row.outcome.seconds for row in done],
        "attempts": [len(row.failures) + 1 for row in done],
        "curve": [json.dumps(each.get("curve", [])) for each in metrics],
        **{name: [each.get(name) for each in metrics] for name in numbers},
    }
    failed = [{"arm": row.arm.name, "error": row.outcome.error} for row in record.rows if row.state == FAILED]
    told = {"schema": SCHEMA, "fidelities": [asdict(f) for f in fidelities], "space": space_text, "failed": failed}
    told |= {"space_name": record.space.name, "seed": record.seed, "about": about}
    told |= {"arms": [arm.key for arm in arms]} if arms else {}
    table = pa.table(columns).replace_schema_metadata({_KEY: json.dumps(told)})
    # Arrow takes a path as a URI (a:b.parquet) or as a partition (lr=1/a.parquet); an open file is only used.
    with replacing(path) as partial, partial.open("wb") as file:
        pq.write_table(table, file)


def load_table(path: str | Path) -> Table:
    """Read a recorded table.

    Raises:
        UserError: no such file, no table of ours, another schema version, a column or a value that is none, an arm that
            its space has not, or a cell that stands twice.
    """
    told, raw = _read(str(path))
    rows = [_checked(_Row, each, f"{path}, row {number}") for number, each in enumerate(raw)]
    space = parse_space(told.space_name, told.space, f"the space in {path}")
    arms = tuple(arm for arm in space.arms(told.seed) if told.arms is None or arm.key in told.arms)
    places = {arm.key: k for k, arm in enumerate(arms)}
    cells = [_cell(str(path), row, places, told.fidelities) for row in rows]
    if len(set(cells)) < len(cells):
        raise UserError(f"{path}: a pull stands twice in it; record the table again")
    arm, fidelity, replicate = np.array(cells, dtype=np.int64).reshape(-1, 3).T
    given = ({name: value for name, value in each.items() if value is not None} for each in raw)
    metrics = tuple({**each, "curve": row.curve} for each, row in zip(given, rows, strict=True))
    seconds = np.array([row.worker_seconds for row in rows], dtype=np.float64)
    return Table(str(path), space, arms, tuple(told.fidelities), arm, fidelity, replicate, metrics, seconds, told.about)


def _read(path: str) -> tuple[_Told, list[dict[str, Any]]]:
    try:
        with Path(path).open("rb") as file:
            table = pq.read_table(file)
    except (OSError, pa.ArrowException) as error:
        missing = "no such file" if isinstance(error, FileNotFoundError) else ""
        reason = missing or getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise UserError(f"cannot read table {path!r}: {reason}") from None
    text = (table.schema.metadata or {}).get(_KEY)
    if text is None:
        raise UserError(f"{path!r} is Parquet, but no table of `policysearch record`: give one")
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise UserError(f"table {path!r} is damaged: what it says of itself is not JSON; record it again")
    if told.get("schema") != SCHEMA:
        raise UserError(
            f"table {path!r} has schema version {told.get('schema')!r}, this program reads {SCHEMA}: "
            "use the version that recorded it, or record it again"
        )
    return _checked(_Told, told, f"table {path!r}"), table.to_pylist()


def _checked(model: type[Model], values: dict[str, Any], where: str) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{where} is damaged: {validation_message(error)}; record the table again") from None


def _cell(path: str, row: _Row, arms: dict[str, int], fidelities: list[Fidelity]) -> tuple[int, int, int]:
    if row.arm not in arms:
        raise UserError(f"{path}: arm {row.name} ({row.arm}) is none of its space's: record the table again")
    if row.fidelity not in fidelities:
        known = ", ".join(map(str, fidelities))
        raise UserError(f"{path}: fidelity {row.fidelity} is none of {known}: record it again")
    return arms[row.arm], fidelities.index(row.fidelity), row.replicate
