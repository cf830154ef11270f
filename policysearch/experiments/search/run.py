"""One search from start to end: check everything, pull arms, confirm the finalists, write the files."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from policysearch.core.errors import UserError, in_one_line
from policysearch.core.user_code import import_all
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.load import opened
from policysearch.datasets.split import split
from policysearch.experiments.apart import called_apart
from policysearch.experiments.config_checks import must_be_spelled_to_begin
from policysearch.experiments.continuation import must_not_be_fewer
from policysearch.experiments.progress import Listener
from policysearch.experiments.resolve import resolved, tried_strategy
from policysearch.experiments.search.ablation import without_factors
from policysearch.experiments.search.announcement import announce
from policysearch.experiments.search.brief import FILE, save_brief
from policysearch.experiments.search.calibrated import as_calibrated, cautions
from policysearch.experiments.search.candidates import candidates, must_have_rewards
from policysearch.experiments.search.figure import write_picture
from policysearch.experiments.search.report.data import Material
from policysearch.experiments.search.report.provenance import note_background, note_warnings
from policysearch.experiments.search.result import (
    SearchResult,
    material_of,
    note_references,
    references,
    result_of,
    saved_space,
)
from policysearch.experiments.search.summary import ArmSummary, summarise
from policysearch.experiments.search.tracking.listener import followed
from policysearch.experiments.search.tracking.select import trackers
from policysearch.experiments.search.unused_operations import notes_on_operations
from policysearch.experiments.session import Session
from policysearch.experiments.user_training import settings_with
from policysearch.study.by_class.strategy import ByClassStrategy
from policysearch.study.config import SearchConfig, load_config, make_config
from policysearch.study.controller import PruningPool
from policysearch.study.populations.plan import settled
from policysearch.study.pruning.judge import Judging
from policysearch.study.pruning.registry import pruner_of
from policysearch.study.run_folder import RunFolder
from policysearch.study.settings import FIXED_FINALISTS
from policysearch.study.sources import ABLATION, Budgeted, Confirmation
from policysearch.study.stores import names_must_be_free
from policysearch.study.strategies import Strategy
from workers.errand import ErrandDied


def search(
    config: SearchConfig | None = None,
    listener: Listener = lambda status: None,
    *,
    train: Callable[..., Any] | str | None = None,
    **settings: Any,
) -> SearchResult:
    """Run a search and write its folder.

    Args:
        config: what to search; unset values are resolved and saved with the run.
        listener: called with the `Status` after every outcome.
        train: a training function of your own in place of the networks of this program, called by name with those of
            policy, seed, images, epochs, report, data, device and test that it takes; it returns metrics. See
            `policysearch guide your-training`.
        settings: settings of `SearchConfig` by name, over those of `config`; `data` may be arrays or a `Dataset` too.

    Raises:
        UserError: a setting is wrong; nothing has been written.
        SearchFailed: no pull gave a reward; the trials are kept.
        KeyboardInterrupt: the trials are kept, and `resume` continues.

    Example:
        >>> from policysearch import SearchConfig, search
        >>> result = search(SearchConfig(trials=60, out="results/mine"))  # doctest: +SKIP
        >>> result.policy.save("policy.json")  # doctest: +SKIP
        >>> result = search(train=my_function, trials=60, workers=2)  # doctest: +SKIP
    """
    if config is None or train is not None or settings:
        config = make_config(settings_with(config, train, settings))
    must_be_spelled_to_begin(config)
    config = settled(as_calibrated(resolved(config)))
    if config.fixed_finalists is None:
        config = config.model_copy(update={"fixed_finalists": FIXED_FINALISTS})
    with Session(config, listener) as session:
        names_must_be_free(config)
        space = session.load_space()
        strategy = tried_strategy(config, space)
        dataset = session.load_data(warn=True)
        warned = [*cautions(config, dataset), *notes_on_operations(config, space)]
        for text in warned:
            warnings.warn(text, stacklevel=2)

        # A place that cannot be reached ends the search before anything is written.
        session.place()
        session.lock()
        session.folder.must_be_new()  # another search may have begun in it meanwhile
        measured = session.measure_confusion(space, dataset)
        if measured is not space:
            space, strategy = measured, tried_strategy(config, measured)
        session.keep_settings(space=True)
        session.open_stores(space, new=True)
        session.pin_search(dataset)
        note_warnings(session.stores["search"], [*dataset.warnings, *session.notes, *warned])
        return _run(session, dataset, strategy)


def resume(
    path: str | Path,
    trials: int | None = None,
    confirm: int | None = None,
    listener: Listener = lambda status: None,
    tensorboard: bool | None = None,
    workers: int | None = None,
    ablate: int | None = None,
) -> SearchResult:
    """Continue a run after any kind of end.

    Args:
        path: the run's folder.
        trials: pulls of the search in all, if it is to go further; not fewer than before.
        confirm: fresh replicates of the confirmation in all, if there are to be more; not fewer than before.
        listener: as for `search`.
        tensorboard: whether to write for TensorBoard from now on, the pulls so far included; None: as before.
        workers: how many from now on; None: as before.
        ablate: fresh replicates on which the winner is trained without each of its factors; not fewer than before.

    Raises:
        UserError: no run there, fewer trials or replicates than before, or another controller is at work on it.
    """
    folder = RunFolder(Path(path))
    folder.must_hold_a_run()
    with Session(SearchConfig(out=str(folder.path)), listener) as session:
        session.lock()
        changes = {
            "tensorboard": tensorboard,
            "workers": workers,
            "trials": trials,
            "confirm": confirm,
            "ablate": ablate,
        }
        config = session.config = _continued(folder, changes)
        import_all(config.operations)
        space = saved_space(config, folder)
        strategy = tried_strategy(config, space)
        dataset = session.load_data()
        session.open_stores(space)
        session.pin_search(dataset)
        recorded = len(session.stores["search"].rows)
        if config.trials < recorded:
            raise UserError(
                f"{folder.path} has {recorded} pulls, its config.toml says trials = {config.trials}: raise it"
            )
        session.place()
        session.keep_settings()
        return _run(session, dataset, strategy)


def _continued(folder: RunFolder, changes: dict[str, int | bool | None]) -> SearchConfig:
    """The config of a run that is continued with these changes; None leaves a setting as it is."""
    config = load_config(folder.config)
    update = {name: value for name, value in changes.items() if value is not None}
    for name in ("trials", "confirm", "ablate"):
        if name in update:
            must_not_be_fewer(name, int(update[name]), getattr(config, name), folder)
    return settled(resolved(config.model_copy(update={**update, "out": str(folder.path)})))


def _run(session: Session, dataset: Dataset, strategy: Strategy) -> SearchResult:
    """Train what is left to train, with TensorBoard and MLflow following, then write the run's files."""
    config, stores = session.config, session.stores
    if isinstance(strategy, ByClassStrategy):
        strategy = strategy.for_classes(dataset.classes)
    followers = trackers(config, session.folder.path, stores["search"])
    session.listener = session.hold(followed(followers, session.folder.path, stores, session.listener))
    if not stores["search"].rows:
        note_references(stores["search"])
    parts = split(dataset, config.validation, config.split_seed)
    note_background(stores["search"], dataset, parts, config.task)
    session.write_trials()
    try:
        summaries = _train(session, dataset, strategy)
    finally:
        session.write_trials()
    return _write(session, dataset, summaries)


