"""Recording a table: every arm × fidelity × replicate is trained, on any pool; the same command goes on."""

from __future__ import annotations

import os
import platform
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from policysearch.core.errors import UserError
from policysearch.core.settings import Mark
from policysearch.core.trial import Outcome, Trial
from policysearch.core.user_code import import_all
from policysearch.experiments.pools import workplace
from policysearch.experiments.progress import Listener, Status
from policysearch.experiments.resolve import must_suit, resolved
from policysearch.experiments.search.run import loaded
from policysearch.experiments.tabular.arm_subset import spread_arms
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.experiments.tabular.plan import Cell, Plan, TableSettings
from policysearch.experiments.tabular.table_file import write_table
from policysearch.policy.spaces import Arm, load_space, space_text
from policysearch.study.config import SearchConfig, without_search
from policysearch.study.controller import run
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.phases import must_be_the_same_search, names_must_be_free, open_records, save_settings
from policysearch.study.rewards import try_reward
from policysearch.study.rows import COMPLETE, FAILED, Row
from policysearch.study.run_folder import RunFolder
from policysearch.study.storage import losses_told

_WRITE_EVERY = 60.0  # seconds between writings of the table while it grows


@dataclass(frozen=True)
class Recorded:
    """What recording came to: the table's file, its pulls, those that failed for good, and worker-seconds."""

    path: Path
    pulls: int
    failed: int
    seconds: float


def record_table(config: SearchConfig, plan: Plan, out: Path, listener: Listener = lambda status: None) -> Recorded:
    """OptunaTrialStore a table, or go on with it.

    Beside the file `NAME.parquet` stands the folder `NAME` with the study: the table can be written again from it.

    Args:
        config: what to train; its strategy, trials, images, epochs and confirmation are not used.
        plan: what is wanted; it may grow by replicates, arms and dearer fidelities when a recording is continued.
        out: the table, `NAME.parquet`.
        listener: told how far it is, in thousands of images trained.

    Raises:
        UserError: something given is wrong, or differs from what the recording began with.
    """
    if out.suffix != ".parquet":
        raise UserError(f"--out must be NAME.parquet, got {str(out)!r}")
    folder = RunFolder(out.with_suffix(""))
    config, new = _prepared(config, plan, folder), not folder.config.exists()
    if new:
        folder.must_be_new()
        names_must_be_free(config)
    elif folder.space.exists() and folder.space.read_text("utf-8") != space_text(config.space):
        raise UserError(f"{folder.path} was begun with another space (its space.toml): give that, or another --out")
    import_all(config.operations)
    space = load_space(config.space)
    dataset = loaded(config, listener)
    for fidelity in plan.replicates:
        must_suit(config.model_copy(update=asdict(fidelity)), dataset)
    folder.make()
    with folder.locked(), losses_told(folder.path, "the same command"), workplace(config) as (config, pool_of):
        if new:
            folder.space.write_text(space_text(config.space), encoding="utf-8")
            save_settings(config, folder)
        fidelities = [astuple(fidelity) for fidelity in plan.replicates]
        with open_records(config, folder, space, new=new, fidelities=fidelities) as records:
            record = records["search"]
            arms = spread_arms(space, config.seed, plan.arms)
            _must_extend(record.study, fidelities, len(arms), folder)
            must_be_the_same_search(config, folder, record.study, dataset.digest)
            record.study.set_user_attr("fidelities", fidelities)
            record.study.set_user_attr("arms", len(arms))
            folder.trials.touch()
            work = _Work(record, plan, arms)
            about = {**_about(config), "data": dataset.name, "digest": dataset.digest}
            writing = _Writing(
                lambda: write_table(out, record, folder.space.read_text("utf-8"), plan.replicates, about, arms)
            )
            try:
                with pool_of(config, dataset) as pool:
                    run(work, pool, record.running(), config.retries, partial(_progress, work, writing, listener))
            finally:
                writing.now()
            return Recorded(out, *work.ended())


def _prepared(config: SearchConfig, plan: Plan, folder: RunFolder) -> SearchConfig:
    """The config with what a table does not need set to what never changes."""
    first = next(iter(plan.replicates))
    fixed = {"out": str(folder.path), **asdict(first)}
    try_reward(config.reward, config.recipe.base_epochs > 0)
    return resolved(without_search(config).model_copy(update=fixed))


