"""A comparison from its settings to its files."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from policysearch.core.errors import UserError
from policysearch.experiments.comparison.files import write_json
from policysearch.experiments.comparison.live import lived
from policysearch.experiments.comparison.outcomes import Comparison
from policysearch.experiments.comparison.replay_pool import replayed
from policysearch.experiments.comparison.report import write_page
from policysearch.experiments.comparison.settings import CompareSettings
from policysearch.experiments.comparison.statistics import Summary, summary
from policysearch.experiments.progress import Listener, Status
from policysearch.study.config import SearchConfig
from policysearch.study.run_folder import RunFolder
from workers.main_module import must_not_be_a_rerun

Compared = tuple[Summary, Comparison]


def compare(
    settings: CompareSettings,
    out: str | Path,
    *,
    replay: str | Path | None = None,
    config: SearchConfig | None = None,
    command: str = "",
    listener: Listener = lambda status: None,
) -> Compared:
    """Compare strategies and write compare.json, compare.html and runs.npz into a folder.

    Args:
        settings: what is compared.
        out: the folder; a new one for replays, while live searches that it holds are continued or read.
        replay: a recorded table.
        config: instead of a table, the searches that are to be run.
        command: what was typed, for the page.
        listener: called with the progress.

    Returns:
        the statistics, and the outcomes that they summarise.

    Raises:
        UserError: a setting is wrong; nothing has been written.
        SearchFailed: a live search had no reward at all.
    """
    must_not_be_a_rerun()
    folder = Path(out)
    if (replay is None) == (config is None):
        raise UserError("compare needs either --replay TABLE.parquet or --data D, to run searches on it")
    if (folder / "compare.json").exists() or (replay and folder.exists() and any(folder.iterdir())):
        raise UserError(f"{folder} holds a comparison or something else already: give another --out")
    make: Callable[[], Comparison]

    def say(sentence: str) -> None:
        listener(Status("prepare", 0, 0, None, 0, sentence))

    if config is None:
        make = partial(replayed, settings, str(replay), lambda done, total: listener(_progress(done, total)), say)
    else:
        make = partial(lived, settings, config, folder, listener)
    comparison = make()
    comparison = replace(comparison, about={**comparison.about, "command": command} if command else comparison.about)
    RunFolder(folder).make()
    return _written(comparison, folder)


def _progress(done: int, total: int) -> Status:
    return Status("replay", done, total, None, 0)


def _written(comparison: Comparison, folder: Path) -> Compared:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        statistics = summary(comparison)
        _save_runs(comparison, folder / "runs.npz")
        write_page(statistics, comparison, folder / "compare.html")
        write_json(statistics, comparison, folder / "compare.json")
    return statistics, comparison


def _save_runs(comparison: Comparison, path: Path) -> None:
    """Every run's numbers, `NUMBER.FIELD` by its place among the comparison's runs and those of the sensitivity."""
    arrays = {
        f"{i}.{name}": value
        for i, runs in enumerate((*comparison.runs, *comparison.sensitivity))
        for name, value in vars(runs).items()
    }
    np.savez_compressed(path, **arrays, names=np.array(comparison.arms.names), means=comparison.arms.means)
