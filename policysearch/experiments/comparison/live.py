"""Strategies compared by real searches, one folder each; finished searches are read, not run again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from policysearch.core.errors import UserError
from policysearch.core.seeds import seed_of
from policysearch.core.user_code import import_all
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.load import load
from policysearch.experiments.comparison.outcomes import Arms, Comparison, Ints, Runs
from policysearch.experiments.comparison.replay import checkpoints
from policysearch.experiments.comparison.settings import CompareSettings
from policysearch.experiments.progress import Listener, Status
from policysearch.experiments.resolve import must_suit, resolved, tried_strategy
from policysearch.experiments.search.calibrated import as_calibrated
from policysearch.experiments.search.run import resume, search
from policysearch.experiments.session import Session, changed_settings, load_with_progress, settings_of
from policysearch.policy.spaces import Arm, load_space, space_text
from policysearch.rules import Tally, counted, recommend
from policysearch.stats.arrays import Floats
from policysearch.stats.shrinkage import pooled, shrink
from policysearch.study.config import SearchConfig, load_config
from policysearch.study.pinned_settings import PINNED, first_change
from policysearch.study.rows import COMPLETE, Row
from policysearch.study.run_folder import RunFolder
from policysearch.study.sources import Confirmation
from policysearch.study.stores import open_stores
from policysearch.study.strategies import ladder


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
        return len(ladder(self.strategy, self.config.images, self.config.epochs, self.config.rungs))

    def of(self, strategy: str, budget: int) -> bool:
        return (self.strategy, self.budget) == (strategy, budget)


@dataclass(frozen=True)
class _Reading:
    """A search's picks and worker-seconds [P] at checkpoints, the arms pulled [budget], failed attempts."""

    picks: Ints
    seconds: Floats
    pulled: Ints
    failures: int


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
    config = as_calibrated(config)
    searches = _searches(settings, config, out)
    _must_be_possible(searches, load_with_progress(config, listener))
    for run in searches:
        _must_have_same_settings(run)

    RunFolder(out).make()
    for number, run in enumerate(searches):
        _run(run, _numbered(listener, number, len(searches)))

    trials = [_rows(run) for run in searches]
    arms = list({row.arm.key: row.arm for rows in trials for row in rows}.values())
    keys = tuple(arm.key for arm in arms)
    readings = [_read_run(rows, keys, run.budget, run.fidelities) for run, rows in zip(searches, trials, strict=True)]

    picks = [arms[k] for k in sorted({int(reading.picks[-1]) for reading in readings})]
    fresh = _confirmed(picks, searches[0].config, config.confirm, out / "picks", listener)
    judged = _arms(arms, _comparable_rows(searches, trials, fresh, config), fresh)

    runs = []
    for name in settings.names:
        for budget in settings.budgets:
            group = [reading for run, reading in zip(searches, readings, strict=True) if run.of(name, budget)]
            runs.append(_runs(name, budget, group, judged))
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
        **settings_of(config, "data", "model", "space", "reward"),
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
                searches.append(_Search(name, budget, number, config.model_copy(update=update)))
    return searches


def _must_be_possible(searches: Sequence[_Search], dataset: Dataset) -> None:
    """Try every strategy before anything is trained."""
    import_all(searches[0].config.operations)
    for run in {run.strategy: run for run in searches}.values():
        tried_strategy(run.config, load_space(run.config.space))
        must_suit(run.config, dataset)


def _numbered(listener: Listener, number: int, count: int) -> Listener:
    def report(status: Status) -> None:
        listener(Status(f"search {number + 1} of {count}", status.done, status.total, status.best, status.failed))

    return report


def _must_have_same_settings(run: _Search) -> None:
    """Check that a search of an earlier comparison in this folder has the settings of this one."""
    folder = RunFolder(Path(str(run.config.out)))
    if not folder.config.exists():
        return
    stored, config = load_config(folder.config), resolved(run.config)
    names = sorted({*PINNED, "data", "trials", "operations"})
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
    with open_stores(config, RunFolder(Path(str(config.out))), load_space(config.space), read_only=True) as stores:
        return list(stores["search"].rows)


def _read_run(rows: Sequence[Row], keys: tuple[str, ...], budget: int, fidelities: int) -> _Reading:
    """Read a search at its checkpoints, as if its pulls had ended in the order of their numbers."""
    tally, at = Tally(fidelities), set(checkpoints(budget).tolist())
    picks, seconds, spent = [], [], 0.0
    for ended, row in enumerate(rows[:budget], 1):
        tally.start(row.pull)
        tally.finish(row.pull, row.reward, *counted(row.outcome.metrics))
        spent += row.seconds
        if ended in at:
            picks.append(recommend(tally.history(keys)) or 0)
            seconds.append(spent)
    pulled = np.array([keys.index(row.arm.key) for row in rows[:budget]])
    return _Reading(np.array(picks), np.array(seconds), pulled, sum(len(row.failures) for row in rows))


def _runs(name: str, budget: int, readings: list[_Reading], arms: Arms) -> Runs:
    at = checkpoints(budget)
    gaps = arms.means.max() - arms.means
    regret = np.array([np.cumsum(gaps[reading.pulled])[at - 1] for reading in readings])
    seconds = np.array([reading.seconds for reading in readings])
    unknown = np.full(len(readings), np.nan)
    failures = np.array([reading.failures for reading in readings])
    picks = np.array([reading.picks for reading in readings])
    return Runs(name, budget, at, picks, regret, seconds, np.full_like(seconds, np.nan), failures, unknown, np.nan)


def _confirmed(arms: list[Arm], config: SearchConfig, replicates: int, path: Path, listener: Listener) -> list[Row]:
    """Train the picks on fresh replicates that all share."""
    if not replicates:
        return []
    config = resolved(config.model_copy(update={"out": str(path), "study": None}))
    dataset = load(config, lambda done, total: None)
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


def _arms(arms: list[Arm], rows: list[Row], fresh: list[Row]) -> Arms:
    """Means over all pulls of all searches, shrunken towards each other; the truth is the fresh replicates' mean."""
    rewards_by_arm = _rewards(arms, rows)
    counts = np.array([len(rewards) for rewards in rewards_by_arm], dtype=float)
    means = np.array([np.mean(rewards) if rewards else np.nan for rewards in rewards_by_arm])
    pulled = counts > 0
    spread = pooled([np.array(rewards) for rewards in rewards_by_arm if rewards]) or 0.0
    means[pulled] = shrink(means[pulled], counts[pulled], spread)[0]
    means[~pulled] = np.nanmin(means)

    fresh_by_arm = _rewards(arms, fresh)
    truth = np.array([np.mean(rewards) if rewards else np.nan for rewards in fresh_by_arm])
    errors = np.array([_standard_error(rewards) for rewards in fresh_by_arm])
    judged = bool(np.isfinite(truth).any())
    return Arms(tuple(arm.name for arm in arms), means, truth if judged else None, errors if judged else None)


def _standard_error(rewards: list[float]) -> float:
    return float(np.std(rewards, ddof=1) / np.sqrt(len(rewards))) if len(rewards) > 1 else np.nan


def _rewards(arms: list[Arm], rows: list[Row]) -> list[list[float]]:
    out: dict[str, list[float]] = {arm.key: [] for arm in arms}
    for row in rows:
        if row.state == COMPLETE and row.reward is not None:
            out[row.arm.key].append(row.reward)
    return list(out.values())
