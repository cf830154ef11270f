"""Many searches replayed from a recorded table, in several processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from policysearch.core.cores import usable_cores
from policysearch.core.errors import UserError
from policysearch.experiments.comparison.outcomes import Arms, Comparison, Ints, Runs
from policysearch.experiments.comparison.replay import OneRun, Replay, checkpoints
from policysearch.experiments.comparison.replay_plan import (
    count_runs,
    forecast,
    must_replay_all,
    warn_of_small_budgets,
)
from policysearch.experiments.comparison.sensitivity import others
from policysearch.experiments.comparison.settings import CompareSettings
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.experiments.tabular.table import Table
from policysearch.experiments.tabular.table_file import load_table
from policysearch.study.ladder import uses_fidelities
from policysearch.study.reward_metrics import metrics_of_task
from policysearch.study.rewards import parse_reward
from workers.main_module import main_is_left_out, main_left_out, must_reach_workers
from workers.simulated import Hazards

_CHUNK = 10
_replay: Replay | None = None


@dataclass(frozen=True)
class _Task:
    """Some runs of one strategy with one budget."""

    strategy: str
    budget: int
    first: int
    count: int


def replayed(
    settings: CompareSettings,
    path: str,
    tell: Callable[[int, int], object],
    say: Callable[[str], object] = lambda sentence: None,
) -> Comparison:
    """Compare strategies on a recorded table.

    Args:
        settings: of the comparison.
        path: the table.
        tell: called with the number of searches done and in all.
        say: called with a sentence on what will be done.

    Raises:
        UserError: the table lacks something, or a setting is wrong.
    """
    table = load_table(path)
    replay = _make_replay(settings, table)
    plans = [
        (name, budget, count_runs(settings, name, table)) for name in settings.names for budget in settings.budgets
    ]
    middle = settings.budgets[len(settings.budgets) // 2]
    further = [(name, middle, settings.sensitivity) for name in others(settings.names) if settings.sensitivity]
    further = [plan for plan in further if plan[0] not in settings.names]
    must_replay_all(table, [name for name, _, _ in plans])
    warn_of_small_budgets(settings, table)
    say(forecast(plans, further))
    runs = _all(settings, path, replay, [*plans, *further], tell)
    return Comparison(
        _arms(settings, table, replay),
        tuple(runs[: len(plans)]),
        tuple(runs[len(plans) :]),
        settings.delta,
        settings.simulated,
        False,
        _about(settings, table),
    )


def _make_replay(settings: CompareSettings, table: Table) -> Replay:
    main, rungs, _ = _fidelities(settings, table)
    return Replay(
        table,
        parse_reward(settings.reward, metrics_of_task(table.task)),
        main,
        rungs if _several(settings) else (),
        measured=_measured(settings, table),
        workers=settings.simulated,
        hazards=Hazards(settings.stragglers, settings.slowdown, settings.failures),
        retries=settings.retries,
        seed=settings.seed,
    )


def _fidelities(settings: CompareSettings, table: Table) -> tuple[Fidelity, tuple[Fidelity, ...], Fidelity | None]:
    """That of a pull, those of strategies which use several, and that which the final pick is judged by."""
    main = Fidelity.parse(settings.fidelity) if settings.fidelity else table.fidelities[0]
    rungs = [Fidelity.parse(part) for part in settings.ladder.split(",")] if settings.ladder else list(table.fidelities)
    truth = Fidelity.parse(settings.truth) if settings.truth else table.fidelities[-1]
    for fidelity in (main, *rungs, truth):
        table.index(fidelity)
    if len(set(rungs)) < len(rungs):
        raise UserError(f"--ladder names a fidelity twice, got {settings.ladder!r}")
    rungs.sort(key=lambda f: f.cost)
    return main, tuple(rungs), None if truth == main and not settings.truth else truth


def _measured(settings: CompareSettings, table: Table) -> Fidelity:
    """The most expensive fidelity that any strategy may pull: all are measured there, whatever they pull themselves.

    A search of several fidelities recommends by its most expensive pulls; at a cheaper one it would be judged by a
    bias.
    """
    main, rungs, _ = _fidelities(settings, table)
    return max(main, *rungs, key=lambda f: f.cost) if _several(settings) else main


def _several(settings: CompareSettings) -> bool:
    return any(uses_fidelities(name) for name in settings.names)


def _arms(settings: CompareSettings, table: Table, replay: Replay) -> Arms:
    names = tuple(arm.name for arm in table.arms)
    _, _, truth = _fidelities(settings, table)
    if truth is None:
        return Arms(names, replay.means)
    rewards, _ = table.grid(table.index(truth), parse_reward(settings.reward, metrics_of_task(table.task)))
    counts = np.isfinite(rewards).sum(1)
    errors = np.full(len(rewards), np.nan)
    several = counts > 1
    errors[several] = np.nanstd(rewards[several], axis=1, ddof=1) / np.sqrt(counts[several])
    return Arms(names, replay.means, np.nanmean(rewards, axis=1), errors)


def _about(settings: CompareSettings, table: Table) -> dict[str, Any]:
    main, rungs, truth = _fidelities(settings, table)
    return {
        "table": table.source,
        "task": table.task,
        "fidelity": str(main),
        "ladder": ",".join(map(str, rungs)),
        "truth": str(truth),
        "measured": str(_measured(settings, table)),
        **settings.model_dump(exclude={"processes", "strategies", "pulls", "fidelity", "ladder", "truth"}),
        "pulled_once": int((_pulls(table, main) == 1).sum()),
        "recorded": table.about,
        "replicates": {str(f): int(table.replicate[table.fidelity == i].max()) + 1 for i, f in _recorded(table)},
    }


def _pulls(table: Table, fidelity: Fidelity) -> Ints:
    """[K] recorded pulls of each arm at a fidelity."""
    return np.bincount(table.arm[table.fidelity == table.index(fidelity)], minlength=len(table.arms))


def _recorded(table: Table) -> Iterator[tuple[int, Fidelity]]:
    return ((i, f) for i, f in enumerate(table.fidelities) if (table.fidelity == i).any())


def _all(
    settings: CompareSettings,
    path: str,
    replay: Replay,
    plans: list[tuple[str, int, int]],
    tell: Callable[[int, int], object],
) -> list[Runs]:
    tasks = [
        _Task(name, budget, first, min(_CHUNK, count - first))
        for name, budget, count in plans
        for first in range(0, count, _CHUNK)
    ]
    total, done = sum(count for *_, count in plans), 0
    runs_of: dict[tuple[str, int], list[OneRun]] = {(name, budget): [] for name, budget, _ in plans}
    with _mapping(settings, path, replay) as mapping:
        for task, runs in zip(tasks, mapping(tasks), strict=True):
            runs_of[task.strategy, task.budget] += runs
            done += task.count
            tell(done, total)
    return [_runs(name, budget, runs) for (name, budget), runs in runs_of.items()]


@contextmanager
def _mapping(
    settings: CompareSettings, path: str, replay: Replay
) -> Iterator[Callable[[list[_Task]], Iterable[list[OneRun]]]]:
    cores = usable_cores()
    processes = settings.processes or cores
    if processes == 1 or multiprocessing.current_process().daemon:  # a daemon may not start processes
        yield lambda tasks: (_done(replay, task) for task in tasks)
        return
    context = multiprocessing.get_context("spawn")
    must_reach_workers([name for name in settings.names if name.startswith("__main__:")])

    def results(tasks: list[_Task]) -> Iterable[list[OneRun]]:
        with main_left_out() if main_is_left_out() else nullcontext():
            return pool.map(_do, tasks)

    with ProcessPoolExecutor(processes, context, _begin, (settings, path)) as pool:
        try:
            yield results
        finally:
            pool.shutdown(cancel_futures=True)


def _begin(settings: CompareSettings, path: str) -> None:
    global _replay
    _replay = _make_replay(settings, load_table(path))


def _do(task: _Task) -> list[OneRun]:
    assert _replay is not None
    return _done(_replay, task)


def _done(replay: Replay, task: _Task) -> list[OneRun]:
    return [replay.run(task.strategy, task.budget, task.first + i) for i in range(task.count)]


def _runs(name: str, budget: int, runs: list[OneRun]) -> Runs:
    columns = {field.name: np.array([getattr(one, field.name) for one in runs]) for field in fields(OneRun)}
    overhead = float(columns.pop("overhead").mean())
    return Runs(name, budget, checkpoints(budget), **columns, overhead=overhead)
