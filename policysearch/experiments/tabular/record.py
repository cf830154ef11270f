"""Recording a table: every arm × fidelity × replicate is trained, on any pool; the same command continues."""

from __future__ import annotations

import os
import platform
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, astuple, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from policysearch.child.network_names import weights_by_name
from policysearch.core.errors import UserError
from policysearch.core.settings import Mark
from policysearch.core.tasks import must_be_possible
from policysearch.core.trial import Trial
from policysearch.datasets.dataset import Dataset
from policysearch.experiments.class_checks import must_be_measured
from policysearch.experiments.continuation import must_not_be_fewer
from policysearch.experiments.progress import Listener, Status
from policysearch.experiments.resolve import resolved
from policysearch.experiments.session import Session
from policysearch.experiments.tabular.arm_subset import spread_arms
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.experiments.tabular.plan import Cell, Plan, TableSettings
from policysearch.experiments.tabular.table_file import write_table
from policysearch.experiments.task_checks import space_must_suit_task
from policysearch.policy.space_files import space_text
from policysearch.policy.spaces import Arm
from policysearch.study.config import SearchConfig, without_search
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.reward_metrics import metrics_of_task
from policysearch.study.rewards import try_reward
from policysearch.study.rows import COMPLETE, FAILED, Row
from policysearch.study.run_folder import RunFolder
from policysearch.study.sources import StoreSource

_WRITE_EVERY = 60.0  # seconds between writings of the table while it grows


@dataclass(frozen=True)
class Recorded:
    """What recording came to: the table's file, its pulls, those that failed for good, and worker-seconds."""

    path: Path
    pulls: int
    failed: int
    seconds: float


def record_table(config: SearchConfig, plan: Plan, out: Path, listener: Listener = lambda status: None) -> Recorded:
    """Record a table, or continue its recording.

    The folder `NAME` next to the file `NAME.parquet` holds the study, from which the table can be written again.

    Args:
        config: what to train; its strategy, trials, images, epochs and confirmation are not used.
        plan: what to record; it may grow by replicates, arms and more expensive fidelities when a recording is
            continued.
        out: the table, `NAME.parquet`.
        listener: called with the progress, in thousands of images trained.

    Raises:
        UserError: a setting is wrong, or differs from what the recording began with.
    """
    if out.suffix != ".parquet":
        raise UserError(f"--out must be NAME.parquet, got {str(out)!r}")
    config = _for_recording(config, plan, out)
    with Session(config, listener, "the same command") as session:
        new = not session.folder.config.exists()
        if new:
            session.must_be_new()
        else:
            _must_be_the_same_space(session)
        space = session.load_space()
        space_must_suit_task(config.task, space)
        must_be_measured(space, "a recording")
        dataset = session.load_data(*(config.model_copy(update=asdict(fidelity)) for fidelity in plan.replicates))

        session.lock()
        session.place()
        if new:
            session.keep_settings(space=True)
        fidelities = [astuple(fidelity) for fidelity in plan.replicates]
        store = session.open_stores(space, new=new, fidelities=fidelities)["search"]
        arms = spread_arms(space, config.seed, plan.arms)
        _must_extend(store, fidelities, len(arms), session.folder)
        session.pin_search(dataset)
        store.note("fidelities", fidelities)
        store.note("arms", len(arms))
        session.folder.trials.touch()
        return _run(session, dataset, plan, arms, out)


def _run(session: Session, dataset: Dataset, plan: Plan, arms: tuple[Arm, ...], out: Path) -> Recorded:
    """Train the cells that are missing; the table is written now and then, and at the end however that comes."""
    store = session.stores["search"]
    about = {**_about(session.config), "data": dataset.name, "digest": dataset.digest}

    def write() -> None:
        write_table(out, store, session.folder.space.read_text("utf-8"), plan.replicates, about, arms)

    cells = _MissingCells(store, plan, arms)
    writer = _PeriodicWriter(write)

    def progress() -> None:
        writer.write_if_due()
        session.listener(cells.status())

    try:
        with session.pool(dataset) as pool:
            session.run_trials("record", store, cells, pool, cells.total(), progress)
    finally:
        writer.write_now()
    return Recorded(out, *cells.ended())


def _must_be_the_same_space(session: Session) -> None:
    folder = session.folder
    if folder.space.exists() and folder.space.read_text("utf-8") != space_text(session.config.space):
        raise UserError(f"{folder.path} was begun with another space (its space.toml): give that, or another --out")


def _for_recording(config: SearchConfig, plan: Plan, out: Path) -> SearchConfig:
    """The config with what a table does not need set to what never changes."""
    first = next(iter(plan.replicates))
    fixed = {"out": str(out.with_suffix("")), **asdict(first)}
    must_be_possible(config.task, "record", "record")
    try_reward(config.reward, config.recipe.base_epochs > 0, metrics=metrics_of_task(config.task))
    return resolved(without_search(config).model_copy(update=fixed))


