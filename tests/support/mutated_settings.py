"""Files of settings, calibrations and recorded tables with random damage, and what reading them comes to."""

from __future__ import annotations

import contextlib
import os
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tomli_w
import yaml

from policysearch.core.errors import UserError
from policysearch.experiments.calibration_file import CalibrationFile, Measured, load_calibration
from policysearch.experiments.config_checks import must_be_spelled
from policysearch.experiments.tabular.table import Table
from policysearch.experiments.tabular.table_file import load_table
from policysearch.study.config import SearchConfig, load_config, save_config
from policysearch.study.rewards import parse_reward
from tests.support.made_up_tables import made_up
from tests.support.mutated_policies import MARK, NASTY, Outcome, Rng, damaged_bytes

SETTINGS: Mapping[str, tuple[Any, ...]] = {
    "data": ("fashion-small", "nowhere", f"os:system('touch {MARK}')"),
    "resize": ("32", "32x48"),
    "model": ("small-resnet", "torchvision:resnet18", "networks.py:tiny"),
    "space": ("default", "autoaugment", "soft-crop"),
    "strategy": ("ucb", "epsilon-greedy:epsilon=0.1", "tpe", "optuna:NSGAII"),
    "reward": ("accuracy", "accuracy-0.5*ece", "-loss"),
    "trials": (1, 40, 2000),
    "images": (100, 500),
    "epochs": (2, 80),
    "confirm": (0, 4),
    "workers": (0, 2),
    "deadline": (10.0, 3600.0),
    "tensorboard": (True, False),
    "recipe": ({"batch": 64, "rate": 0.1}, {"precision": "float32"}),
}


def some_settings(rng: Rng) -> dict[str, Any]:
    """Settings of a search that are right, some of them named after things that are not there."""
    return {name: values[int(rng.integers(len(values)))] for name, values in SETTINGS.items() if rng.random() < 0.7}


def write_toml(rng: Rng) -> bytes:
    return damaged_bytes(tomli_w.dumps(some_settings(rng)), rng)


def write_yaml(rng: Rng) -> bytes:
    return damaged_bytes(yaml.safe_dump(some_settings(rng)), rng)


def write_calibration(rng: Rng) -> bytes:
    shares = dict.fromkeys(("regret", "regret_low", "regret_high", "regret_after_one_pull", "long_regret"), 0.01)
    measured = Measured(
        sentence="500 images × 80 epochs",
        **shares,
        pulls=int(rng.integers(1, 5)),
        tolerance=0.003,
        within_tolerance=bool(rng.integers(2)),
        spearman=float(rng.random()) if rng.random() < 0.5 else None,
        cost_share=float(rng.random()),
        long="4000x40",
        arms=25,
        misleading=("100x2: ranks strong policies last",),
        data="fashion-small",
        digest="0123",
        model="small-resnet",
        space="default",
    )
    file = CalibrationFile(images=int(rng.integers(1, 4000)), epochs=80, reward="accuracy", measured=measured)
    return damaged_bytes(tomli_w.dumps(file.model_dump(by_alias=True, exclude_none=True)), rng)


@cache
def _table() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder, "table.parquet")
        made_up(path, seeds=2, part=6)
        return path.read_bytes()


def write_table(rng: Rng) -> bytes:
    """A table whose description, one column, or bytes are damaged."""
    kind = rng.choice(["description", "column", "bytes"], p=[0.5, 0.3, 0.2])
    if kind == "bytes":
        octets = bytearray(_table())
        for _ in range(int(rng.integers(1, 4))):
            octets[int(rng.integers(len(octets)))] = int(rng.integers(256))
        return bytes(octets[: int(rng.integers(len(octets))) if rng.random() < 0.3 else None])
    table = pq.read_table(pa.BufferReader(_table()))
    table = _with_other_description(table, rng) if kind == "description" else _with_another_column(table, rng)
    out = pa.BufferOutputStream()
    pq.write_table(table, out)
    return out.getvalue().to_pybytes()


def _with_other_description(table: pa.Table, rng: Rng) -> pa.Table:
    metadata = table.schema.metadata
    key = max(metadata, key=lambda name: len(metadata[name]))
    return table.replace_schema_metadata({**metadata, key: damaged_bytes(metadata[key].decode(), rng)})


