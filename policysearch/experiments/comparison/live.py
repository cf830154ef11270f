"""Strategies compared by real searches, one folder each; finished searches are read, not run again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from policysearch.core.errors import UserError
from policysearch.core.seeds import seed_of
from policysearch.core.settings import settings_of
from policysearch.core.tasks import must_be_possible, task_named
from policysearch.core.user_code import import_all
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.load import load
from policysearch.experiments.class_checks import must_be_measured, must_suit_classes
from policysearch.experiments.comparison.live_readings import arms_of, read_search, runs_of
from policysearch.experiments.comparison.outcomes import Comparison
from policysearch.experiments.comparison.settings import CompareSettings
from policysearch.experiments.continuation import changed_settings
from policysearch.experiments.progress import Listener, Status
from policysearch.experiments.resolve import must_suit, resolved, tried_strategy
from policysearch.experiments.search.calibrated import as_calibrated
from policysearch.experiments.search.run import resume, search
from policysearch.experiments.session import Session
from policysearch.experiments.session_data import load_with_progress
from policysearch.policy.space_files import load_space, space_text
from policysearch.policy.spaces import Arm
from policysearch.study.config import SearchConfig, load_config
from policysearch.study.ladder import ladder
from policysearch.study.pinned_settings import PINNED, first_change
from policysearch.study.populations.plan import settled
from policysearch.study.rows import Row
from policysearch.study.run_folder import RunFolder
from policysearch.study.sources import Confirmation
from policysearch.study.stores import open_stores


@dataclass(frozen=True)
class _Search:
    """One search of the comparison: its strategy, its run's number, its config."""

    strategy: str
    budget: int
    number: int
    config: SearchConfig

    @property
    def fidelities(self) -> int:
        """How many fidelities its pulls may have; only those at the highest compare with other searches'."""
        return len(ladder(self.config))

    def of(self, strategy: str, budget: int) -> bool:
        return (self.strategy, self.budget) == (strategy, budget)


def lived(settings: CompareSettings, config: SearchConfig, out: Path, listener: Listener) -> Comparison:
    """Compare strategies by searches on data.

    Args:
        settings: of the comparison.
        config: of every search, but for its strategy, trials, seed and folder.
        out: the comparison's folder; searches that it holds are continued, or read where they are finished.
        listener: called with the progress of each search.

    Raises:
        UserError: a setting is wrong, or the folder holds a search with other settings.
        SearchFailed: a search had no reward at all.
    """
    must_be_possible(config.task, "compare", "compare")
    config = as_calibrated(config)
    searches = _searches(settings, config, out)
    _must_be_possible(searches, load_with_progress(config, listener, config.task))
    for run in searches:
        _must_have_same_settings(run)

    RunFolder(out).make()
    for number, run in enumerate(searches):
        _run(run, _numbered(listener, number, len(searches)))

    trials = [_rows(run) for run in searches]
    arms = list({row.arm.key: row.arm for rows in trials for row in rows}.values())
    keys = tuple(arm.key for arm in arms)
    readings = [read_search(rows, keys, run.budget, run.fidelities) for run, rows in zip(searches, trials, strict=True)]

    picks = [arms[k] for k in sorted({int(reading.picks[-1]) for reading in readings})]
    fresh = _confirmed(picks, searches[0].config, config.confirm, out / "picks", listener)
    judged = arms_of(arms, _comparable_rows(searches, trials, fresh, config), fresh)

    runs = []
    for name in settings.names:
        for budget in settings.budgets:
            group = [reading for run, reading in zip(searches, readings, strict=True) if run.of(name, budget)]
            runs.append(runs_of(name, budget, group, judged))
    return Comparison(judged, tuple(runs), (), settings.delta, config.workers or 1, True, _about(settings, config))


def _comparable_rows(
    searches: Sequence[_Search], trials: Sequence[list[Row]], fresh: list[Row], config: SearchConfig
) -> list[Row]:
    """Trials whose rewards estimate the same quantity: those of full fidelity."""
    full = []
    for run, rows in zip(searches, trials, strict=True):
        full += [row for row in rows if row.fidelity == run.fidelities - 1]

    # Fresh replicates count only where they are trained and rewarded as the pulls are.
    alike = config.last_fidelity == (config.images, config.epochs) and config.last_reward == config.reward
    return [*full, *fresh] if alike else full


