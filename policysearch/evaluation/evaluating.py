"""An evaluation from what was given to its files. The only place that lets workers read the test part."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policysearch.checks import must_suit, resolved
from policysearch.config import SearchConfig
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.load import load
from policysearch.datasets.split import split
from policysearch.errors import UserError
from policysearch.evaluation.begun import MARK, PHASES, mark, must_be_as_begun
from policysearch.evaluation.contenders import Contender, contenders, fixed_arms
from policysearch.evaluation.entrant import Entrant, entrant
from policysearch.evaluation.grid import GridResult, grid_result
from policysearch.evaluation.ledger import Looks, Read, hash_of_test_part, note
from policysearch.evaluation.measured import measured
from policysearch.evaluation.settings import EvaluateSettings
from policysearch.evaluation.summary import Summary, summary
from policysearch.evaluation.writing import write_evaluation
from policysearch.pools import workplace
from policysearch.record import COMPLETE, Record
from policysearch.report import write_trials
from policysearch.run_folder import RunFolder
from policysearch.runs import Listener, SearchFailed, Status, run_phase
from policysearch.spaces import load_space
from policysearch.storages import losses_told
from policysearch.studies import names_must_be_free, open_records, save_settings
from policysearch.verdict import Confirmation

__all__ = ["Evaluated", "evaluate"]

_FIRST, _FIRST_OF_GRID = 2_000_000, 3_000_000
"""Replicates are counted from here: none was seen by a search, or by the grid."""
_NEEDLESS = {"strategy": "random", "space": "default", "reward": "accuracy", "trials": 1, "confirm": 0}


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation came to: where its files are, and what they tell."""

    folder: Path
    summary: Summary


@dataclass(frozen=True)
class _Work:
    """One evaluation under way."""

    given: Entrant
    settings: EvaluateSettings
    config: SearchConfig
    dataset: Dataset
    folder: RunFolder
    records: Mapping[str, Record]
    command: str
    listener: Listener


def evaluate(
    policy: str | Path,
    settings: EvaluateSettings,
    values: Mapping[str, Any],
    *,
    command: str = "",
    listener: Listener = lambda status: None,
) -> Evaluated:
    """Train a policy and fixed ones on common replicates, judge all networks on the test part, write the files.

    The test part is read by the workers, once a network, and each evaluation that does so stands in a ledger: in its
    own folder, and in that of the search that found the policy. The same call again continues, or tells the result.

    Args:
        policy: a policy file, a preset's name, or the folder of a finished search.
        settings: what it is compared with.
        values: settings of `SearchConfig` that differ from the defaults (from those of the search, if a folder is
            given); `out` is needed; without `images` the whole training side is trained on.
        command: what was typed, for the ledger.
        listener: told how far it is.

    Raises:
        UserError: something given is wrong, or differs from what the folder's evaluation began with.
        SearchFailed: no training of the policy ended well; the record is kept.
        KeyboardInterrupt: the record is kept, and the same call goes on.
    """
    if not values.get("out"):
        raise UserError("an evaluation needs a folder: give --out results/NAME")
    given = entrant(str(policy), values)
    fixed_arms([*settings.fixed, *settings.grid])
    config = resolved(given.config.model_copy(update=_NEEDLESS))
    folder = RunFolder(Path(str(config.out)))
    new = not (folder.path / MARK).exists()
    if new:
        folder.must_be_new()
        names_must_be_free(config, PHASES)
    dataset = load(config, lambda done, total: listener(Status("decode", done, total, None, 0)))
    config = _sized(config, given, dataset)
    must_suit(config, dataset)
    for text in dataset.warnings:
        warnings.warn(f"data {config.data!r}: {text}", stacklevel=1)
    folder.make()
    with ExitStack() as stack:
        stack.enter_context(folder.locked())
        stack.enter_context(losses_told(folder.path, "the same command"))
        if new:
            folder.must_be_new()
            mark(folder, str(policy), settings)
            save_settings(config, folder)
        records = stack.enter_context(open_records(config, folder, load_space(config.space), new=new, phases=PHASES))
        must_be_as_begun(records["evaluate"].study, config, settings, given.arm, dataset, folder)
        return _done(_Work(given, settings, config, dataset, folder, records, command, listener))


