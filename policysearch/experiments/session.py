"""The life-cycle of every experiment: what it needs is loaded and checked, its folder locked, its trials run and kept.

A kind of experiment is its settings, a run that takes the steps of a `Session` in their order, and a report.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from policysearch.child.checkpoint_store import CheckpointStore, FolderFiles, clear
from policysearch.core.tasks import task_named
from policysearch.core.trial import Judge
from policysearch.core.user_code import import_all
from policysearch.datasets.dataset import Dataset
from policysearch.experiments.apart import import_meanwhile
from policysearch.experiments.class_checks import must_suit_classes
from policysearch.experiments.confusion import measured_confusion, with_confusion_table
from policysearch.experiments.continuation import changed_settings
from policysearch.experiments.observer import Observer, Work
from policysearch.experiments.pools import Keeping, PoolOf, workplace
from policysearch.experiments.progress import Listener, Status
from policysearch.experiments.resolve import must_suit
from policysearch.experiments.session_data import load_with_progress, notes_on
from policysearch.experiments.trials_csv import write_trials
from policysearch.policy.classes import unmeasured
from policysearch.policy.space_files import load_space, parse_space, space_text
from policysearch.policy.spaces import Space
from policysearch.study.config import SearchConfig
from policysearch.study.controller import Pool, PruningPool, Source, judged, run
from policysearch.study.density_settings import density_settings
from policysearch.study.ladder import continues, keeps_children
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.pinned_settings import pin, save_settings, search_settings
from policysearch.study.rows import FAILED, PRUNED, RUNNING
from policysearch.study.run_folder import RunFolder
from policysearch.study.sources import Releasing
from policysearch.study.storage import losses_in_a_sentence
from policysearch.study.stores import (
    SEARCH_PHASES,
    Task,
    names_must_be_free,
    open_stores,
    studies_removed_without_trials,
)

_LOG = logging.getLogger(__name__)
_Held = TypeVar("_Held")


class Session(AbstractContextManager["Session"]):
    """One experiment at work in its folder. What it holds is freed at the end of the context, however that comes.

    The steps, in their order: `load_space` and `load_data` (nothing is written until both have succeeded), `lock`,
    `place`, `keep_settings`, `open_stores`, `pin_search`, then `pool` and `train`, and `write_trials`.

    Args:
        config: resolved; `out` is the experiment's folder.
        listener: called with the `Status` after every outcome; an `Observer` also follows the trainings.
        again: what continues the experiment, for messages; by default `policysearch resume FOLDER`.

    Attributes:
        config, listener, folder: the same; `place` fills in what the place decides (the device, on a cluster).
        stores: the trial stores by phase, once they are open.
        notes: what a person should be warned of besides what the data set says itself, once the data are loaded.
    """

    def __init__(self, config: SearchConfig, listener: Listener, again: str = "") -> None:
        self.config = config
        self.listener = listener
        self.folder = RunFolder(Path(str(config.out)))
        self.stores: dict[str, OptunaTrialStore] = {}
        self.notes: tuple[str, ...] = ()
        self._space: Space | None = None
        self._space_text = ""
        self._dataset: Dataset | None = None
        self._observer = listener if isinstance(listener, Observer) else None
        self._again = again
        self._continued = self.folder.has_a_run()
        self._stack = ExitStack()
        self._pool_of: PoolOf | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._stack.__exit__(kind, error, trace)

    def hold(self, context: AbstractContextManager[_Held]) -> _Held:
        """Enter a context that is left at the end of the session."""
        return self._stack.enter_context(context)

    def must_be_new(self, phases: Mapping[str, str] = SEARCH_PHASES) -> None:
        """Check that the folder is empty and that no study in its storage has its name.

        Raises:
            UserError: the folder, or a study of its name, is there already.
        """
        self.folder.must_be_new()
        names_must_be_free(self.config, phases)

    def load_space(self) -> Space:
        """Import the user's operations, then load the space that the config names.

        Raises:
            UserError: one of them cannot be loaded.
        """
        import_all(self.config.operations)
        self._space = load_space(self.config.space, task_named(self.config.task).fixed)
        return self._space

    def load_data(self, *sizes: SearchConfig, warn: bool = False) -> Dataset:
        """Load the data set and check that the split, the pulls and the network suit it.

        Args:
            sizes: configs whose images and epochs are checked; by default the session's own.
            warn: whether to warn of what is odd in the data or the network, which is done once, when an experiment
                begins.

        Raises:
            UserError: the data cannot be read, a setting does not suit them, or the space calls a class that they lack.
        """
        dataset = self._dataset = load_with_progress(self.config, self.listener, self.config.task)
        if self._space is not None:
            must_suit_classes(self._space, dataset, self.config.task)
        import_meanwhile(self.config)
        notes = [note for config in sizes or (self.config,) for note in must_suit(config, dataset)]
        self.notes = tuple(dict.fromkeys(notes))
        if warn:
            for text in notes_on(dataset, self.config, notes):
                warnings.warn(text, stacklevel=3)
        return dataset

    def lock(self) -> None:
        """Make the folder and keep other controllers out of it until the end; without any trial it is removed again.

        Raises:
            UserError: the folder cannot be made, or another controller holds it.
            StorageLost: (at any time until the end) the study's storage failed, or a file could not be written.
        """
        self.hold(self.folder.in_use(self._begun))
        self.hold(losses_in_a_sentence(self.folder.path, self._again, self._begun))
        _LOG.info("at work in %s", self.folder.path)

    def _begun(self) -> bool:
        """Whether there is something to keep."""
        return self._continued or any(store.rows for store in self.stores.values())

    def place(self) -> None:
        """Go where children are trained, and learn the device there; done once.

        Raises:
            UserError: the place cannot be reached.
        """
        if self._pool_of is None:
            self.config, self._pool_of = self.hold(workplace(self.config))

    def measure_confusion(self, space: Space, dataset: Dataset) -> Space:
        """The space with the confusion by which its policies spread targets, measured where one of them lacks it.

        It is a step before `keep_settings`, which then writes what was measured along.

        Raises:
            UserError: the training that measures it failed.
        """
        if not (space.may_call_classes and any(unmeasured(arm.policy) for arm in space.specimens())):
            return space
        with self.pool(dataset) as pool:
            self.say("measuring which classes are confused, by one training without augmentation")
            confusion = measured_confusion(self.config, pool, dataset.classes)
        self._space_text = with_confusion_table(space_text(self.config.space), confusion, self.config)
        return parse_space(space.name, self._space_text, f"space {space.name!r}", space.fixed)

    def keep_settings(self, *, space: bool = False) -> None:
        """Write config.toml and, with `space`, the space as it is now."""
        if space:
            self.folder.space.write_text(self._space_text or space_text(self.config.space), encoding="utf-8")
        save_settings(self.config, self.folder)

    def open_stores(
        self,
        space: Space,
        *,
        new: bool = False,
        fidelities: Sequence[tuple[int, int]] = (),
        phases: Mapping[str, str] = SEARCH_PHASES,
        metrics: Mapping[str, str] | None = None,
        tasks: Mapping[str, Task] | None = None,
    ) -> dict[str, OptunaTrialStore]:
        """Open the studies of all phases; the arguments are those of `open_stores` in study/stores.py.

        Raises:
            UserError: the storage cannot be opened, or a study is missing or damaged.
        """
        opened = open_stores(
            self.config, self.folder, space, new=new, fidelities=fidelities, phases=phases, metrics=metrics, tasks=tasks
        )
        self.stores.update(self.hold(opened))
        if new:
            self.hold(studies_removed_without_trials(self.stores))
        return self.stores

    def pin_search(self, dataset: Dataset) -> None:
        """Hold the search to what its pulls depend on.

        Raises:
            UserError: one of these settings, the data or a source file was changed since the search began.
        """
        settings = search_settings(self.config, self.folder, dataset.digest)
        change = pin(self.stores["search"], settings)
        if change:
            raise changed_settings(self.folder, change, "search", "its pulls would not compare: put it back")

    @contextmanager
    def pool(self, dataset: Dataset, *, test: bool = False) -> Iterator[PruningPool]:
        """Workers that train on the data set; `test` lets them read the test part, which is for `evaluate` alone.

        Raises:
            UserError: the place cannot be reached.
        """
        self.place()
        assert self._pool_of is not None
        self.say(_start_of_workers(self.config))
        keeping = Keeping(self.folder.checkpoints, keeps_children(self.config), self.config.epochs)
        with self._pool_of(self.config, dataset, test=test, keeping=keeping) as pool:
            yield pool
        clear(self.folder.checkpoints)  # all trials have ended

    def say(self, note: str) -> None:
        """Tell the listener, in the phase "prepare", what is being done or will be done."""
        _LOG.info("%s", note)
        self.listener(Status("prepare", 0, 0, None, 0, note))

    def train(
        self,
        phase: str,
        source: Source,
        pool: PruningPool,
        total: int,
        *,
        shown_as: str = "",
        judge: Judge | None = None,
    ) -> None:
        """Train what is unfinished and what the source asks for.

        Args:
            phase: whose store the source writes to.
            source: of trials.
            pool: trains them.
            total: trials of the phase in all, for the listener.
            shown_as: what the listener is to call the phase.
            judge: stops trials at their checkpoints; None stops none.
        """
        store = self.stores[phase]
        _LOG.info("%s: %d of %d trials recorded", shown_as or phase, len(store.rows), total)

        density = density_settings(self.config.strategy) if phase == "search" else None
        first = density.folds if density else 0

        def progress() -> None:
            self.listener(_status(shown_as or phase, store, total, first))

        with judged(pool, judge):
            self.run_trials(shown_as or phase, store, source, pool, total, progress)

    def run_trials(
        self,
        phase: str,
        store: OptunaTrialStore,
        source: Source,
        pool: Pool,
        total: int,
        progress: Callable[[], object],
    ) -> None:
        """Train what a store holds unfinished and what a source asks for, followed by the observer if there is one.

        Args:
            phase: what the observer is to call it.
            store: where the source writes.
            source: of trials.
            pool: trains them.
            total: trials of the phase in all.
            progress: called after every outcome and at least once a second.
        """
        unfinished, retries = store.running(), self.config.retries
        checkpoints = CheckpointStore(FolderFiles(self.folder.checkpoints, self.config.checkpoint_limit))
        once = continues(self.config)  # those of a population may be forked by several
        if self._observer is None:
            run(Releasing(source, checkpoints, continued_once=once), pool, unfinished, retries, progress)
            return
        work = Work(phase, self.config, store, self.stores, total, unfinished, self._dataset)
        watched = self._observer.watch(work, source)
        run(Releasing(watched, checkpoints, continued_once=once), pool, unfinished, retries, progress)
        self._observer.leave(phase)

    def write_trials(self) -> None:
        """Write trials.csv, all phases."""
        write_trials(self.folder.trials, self.stores)


def _start_of_workers(config: SearchConfig) -> str:
    if config.workers == 0:
        return f"training in this process, on {config.device}"
    count = "workers" if config.workers is None else f"{config.workers} worker{'s' * (config.workers > 1)}"
    return f"starting {count}, on {config.device}"


def _status(phase: str, store: OptunaTrialStore, total: int, first: int = 0) -> Status:
    ended = [row for row in store.rows if row.state != RUNNING]
    best = store.tally.best()
    named = None if best is None else (store.arm_name(best[0]), best[1])
    failed, pruned = (sum(row.state == state for row in ended) for state in (FAILED, PRUNED))
    return Status(phase, len(ended), total, named, failed, pruned=pruned, first=first)
