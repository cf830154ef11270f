"""One search from start to end: check everything, open the record, run the pool, confirm, write the files."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager
from pathlib import Path

from policysearch.core.errors import SearchFailed, UserError
from policysearch.core.user_code import import_all
from policysearch.datasets.config import DataSettings
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.load import load
from policysearch.datasets.split import split
from policysearch.experiments.pools import PoolOf, workplace
from policysearch.experiments.progress import Listener, Status
from policysearch.experiments.resolve import must_suit, resolved, tried_strategy
from policysearch.experiments.search.calibrated import as_calibrated, cautions
from policysearch.experiments.search.figure import write_picture
from policysearch.experiments.search.report.provenance import note_background
from policysearch.experiments.search.result import (
    SearchResult,
    material_of,
    note_references,
    references,
    result_of,
    saved_space,
)
from policysearch.experiments.search.summary import finalists, summarise
from policysearch.experiments.search.tracking.listener import followed
from policysearch.experiments.search.tracking.select import must_have_tensorboard, trackers
from policysearch.experiments.trials_csv import write_trials
from policysearch.policy.spaces import Space, load_space, space_text
from policysearch.study.config import SearchConfig, load_config
from policysearch.study.controller import Pool, Source, run
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.phases import must_be_the_same_search, names_must_be_free, open_records, save_settings
from policysearch.study.run_folder import RunFolder
from policysearch.study.sources import Budgeted, Confirmation
from policysearch.study.storage import losses_told
from policysearch.study.strategies import Strategy


def search(config: SearchConfig, listener: Listener = lambda status: None) -> SearchResult:
    """Run a search and write its folder.

    Args:
        config: what to search; unset values are resolved and saved with the run.
        listener: told the `Status` after every outcome.

    Raises:
        UserError: something given is wrong; nothing has been written.
        SearchFailed: no pull gave a reward; the run's record is kept.
        KeyboardInterrupt: the record is kept, and `resume` goes on.
    """
    config = as_calibrated(resolved(config))
    must_have_tensorboard(config)
    folder = RunFolder(Path(str(config.out)))
    folder.must_be_new()
    import_all(config.operations)
    space = load_space(config.space)
    strategy = tried_strategy(config, space)
    names_must_be_free(config)
    dataset = loaded(config, listener)
    must_suit(config, dataset)
    for text in [*(f"data {config.data!r}: {text}" for text in dataset.warnings), *cautions(config, dataset)]:
        warnings.warn(text, stacklevel=1)
    with workplace(config) as (config, pool_of):
        return _begin(config, folder, space, dataset, strategy, pool_of, listener)


def _begin(
    config: SearchConfig,
    folder: RunFolder,
    space: Space,
    dataset: Dataset,
    strategy: Strategy,
    pool_of: PoolOf,
    listener: Listener,
) -> SearchResult:
    folder.make()
    with folder.locked(), losses_told(folder.path):
        folder.must_be_new()
        folder.space.write_text(space_text(config.space), encoding="utf-8")
        save_settings(config, folder)
        with open_records(config, folder, space, new=True) as records:
            must_be_the_same_search(config, folder, records["search"].study, dataset.digest)
            with _tracked(config, folder, records, listener) as tell:
                return _continue(config, folder, dataset, strategy, records, pool_of, tell)


def _tracked(
    config: SearchConfig, folder: RunFolder, records: dict[str, OptunaTrialStore], listener: Listener
) -> AbstractContextManager[Listener]:
    """The listener, which tells TensorBoard and MLflow too, where these are wanted."""
    return followed(trackers(config, folder.path, records["search"].study), folder.path, records, listener)


def resume(
    path: str | Path,
    trials: int | None = None,
    confirm: int | None = None,
    listener: Listener = lambda status: None,
    tensorboard: bool | None = None,
    workers: int | None = None,
) -> SearchResult:
    """Continue a run after any kind of end.

    Args:
        path: the run's folder.
        trials: pulls of the search in all, if it is to go further; not fewer than before.
        confirm: fresh replicates of the confirmation in all, if there are to be more; not fewer than before.
        listener: as for `search`.
        tensorboard: whether to write for TensorBoard from now on, the pulls so far included; None: as before.
        workers: how many from now on; None: as before.

    Raises:
        UserError: no run there, fewer trials or replicates than before, or another controller is at work on it.
    """
    folder = RunFolder(Path(path))
    folder.must_hold_a_run()
    with folder.locked(), losses_told(folder.path):
        config = load_config(folder.config)
        anew = {"tensorboard": tensorboard, "workers": workers}
        config = config.model_copy(update={name: value for name, value in anew.items() if value is not None})
        must_have_tensorboard(config)
        further = {"trials": trials, "confirm": confirm}
        config = resolved(config.model_copy(update={"out": str(folder.path), **_not_fewer(config, folder, further)}))
        import_all(config.operations)
        space = saved_space(config, folder)
        strategy = tried_strategy(config, space)
        dataset = loaded(config, listener)
        must_suit(config, dataset)
        with open_records(config, folder, space) as records:
            must_be_the_same_search(config, folder, records["search"].study, dataset.digest)
            had = len(records["search"].rows)
            if config.trials < had:
                raise UserError(
                    f"{folder.path} has {had} pulls, its config.toml says trials = {config.trials}: raise it"
                )
            with workplace(config) as (config, pool_of):
                save_settings(config, folder)
                with _tracked(config, folder, records, listener) as tell:
                    return _continue(config, folder, dataset, strategy, records, pool_of, tell)


def _not_fewer(config: SearchConfig, folder: RunFolder, further: dict[str, int | None]) -> dict[str, int]:
    """How far the run is to go now."""
    for name, count in further.items():
        had = getattr(config, name)
        if count is not None and count < had:
            raise UserError(f"--{name} {count} is fewer than the {had} of {folder.path}: give {had} or more")
    return {name: count for name, count in further.items() if count is not None}


def loaded(config: DataSettings, listener: Listener) -> Dataset:
    """The data set; the listener is told how many images are decoded, where it was not done before.

    Raises:
        UserError: it is not there, or cannot be read.
    """
    return load(config, lambda done, total: listener(Status("decode", done, total, None, 0)))


def _continue(
    config: SearchConfig,
    folder: RunFolder,
    dataset: Dataset,
    strategy: Strategy,
    records: dict[str, OptunaTrialStore],
    pool_of: PoolOf,
    listener: Listener,
) -> SearchResult:
    record, again = records["search"], records["confirm"]
    if not record.rows:
        note_references(record.study)
    note_background(record.study, dataset, split(dataset, config.validation, config.split_seed))
    write_trials(folder.trials, records)
    try:
        with pool_of(config, dataset) as pool:
            source = Budgeted(record, strategy, config.trials)
            run_phase("search", source, record, pool, config, config.trials, listener)
            summaries = summarise(record.rows)
            if not any(s.pulls for s in summaries):
                raise SearchFailed(_why(record))
            arms = finalists(summaries, config.finalists, references(record.study))
            tests = Confirmation(again, arms, config.confirm)
            if len(tests) or again.running():
                run_phase("confirm", tests, again, pool, config, len(again.rows) + len(tests), listener)
    finally:
        write_trials(folder.trials, records)
    write_picture(folder.picture, record.rows, summaries, config.reward)
    result = result_of(config, folder, records)
    if result.policy is not None:
        result.policy.save(folder.policy)
    write_page(config, folder, records, dataset)
    return result


def write_page(config: SearchConfig, folder: RunFolder, records: dict[str, OptunaTrialStore], dataset: Dataset) -> None:
    """report.html; a search that has ended well does not fail for it."""
    from policysearch.experiments.search.report.page import write_report  # it imports matplotlib

    try:
        write_report(material_of(config, folder, records), folder.report, dataset)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        warnings.warn(f"the search is complete, but {folder.report} could not be made: {reason}", stacklevel=1)


def run_phase(
    name: str,
    source: Source,
    record: OptunaTrialStore,
    pool: Pool,
    config: SearchConfig,
    total: int,
    listener: Listener,
) -> None:
    """Train what is unfinished and what the source asks for; the listener is told of `name`, of `total` trials."""

    def tell() -> None:
        ended = [row for row in record.rows if row.state != "running"]
        found = record.tally.best()
        best = None if found is None else (record.arm_name(found[0]), found[1])
        listener(Status(name, len(ended), total, best, sum(row.state == "failed" for row in ended)))

    run(source, pool, record.running(), config.retries, tell)


def _why(record: OptunaTrialStore) -> str:
    errors = [row.outcome.error for row in record.rows if row.outcome.error]
    common = max(set(errors), key=errors.count) if errors else "no trial was run"
    return f"every arm failed: {len(errors)} of {len(record.rows)} trials ended with an error, most often: {common}"