def _must_extend(study: Any, fidelities: list[tuple[int, ...]], arms: int, folder: RunFolder) -> None:
    had = [tuple(each) for each in study.user_attrs.get("fidelities", [])]
    if fidelities[: len(had)] != had:
        begun = ",".join(str(Fidelity(*each)) for each in had)
        raise UserError(f"{folder.path} was begun with --fidelities {begun}: give these, or these and dearer ones")
    if arms < study.user_attrs.get("arms", 0):
        raise UserError(f"{folder.path} was begun with {study.user_attrs['arms']} arms: give --arms so many, or more")


def _progress(work: _Work, writing: _Writing, listener: Listener) -> None:
    writing.now_and_then()
    listener(work.status())


@dataclass
class _Work:
    """The cells that are still to be trained, as a source of trials. A cell that failed is tried in the next run."""

    record: OptunaTrialStore
    plan: Plan
    arms: tuple[Arm, ...]

    def __post_init__(self) -> None:
        self._taken = {self._cell(row) for row in self.record.rows if row.state != FAILED}
        self._base = [cell for cell in self.plan.cells(len(self.arms)) if cell not in self._taken]
        self._queue = deque(self._base)
        self._best_known = False

    def _cell(self, row: Row) -> Cell:
        return [arm.key for arm in self.arms].index(row.arm.key), row.fidelity, row.replicate

    def ask(self) -> Trial | None:
        if not self._queue and not self._best_known and not self.record.running():
            self._best_known = True
            self._queue += [cell for cell in self.plan.further(self._best()) if cell not in self._taken]
        if not self._queue or self._spent_all():
            return None
        arm, fidelity, replicate = self._queue.popleft()
        self._taken.add((arm, fidelity, replicate))
        return self.record.add(self.arms[arm], replicate, fidelity)

    def _spent_all(self) -> bool:
        return self.plan.budget is not None and sum(row.seconds for row in self.record.rows) >= self.plan.budget

    def _best(self) -> list[int]:
        """Arms by their mean over the replicates that all have at the last fidelity, best first."""
        last, shared = len(self.plan.replicates) - 1, [*self.plan.replicates.values()][-1]
        rewards: list[list[float]] = [[] for _ in self.arms]
        for row in self.record.rows:
            if row.state == COMPLETE and row.fidelity == last and row.replicate < shared and row.reward is not None:
                rewards[self._cell(row)[0]].append(row.reward)
        means = [float(np.mean(own)) if own else -np.inf for own in rewards]
        return sorted(range(len(means)), key=lambda k: -means[k])

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        self.record.tell(trial, outcome)

    def attempt_failed(self, trial: Trial, outcome: Outcome) -> Trial:
        return self.record.attempt_failed(trial, outcome)

    def status(self) -> Status:
        """Done and in all, in thousands of images trained."""
        cost = [f.cost for f in self.plan.replicates]
        rows = [row for row in self.record.rows if row.state != "running"]
        done = sum(cost[row.fidelity] for row in rows)
        left = sum(cost[f] for _, f, _ in self._queue) + sum(cost[row.fidelity] for row in self.record.rows) - done
        left += 0 if self._best_known else self._further_cost(cost[-1])
        return Status(
            "record", -(-done // 1000), -(-(done + left) // 1000), None, sum(row.state == FAILED for row in rows)
        )

    def _further_cost(self, cost: int) -> int:
        return cost * sum(cell not in self._taken for cell in self.plan.further([*range(len(self.arms))]))

    def ended(self) -> tuple[int, int, float]:
        """Pulls with an outcome, pulls that failed for good, worker-seconds."""
        rows = self.record.rows
        done = {self._cell(row) for row in rows if row.state == COMPLETE}
        failed = {self._cell(row) for row in rows if row.state == FAILED} - done
        return len(done), len(failed), sum(row.seconds for row in rows)


@dataclass
class _Writing:
    """Writes the table now and then while it grows."""

    write: Callable[[], None]
    last: float = field(default_factory=time.monotonic)

    def now(self) -> None:
        self.write()
        self.last = time.monotonic()

    def now_and_then(self) -> None:
        if time.monotonic() - self.last > _WRITE_EVERY:
            self.now()


def _about(config: SearchConfig) -> dict[str, Any]:
    """What a table tells of how it was made: no place on this machine."""
    settings = config.model_dump(mode="json", include={*TableSettings.setting_names(Mark.FIXED, Mark.REPORTED)})
    packages = {name: version(name) for name in ("policysearch", "torch", "optuna", "numpy")}
    return {"config": settings, "versions": packages, "python": platform.python_version(), "cores": os.cpu_count()}
