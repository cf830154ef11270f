"""A recorded table: every arm × fidelity × replicate with its metrics, in one Parquet file that says what it is."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from policysearch.comparison.fidelity import Fidelity
from policysearch.errors import UserError
from policysearch.record import COMPLETE, FAILED, Record
from policysearch.rewards import Reward
from policysearch.spaces import Arm, Space, parse_space

__all__ = ["SCHEMA", "Table", "load_table", "write_table"]

SCHEMA = 1
_KEY = b"policysearch"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """What was recorded: C cells, each one pull.

    Attributes:
        source: the file, for messages.
        space: the space whose arms were recorded.
        arms: its arms, K of them, in the space's order.
        fidelities: cheapest first.
        arm, fidelity, replicate: [C] int64; the first two are indices.
        metrics: by cell, C of them.
        seconds: [C] worker-seconds, failed attempts not counted.
        about: what else the file tells: configuration, versions, the data's digest.
    """

    source: str
    space: Space
    arms: tuple[Arm, ...]
    fidelities: tuple[Fidelity, ...]
    arm: NDArray[np.int64]
    fidelity: NDArray[np.int64]
    replicate: NDArray[np.int64]
    metrics: tuple[dict[str, Any], ...]
    seconds: Floats
    about: dict[str, Any]

    def index(self, fidelity: Fidelity) -> int:
        """The index of a fidelity.

        Raises:
            UserError: it was not recorded.
        """
        if fidelity not in self.fidelities:
            has = ", ".join(map(str, self.fidelities))
            raise UserError(f"{self.source} has no fidelity {fidelity}; it has {has}")
        return self.fidelities.index(fidelity)

    def grid(self, fidelity: int, reward: Reward) -> tuple[Floats, Floats]:
        """Rewards and worker-seconds [K, J] at a fidelity, J the most replicates of any arm; nan where there is none.

        Raises:
            UserError: an arm has no pull there, its replicates are not 0, 1, ..., or a reward is no finite number.
        """
        here = np.flatnonzero(self.fidelity == fidelity)
        shape = (len(self.arms), int(self.replicate[here].max(initial=-1)) + 1)
        rewards, seconds = np.full(shape, np.nan), np.full(shape, np.nan)
        for cell in map(int, here):
            at = self.arm[cell], self.replicate[cell]
            rewards[at], seconds[at] = self._reward(cell, reward), self.seconds[cell]
        self._must_be_full(rewards, fidelity)
        return rewards, seconds

    def _reward(self, cell: int, reward: Reward) -> float:
        try:
            value = float(reward(self.metrics[cell]))
        except Exception as error:  # a user's own function may raise anything
            raise UserError(f"{self.source}: the reward fails on a recorded pull: {error!r}") from None
        if not np.isfinite(value):
            name = self.arms[self.arm[cell]].name
            raise UserError(
                f"{self.source}: arm {name}, fidelity {self.fidelities[self.fidelity[cell]]}, replicate "
                f"{self.replicate[cell]} gives the reward {value}: record that pull again"
            )
        return value

    def _must_be_full(self, rewards: Floats, fidelity: int) -> None:
        pulls = np.isfinite(rewards).sum(1)
        gaps = [k for k, row in enumerate(rewards) if not pulls[k] or not np.isfinite(row[: pulls[k]]).all()]
        if gaps:
            names = ", ".join(self.arms[k].name for k in gaps[:3]) + (", …" if len(gaps) > 3 else "")
            raise UserError(
                f"{self.source}: {len(gaps)} of {len(self.arms)} arms ({names}) lack pulls at "
                f"{self.fidelities[fidelity]}: the same `policysearch record` command goes on with them"
            )


def write_table(
    path: Path, record: Record, space_text: str, fidelities: Iterable[Fidelity], about: dict[str, Any]
) -> None:
    """Write what a record holds, the failed pulls left out; the file is replaced at once."""
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
    table = pa.table(columns).replace_schema_metadata({_KEY: json.dumps(told)})
    partial = path.with_name(path.name + ".partial")
    pq.write_table(table, partial)
    partial.replace(path)


def load_table(path: str | Path) -> Table:
    """Read a recorded table.

    Raises:
        UserError: no such file, no table of ours, another schema version, an arm that its space has not, or a cell
            that stands twice.
    """
    told, rows = _read(str(path))
    space = parse_space(str(told["space_name"]), told["space"], f"the space in {path}")
    arms = space.arms(int(told["seed"]))
    fidelities = tuple(Fidelity(**each) for each in told["fidelities"])
    cells = [_cell(str(path), row, {arm.key: k for k, arm in enumerate(arms)}, fidelities) for row in rows]
    if len(set(cells)) < len(cells):
        raise UserError(f"{path}: a pull stands twice in it; record the table again")
    arm, fidelity, replicate = np.array(cells, dtype=np.int64).reshape(-1, 3).T
    metrics = tuple({**row, "curve": json.loads(row.get("curve") or "[]")} for row in rows)
    seconds = np.array([row["worker_seconds"] for row in rows], dtype=np.float64)
    return Table(str(path), space, arms, fidelities, arm, fidelity, replicate, metrics, seconds, told["about"])


def _read(path: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise UserError(f"cannot read table {path!r}: {reason}") from None
    text = (table.schema.metadata or {}).get(_KEY)
    if text is None:
        raise UserError(f"{path!r} is Parquet, but no table of `policysearch record`: give one")
    told = json.loads(text)
    if told.get("schema") != SCHEMA:
        raise UserError(
            f"table {path!r} has schema version {told.get('schema')}, this program reads {SCHEMA}: "
            "use the version that recorded it, or record it again"
        )
    return told, table.to_pylist()


def _cell(
    path: str, row: dict[str, Any], arms: dict[str, int], fidelities: tuple[Fidelity, ...]
) -> tuple[int, int, int]:
    fidelity = Fidelity(row["images"], row["epochs"])
    if row["arm"] not in arms:
        raise UserError(f"{path}: arm {row['name']} ({row['arm']}) is none of its space's: record the table again")
    if fidelity not in fidelities:
        raise UserError(f"{path}: fidelity {fidelity} is none of {', '.join(map(str, fidelities))}: record it again")
    return arms[row["arm"]], fidelities.index(fidelity), row["replicate"]
