"""An evaluation from what was given to its files. The only place that lets workers read the test part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policysearch.core.errors import SearchFailed
from policysearch.experiments.evaluation.begun import mark, must_be_as_begun
from policysearch.experiments.evaluation.contenders import Contender, contenders, fixed_arms
from policysearch.experiments.evaluation.files import write_evaluation
from policysearch.experiments.evaluation.ledger import Looks
from policysearch.experiments.evaluation.looking import looked
from policysearch.experiments.evaluation.measured import measured
from policysearch.experiments.evaluation.prepare import PHASES, Prepared, prepared
from policysearch.experiments.evaluation.randaugment_grid import GridResult, grid_result
from policysearch.experiments.evaluation.report import write_page
from policysearch.experiments.evaluation.settings import EvaluateSettings
from policysearch.experiments.evaluation.summary import Summary, summary
from policysearch.experiments.pools import workplace
from policysearch.experiments.progress import Listener
from policysearch.experiments.search.run import run_phase
from policysearch.experiments.trials_csv import write_trials
from policysearch.policy.spaces import Arm, load_space
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.phases import open_records, save_settings
from policysearch.study.rows import COMPLETE
from policysearch.study.sources import Confirmation
from policysearch.study.storage import losses_told

_FIRST, _FIRST_OF_GRID = 2_000_000, 3_000_000
"""Replicates are counted from here: none was seen by a search, or by the grid."""


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation came to: where its files are, and what they tell."""

    folder: Path
    summary: Summary


@dataclass(frozen=True)
class _Work:
    """One evaluation under way."""

    given: Prepared
    records: Mapping[str, OptunaTrialStore]
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
    given = prepared(str(policy), settings, values, listener)
    config, folder = given.config, given.folder
    folder.make()
    with ExitStack() as stack:
        stack.enter_context(folder.locked())
        stack.enter_context(losses_told(folder.path, "the same command"))
        if given.new:
            folder.must_be_new()
            mark(folder, str(policy), settings)
        if not folder.config.exists():
            save_settings(config, folder)
        space = load_space(config.space)
        records = stack.enter_context(open_records(config, folder, space, new=given.new, phases=PHASES))
        must_be_as_begun(records["evaluate"].study, given)
        return _done(_Work(given, records, command, listener))


def _done(work: _Work) -> Evaluated:
    folder, record = work.given.folder, work.records["evaluate"]
    write_trials(folder.trials, dict(work.records))
    try:
        grid = _gridded(work)
        entered = contenders(work.given.given.arm, _fixed(work, grid), work.given.also)
        looks = _judged(work, entered)
    finally:
        write_trials(folder.trials, dict(work.records))
    if not any(row.arm.key == entered[0].arm.key and row.state == COMPLETE for row in record.rows):
        raise SearchFailed(_why(record, entered[0]))
    networks = measured(entered, record.rows, work.given.settings.seeds, _FIRST)
    told = summary(networks, entered, looks, grid, _about(work, entered))
    write_evaluation(told, folder.path)
    write_page(told, folder.path, folder.path / "evaluation.html")
    return Evaluated(folder.path, told)


def _fixed(work: _Work, grid: GridResult | None) -> list[Arm]:
    found = grid.arm if grid else None
    return [*fixed_arms(work.given.settings.fixed), *([found] if found else [])]


def _gridded(work: _Work) -> GridResult | None:
    settings, record = work.given.settings, work.records["grid"]
    if not settings.grid:
        return None
    source = Confirmation(record, fixed_arms(settings.grid), settings.grid_seeds, _FIRST_OF_GRID)
    _train(work, "grid", source, test=False)
    return grid_result(settings.grid, record.rows)


def _judged(work: _Work, entered: Sequence[Contender]) -> Looks:
    """Train every policy and judge it on the test part, once that is written down."""
    record, arms = work.records["evaluate"], [each.arm for each in entered]
    looks = looked(record.study, work.given, entered, work.command)
    _train(work, "evaluate", Confirmation(record, arms, work.given.settings.seeds, _FIRST), test=True)
    return looks


def _train(work: _Work, phase: str, source: Confirmation, *, test: bool) -> None:
    record = work.records[phase]
    if not len(source) and not record.running():
        return
    total = len(record.rows) + len(source)
    with workplace(work.given.config) as (config, pool_of), pool_of(config, work.given.dataset, test=test) as pool:
        run_phase(phase, source, record, pool, config, total, work.listener)


def _why(record: OptunaTrialStore, searched: Contender) -> str:
    errors = [row.outcome.error for row in record.rows if row.arm.key == searched.arm.key and row.outcome.error]
    common = max(set(errors), key=errors.count) if errors else "none was run"
    return f"no training with {searched.name} ended well, most often: {common}"


def _about(work: _Work, entered: Sequence[Contender]) -> dict[str, Any]:
    given, rows = work.given, [row for record in work.records.values() for row in record.rows]
    told = {name: getattr(given.config, name) for name in ("model", "images", "epochs", "seed", "split_seed")}
    return {
        "policy": entered[0].arm.policy.model_dump(mode="json", by_alias=True, exclude={"about"}),
        "policies": {each.name: {"hash": each.arm.key, "fixed": each.fixed} for each in entered},
        "search": str(given.given.run) if given.given.run else None,
        "data": given.dataset.name,
        **told,
        "recipe": given.config.recipe.model_dump(mode="json"),
        "seeds": given.settings.seeds,
        "test_images": len(given.dataset.y_test),
        "worker_seconds": sum(row.seconds for row in rows),
        "command": work.command,
    }
