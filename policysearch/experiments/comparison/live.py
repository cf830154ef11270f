"""Strategies compared by searches that are really run, each in a folder of its own; what is there is not run again."""

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
class _Seen:
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
        listener: told how far each search is.

    Raises:
        UserError: something given is wrong.
        SearchFailed: a search had no reward at all.
    """
    config = as_calibrated(config)
    searches = _searches(settings, config, out)
    _must_be_possible(searches, load_with_progress(config, listener))
    for each in searches:
        _must_be_as_asked(each)
    RunFolder(out).make()
    for number, each in enumerate(searches):
        _run(each, _numbered(listener, number, len(searches)))
    rows = [_rows(each) for each in searches]
    arms = list({row.arm.key: row.arm for own in rows for row in own}.values())
    keys = tuple(arm.key for arm in arms)
    seen = [_see(own, keys, each.budget, each.fidelities) for each, own in zip(searches, rows, strict=True)]
    picks = [arms[k] for k in sorted({int(one.picks[-1]) for one in seen})]
    fresh = _judged(picks, searches[0].config, config.confirm, out / "picks", listener)
    full = [row for each, own in zip(searches, rows, strict=True) for row in own if row.fidelity == each.fidelities - 1]
    alike = config.last_fidelity == (config.images, config.epochs) and config.last_reward == config.reward
    known = _arms(arms, [*full, *fresh] if alike else full, fresh)
    runs = [
        _runs(name, budget, [one for each, one in zip(searches, seen, strict=True) if each.of(name, budget)], known)
        for name in settings.names
        for budget in settings.budgets
    ]
    return Comparison(known, tuple(runs), (), settings.delta, config.workers or 1, True, _about(settings, config))


def _about(settings: CompareSettings, config: SearchConfig) -> dict[str, Any]:
    told = settings_of(config, "data", "model", "space", "reward")
    sizes = {"fidelity": (config.images, config.epochs), "confirmed_at": config.last_fidelity}
    told |= {name: "x".join(map(str, size)) for name, size in sizes.items()}
    told |= {"confirmed_by": config.last_reward, "confirm": config.confirm}
    return {**told, "runs": settings.runs, "seed": settings.seed}


def _searches(settings: CompareSettings, config: SearchConfig, out: Path) -> list[_Search]:
    """Run by run, so that strategies are compared as soon as may be; run r has one seed in all of them."""
    done = []
    for number in range(settings.runs):
        for name in settings.names:
            for budget in settings.budgets:
                folder = out / "searches" / f"{re.sub(r'[^A-Za-z0-9.=-]+', '-', name)}-{budget}-{number}"
                own = {"strategy": name, "trials": budget, "seed": seed_of(settings.seed, number), "confirm": 0}
                own |= {"out": str(folder), "study": None, "finalists": 1}
                done.append(_Search(name, budget, number, config.model_copy(update=own)))
    return done


def _must_be_possible(searches: Sequence[_Search], dataset: Dataset) -> None:
    """Everything is tried before anything is trained."""
    import_all(searches[0].config.operations)
    for each in {each.strategy: each for each in searches}.values():
        tried_strategy(each.config, load_space(each.config.space))
        must_suit(each.config, dataset)


def _numbered(listener: Listener, number: int, count: int) -> Listener:
    def tell(status: Status) -> None:
        listener(Status(f"search {number + 1} of {count}", status.done, status.total, status.best, status.failed))

    return tell


def _must_be_as_asked(each: _Search) -> None:
    """A search that an earlier comparison began here is continued or read only where it is the one asked for."""
    folder = RunFolder(Path(str(each.config.out)))
    if not folder.config.exists():
        return
    begun, asked = load_config(folder.config), resolved(each.config)
    names = sorted({*PINNED, "data", "trials", "operations"})
    change = first_change(settings_of(begun, *names), settings_of(asked, *names))
    if change:
        raise changed_settings(folder, change, "search", "give the same as before")
    if folder.space.exists() and folder.space.read_text(encoding="utf-8") != space_text(asked.space):
        raise UserError(f"{folder.path} was begun with another space: put it back, or give another --out")


def _run(each: _Search, listener: Listener) -> None:
    folder = Path(str(each.config.out))
    if RunFolder(folder).policy.exists():
        return
    if RunFolder(folder).config.exists():
        resume(folder, listener=listener)
    else:
        search(each.config, listener)


def _rows(each: _Search) -> list[Row]:
    config = resolved(each.config)
    with open_stores(config, RunFolder(Path(str(config.out))), load_space(config.space), read_only=True) as stores:
        return list(stores["search"].rows)


def _see(rows: Sequence[Row], keys: tuple[str, ...], budget: int, fidelities: int) -> _Seen:
    """The first pulls by number are taken to have ended first."""
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
    return _Seen(np.array(picks), np.array(seconds), pulled, sum(len(row.failures) for row in rows))


def _runs(name: str, budget: int, seen: list[_Seen], arms: Arms) -> Runs:
    at = checkpoints(budget)
    gaps = arms.means.max() - arms.means
    regret = np.array([np.cumsum(gaps[one.pulled])[at - 1] for one in seen])
    seconds = np.array([one.seconds for one in seen])
    unknown = np.full(len(seen), np.nan)
    failures = np.array([one.failures for one in seen])
    picks = np.array([one.picks for one in seen])
    return Runs(name, budget, at, picks, regret, seconds, np.full_like(seconds, np.nan), failures, unknown, np.nan)


def _judged(arms: list[Arm], config: SearchConfig, replicates: int, path: Path, listener: Listener) -> list[Row]:
    """The picks on fresh common replicates."""
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
    """Means over all pulls of all searches, shrunken towards each other; the truth is the fresh replicates."""
    everything, again = (_rewards(arms, some) for some in (rows, fresh))
    counts = np.array([len(own) for own in everything], dtype=float)
    means = np.array([np.mean(own) if own else np.nan for own in everything])
    known = counts > 0
    spread = pooled([np.array(own) for own in everything if own]) or 0.0
    means[known] = shrink(means[known], counts[known], spread)[0]
    means[~known] = np.nanmin(means)
    truth = np.array([np.mean(own) if own else np.nan for own in again])
    errors = np.array([np.std(own, ddof=1) / np.sqrt(len(own)) if len(own) > 1 else np.nan for own in again])
    judged = bool(np.isfinite(truth).any())
    return Arms(tuple(arm.name for arm in arms), means, truth if judged else None, errors if judged else None)


def _rewards(arms: list[Arm], rows: list[Row]) -> list[list[float]]:
    out: dict[str, list[float]] = {arm.key: [] for arm in arms}
    for row in rows:
        if row.state == COMPLETE and row.reward is not None:
            out[row.arm.key].append(row.reward)
    return list(out.values())