def _about(settings: CompareSettings, config: SearchConfig) -> dict[str, Any]:
    sizes = {"fidelity": (config.images, config.epochs), "confirmed_at": config.last_fidelity}
    return {
        **settings_of(config, "task", "data", "model", "space", "reward"),
        **{name: "x".join(map(str, size)) for name, size in sizes.items()},
        "confirmed_by": config.last_reward,
        "confirm": config.confirm,
        "runs": settings.runs,
        "seed": settings.seed,
    }


def _searches(settings: CompareSettings, config: SearchConfig, out: Path) -> list[_Search]:
    """Run by run, so that strategies can be compared early; run r has the same seed in all of them."""
    searches = []
    for number in range(settings.runs):
        for name in settings.names:
            for budget in settings.budgets:
                folder = out / "searches" / f"{re.sub(r'[^A-Za-z0-9.=-]+', '-', name)}-{budget}-{number}"
                update = {
                    "strategy": name,
                    "trials": budget,
                    "seed": seed_of(settings.seed, number),
                    "confirm": 0,
                    "out": str(folder),
                    "study": None,
                    "finalists": 1,
                }
                searches.append(_Search(name, budget, number, settled(config.model_copy(update=update))))
    return searches


def _must_be_possible(searches: Sequence[_Search], dataset: Dataset) -> None:
    """Try every strategy before anything is trained."""
    import_all(searches[0].config.operations)
    for run in {run.strategy: run for run in searches}.values():
        space = load_space(run.config.space, task_named(run.config.task).fixed)
        must_suit_classes(space, dataset, run.config.task)
        must_be_measured(space, "a comparison")
        tried_strategy(run.config, space)
        must_suit(run.config, dataset)


def _numbered(listener: Listener, number: int, count: int) -> Listener:
    def report(status: Status) -> None:
        listener(replace(status, phase=f"search {number + 1} of {count}", note=""))

    return report


def _must_have_same_settings(run: _Search) -> None:
    """Check that a search of an earlier comparison in this folder has the settings of this one."""
    folder = RunFolder(Path(str(run.config.out)))
    if not folder.config.exists():
        return
    stored, config = load_config(folder.config), resolved(run.config)
    names = sorted({*PINNED, "data", "trials", "operations", "weights"})
    change = first_change(settings_of(stored, *names), settings_of(config, *names))
    if change:
        raise changed_settings(folder, change, "search", "give the same as before")
    if folder.space.exists() and folder.space.read_text(encoding="utf-8") != space_text(config.space):
        raise UserError(f"{folder.path} was begun with another space: put it back, or give another --out")


def _run(run: _Search, listener: Listener) -> None:
    folder = Path(str(run.config.out))
    if RunFolder(folder).policy.exists():
        return
    if RunFolder(folder).config.exists():
        resume(folder, listener=listener)
    else:
        search(run.config, listener)


def _rows(run: _Search) -> list[Row]:
    config = resolved(run.config)
    space = load_space(config.space, task_named(config.task).fixed)
    with open_stores(config, RunFolder(Path(str(config.out))), space, read_only=True) as stores:
        return list(stores["search"].rows)


def _confirmed(arms: list[Arm], config: SearchConfig, replicates: int, path: Path, listener: Listener) -> list[Row]:
    """Train the picks on fresh replicates that all share."""
    if not replicates:
        return []
    config = resolved(config.model_copy(update={"out": str(path), "study": None}))
    dataset = load(config, needs=task_named(config.task).needs)
    with Session(config, listener) as session:
        session.lock()
        session.place()
        space = session.load_space()
        if not session.folder.config.exists():
            session.keep_settings(space=True)
        store = session.open_stores(space)["confirm"]
        session.pin_search(dataset)
        session.folder.trials.touch()
        source = Confirmation(store, arms, replicates)
        if len(source) or store.running():
            with session.pool(dataset) as pool:
                session.train("confirm", source, pool, len(store.rows) + len(source), shown_as="picks")
        keys = {arm.key for arm in arms}
        return [row for row in store.rows if row.arm.key in keys]