def _train(session: Session, dataset: Dataset, strategy: Strategy) -> list[ArmSummary]:
    """Pull arms until the budget is used, then train the finalists on fresh replicates."""
    config, store, confirmed = session.config, session.stores["search"], session.stores["confirm"]
    with session.pool(dataset) as pool:
        announce(session, dataset, strategy, pool)
        pruner = pruner_of(config)
        judge = Judging(store, pruner) if pruner else None
        session.train("search", Budgeted(store, strategy, config.trials), pool, config.trials, judge=judge)
        summaries = summarise(store.rows)
        must_have_rewards(config, store.rows, summaries)
        arms = candidates(config, store.space, store.rows, summaries, references(store))
        source = Confirmation(confirmed, arms, config.confirm)
        if len(source) or confirmed.running():
            session.train("confirm", source, pool, len(confirmed.rows) + len(source))
        _ablate(session, pool)
    return summaries


def _ablate(session: Session, pool: PruningPool) -> None:
    """Train the winner with each of its factors taken away, where that is asked for."""
    config, confirmed = session.config, session.stores["confirm"]
    verdict = result_of(config, session.folder, session.stores).verdict if config.ablate else None
    if verdict is None:
        return
    arms = [without.arm for without in without_factors(confirmed.space, verdict.winner)]
    if arms:
        source = Confirmation(confirmed, [verdict.winner, *arms], config.ablate, ABLATION)
        session.train("confirm", source, pool, len(confirmed.rows) + len(source))


def _write(session: Session, dataset: Dataset, summaries: list[ArmSummary]) -> SearchResult:
    config, folder = session.config, session.folder
    result = result_of(config, folder, session.stores)
    if result.policy is not None:
        result.policy.save(folder.policy)
    with _not_failing(folder.picture, ErrandDied):
        called_apart(config, write_picture, folder.picture, session.stores["search"].rows, summaries, config)
    material = material_of(result, folder, session.stores)
    with _not_failing(folder.report):
        called_apart(config, write_page, material, dataset.handle)
    if result.policy is not None and config.storage is None:
        _write_brief(result, material)
    return result


def write_page(material: Material, data: str) -> None:
    """Write report.html, with pictures of the data set of this handle."""
    # It imports matplotlib and torch, which only this step needs.
    from policysearch.experiments.search.report.page import write_report

    write_report(material, RunFolder(material.folder).report, opened(data))


def _write_brief(result: SearchResult, material: Material) -> None:
    """Write summary.json, for `policysearch show`."""
    from policysearch.experiments.search.text import brief_of

    with _not_failing(material.folder / FILE):
        save_brief(brief_of(result, material), material.folder)


@contextmanager
def _not_failing(file: Path, errors: type[Exception] = Exception) -> Iterator[None]:
    """A search that has ended well does not fail because a file that says so cannot be made: warn of it."""
    try:
        yield
    except errors as error:
        reason = in_one_line(error)[:300]
        warnings.warn(f"the search is complete, but {file} could not be made: {reason}", stacklevel=3)