def _sized(config: SearchConfig, given: Entrant, dataset: Dataset) -> SearchConfig:
    """The config with all training images, unless their number was given."""
    if "images" in given.config.model_fields_set:
        return config
    return config.model_copy(update={"images": len(split(dataset, config.validation, config.split_seed).train)})


def _done(work: _Work) -> Evaluated:
    write_trials(work.folder.trials, dict(work.records))
    try:
        grid = _gridded(work)
        found = grid.arm if grid else None
        fixed = fixed_arms(work.settings.fixed)
        entered = contenders(work.given.arm, [*fixed, found] if found else fixed)
        looks = _judged(work, entered)
    finally:
        write_trials(work.folder.trials, dict(work.records))
    record = work.records["evaluate"]
    if not any(row.arm.key == entered[0].arm.key and row.state == COMPLETE for row in record.rows):
        raise SearchFailed(_why(record, entered[0]))
    networks = measured(entered, record.rows, work.settings.seeds, _FIRST)
    told = summary(networks, entered, looks, grid, _about(work, entered))
    write_evaluation(told, work.folder.path)
    return Evaluated(work.folder.path, told)


def _gridded(work: _Work) -> GridResult | None:
    names = work.settings.grid
    if not names:
        return None
    record = work.records["grid"]
    source = Confirmation(record, fixed_arms(names), work.settings.grid_seeds, _FIRST_OF_GRID)
    _train(work, "grid", source, test=False)
    return grid_result(names, record.rows)


def _judged(work: _Work, entered: Sequence[Contender]) -> Looks:
    """Train every policy and judge it on the test part, once that is written down."""
    source = Confirmation(work.records["evaluate"], [each.arm for each in entered], work.settings.seeds, _FIRST)
    looks = note(_ledgers(work), _read(work, entered))
    _train(work, "evaluate", source, test=True)
    return looks


def _ledgers(work: _Work) -> list[Path]:
    return [work.folder.path, *([work.given.run] if work.given.run else [])]


def _train(work: _Work, phase: str, source: Confirmation, *, test: bool) -> None:
    record = work.records[phase]
    if not len(source) and not record.running():
        return
    total = len(record.rows) + len(source)
    with workplace(work.config) as (config, pool_of), pool_of(config, work.dataset, test=test) as pool:
        run_phase(phase, source, record, pool, config, total, work.listener)


def _read(work: _Work, entered: Sequence[Contender]) -> Read:
    study = work.records["evaluate"].study
    if "test_part" not in study.user_attrs:
        study.set_user_attr("test_part", hash_of_test_part(work.dataset))
    told = {**study.user_attrs["settings"], "study": study.study_name, "out": str(work.folder.path.resolve())}
    keys = [each.arm.key for each in entered]
    identity = hashlib.sha256(json.dumps([told, keys, work.settings.seeds], sort_keys=True).encode()).hexdigest()[:12]
    return Read(
        evaluation=identity,
        data=work.dataset.name,
        test_part=study.user_attrs["test_part"],
        images=len(work.dataset.y_test),
        policies=tuple(each.name for each in entered),
        seeds=work.settings.seeds,
        out=str(work.folder.path),
        command=work.command,
    )


def _why(record: Record, searched: Contender) -> str:
    errors = [row.outcome.error for row in record.rows if row.arm.key == searched.arm.key and row.outcome.error]
    common = max(set(errors), key=errors.count) if errors else "none was run"
    return f"no training with {searched.name} ended well, most often: {common}"


def _about(work: _Work, entered: Sequence[Contender]) -> dict[str, Any]:
    config, rows = work.config, [row for record in work.records.values() for row in record.rows]
    told = {name: getattr(config, name) for name in ("model", "images", "epochs", "seed", "split_seed")}
    return {
        "policy": entered[0].arm.policy.model_dump(mode="json", by_alias=True, exclude={"about"}),
        "policies": {each.name: {"hash": each.arm.key, "fixed": each.fixed} for each in entered},
        "search": str(work.given.run) if work.given.run else None,
        "data": work.dataset.name,
        **told,
        "recipe": config.recipe.model_dump(mode="json"),
        "seeds": work.settings.seeds,
        "test_images": len(work.dataset.y_test),
        "worker_seconds": sum(row.seconds for row in rows),
        "command": work.command,
    }