def _with_another_column(table: pa.Table, rng: Rng) -> pa.Table:
    place = int(rng.integers(table.num_columns))
    name, values = table.column_names[place], table.column(place).to_pylist()
    change = rng.choice(["drop", "rename", "values", "text", "rows"])
    if change == "drop":
        return table.drop_columns([name])
    if change == "rename":
        return table.rename_columns([*table.column_names[:place], "other", *table.column_names[place + 1 :]])
    if change == "rows":
        return pa.concat_tables([table, table.slice(0, int(rng.integers(1, 5)))])
    if change == "text":
        return table.set_column(place, name, pa.array([str(rng.choice(NASTY[:20]))] * len(values)))
    odd = [None, float("nan"), float("inf"), -1.0, 1e300]
    numbers = [float(v) if isinstance(v, (int, float)) else 0.0 for v in values]
    numbers[int(rng.integers(len(numbers)))] = odd[int(rng.integers(len(odd)))]
    return table.set_column(place, name, pa.array(numbers, pa.float64()))


@dataclass(frozen=True)
class Source:
    """A kind of file.

    Attributes:
        write: the bytes of a damaged one.
        suffix: of its name.
        read: what it holds.
        what_is_wrong: with what was read; empty if it is usable, and survives being written.
    """

    write: Callable[[Rng], bytes]
    suffix: str
    read: Callable[[Path], Any]
    what_is_wrong: Callable[[Any, Path], str]


def _of_config(config: SearchConfig, folder: Path) -> str:
    """A search first checks what its settings name, and then writes them."""
    try:
        must_be_spelled(config)
    except UserError as error:
        return "" if len(str(error)) < 3000 else f"a mistake of {len(str(error))} letters"
    save_config(config, folder / "again.toml")
    return "" if load_config(folder / "again.toml") == config else "not the same after being written"


def _of_calibration(file: CalibrationFile, folder: Path) -> str:
    file.save(folder / "again.toml")
    again = load_calibration(folder / "again.toml")
    return "" if again.model_dump_json() == file.model_dump_json() else "not the same after being written"


def _of_table(table: Table, folder: Path) -> str:
    for index, _ in enumerate(table.fidelities):
        try:
            rewards, seconds = table.grid(index, parse_reward("accuracy"), partial=True)
        except UserError:
            continue
        if rewards.shape != seconds.shape or len(rewards) != len(table.arms) or np.isinf(rewards).any():
            return "rewards that are none"
    return ""


SOURCES: Mapping[str, Source] = {
    "settings in TOML": Source(write_toml, ".toml", load_config, _of_config),
    "settings in YAML": Source(write_yaml, ".yaml", load_config, _of_config),
    "calibration": Source(write_calibration, ".toml", load_calibration, _of_calibration),
    "recorded table": Source(write_table, ".parquet", load_table, _of_table),
}


def read_damaged(source: str, seed: int, folder: Path) -> Outcome:
    """Write a damaged file, read it, and say what became of it; `folder` is empty, and the working folder then."""
    rng = np.random.default_rng((seed, sorted(SOURCES).index(source)))
    path = folder / f"damaged{SOURCES[source].suffix}"
    path.write_bytes(SOURCES[source].write(rng))
    with contextlib.chdir(folder), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        outcome = _outcome(SOURCES[source], path)
    if os.path.exists(folder / MARK):
        return Outcome("code run")
    if caught and outcome.kind in ("right result", "sentence"):
        return Outcome("wrong result", f"a warning: {caught[0].message}")
    return outcome


def _outcome(source: Source, path: Path) -> Outcome:
    try:
        content = source.read(path)
    except UserError as error:
        sentence = str(error)
        one_line = sentence.isprintable() and len(sentence) < 1500 and path.stem in sentence
        return Outcome("sentence" if one_line else "wrong result", repr(sentence))
    except Exception:
        return Outcome("traceback", traceback.format_exc())
    try:
        wrong = source.what_is_wrong(content, path.parent)
    except Exception:
        return Outcome("traceback", traceback.format_exc())
    return Outcome("wrong result" if wrong else "right result", wrong)