def _must_extend(store: OptunaTrialStore, fidelities: Sequence[tuple[int, ...]], arms: int, folder: RunFolder) -> None:
    """Check that a recording that is continued keeps its fidelities and arms, and at most adds to them."""
    recorded = [tuple(fidelity) for fidelity in store.notes.get("fidelities", [])]
    if list(fidelities[: len(recorded)]) != recorded:
        names = ",".join(str(Fidelity(*fidelity)) for fidelity in recorded)
        raise UserError(
            f"{folder.path} was begun with --fidelities {names}: give these, or these and more expensive ones"
        )
    must_not_be_fewer("arms", arms, store.notes.get("arms", 0), folder)


class _MissingCells(StoreSource[OptunaTrialStore]):
    """The cells that are still to be trained, as a source of trials. A cell that failed is tried in the next run."""

    def __init__(self, store: OptunaTrialStore, plan: Plan, arms: tuple[Arm, ...]) -> None:
        super().__init__(store)
        self.plan = plan
        self.arms = arms
        self._taken = {self._cell(row) for row in self.store.rows if row.state != FAILED}
        self._base = [cell for cell in self.plan.cells(len(self.arms)) if cell not in self._taken]
        self._queue = deque(self._base)
        self._best_known = False

    def _cell(self, row: Row) -> Cell:
        return [arm.key for arm in self.arms].index(row.arm.key), row.fidelity, row.replicate

    def ask(self) -> Trial | None:
        if not self._queue and not self._best_known and not self.store.running():
            self._best_known = True
            self._queue += [cell for cell in self.plan.further(self._best()) if cell not in self._taken]
        if not self._queue or self._spent_all():
            return None
        arm, fidelity, replicate = self._queue.popleft()
        self._taken.add((arm, fidelity, replicate))
        return self.store.add(self.arms[arm], replicate, fidelity)

    def _spent_all(self) -> bool:
        return self.plan.budget is not None and sum(row.seconds for row in self.store.rows) >= self.plan.budget

    def _best(self) -> list[int]:
        """Arms by their mean over the replicates that all have at the last fidelity, best first."""
        last, shared = len(self.plan.replicates) - 1, [*self.plan.replicates.values()][-1]
        rewards: list[list[float]] = [[] for _ in self.arms]
        for row in self.store.rows:
            if row.state == COMPLETE and row.fidelity == last and row.replicate < shared and row.reward is not None:
                rewards[self._cell(row)[0]].append(row.reward)
        means = [float(np.mean(values)) if values else -np.inf for values in rewards]
        return sorted(range(len(means)), key=lambda k: -means[k])

    def status(self) -> Status:
        """Done and in all, in thousands of images trained."""
        cost = [f.cost for f in self.plan.replicates]
        rows = [row for row in self.store.rows if row.state != "running"]
        done = sum(cost[row.fidelity] for row in rows)
        left = sum(cost[f] for _, f, _ in self._queue) + sum(cost[row.fidelity] for row in self.store.rows) - done
        left += 0 if self._best_known else self._further_cost(cost[-1])
        return Status(
            "record", -(-done // 1000), -(-(done + left) // 1000), None, sum(row.state == FAILED for row in rows)
        )

    def _further_cost(self, cost: int) -> int:
        return cost * sum(cell not in self._taken for cell in self.plan.further([*range(len(self.arms))]))

    def total(self) -> int:
        """Pulls that the table will have at least: those recorded and those still to be trained."""
        return len(self.store.rows) + len(self._queue)

    def ended(self) -> tuple[int, int, float]:
        """Pulls with an outcome, pulls that failed for good, worker-seconds."""
        rows = self.store.rows
        done = {self._cell(row) for row in rows if row.state == COMPLETE}
        failed = {self._cell(row) for row in rows if row.state == FAILED} - done
        return len(done), len(failed), sum(row.seconds for row in rows)


@dataclass
class _PeriodicWriter:
    """Writes the table every minute or so while it grows."""

    write: Callable[[], None]
    last: float = field(default_factory=time.monotonic)

    def write_now(self) -> None:
        self.write()
        self.last = time.monotonic()

    def write_if_due(self) -> None:
        if time.monotonic() - self.last > _WRITE_EVERY:
            self.write_now()


def _about(config: SearchConfig) -> dict[str, Any]:
    """How a table was made: settings, versions and machine; no path of this machine."""
    settings = config.model_dump(mode="json", include={*TableSettings.setting_names(Mark.FIXED, Mark.REPORTED)})
    packages = {name: version(name) for name in ("policysearch", "torch", "optuna", "numpy")}
    return {
        "config": settings,
        **weights_by_name(config.weights),
        "versions": packages,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
    }
