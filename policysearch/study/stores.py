"""The trial stores of a run: one Optuna study per phase, opened together and closed together."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import optuna
from optuna.storages import BaseStorage

from policysearch.core.command import command
from policysearch.core.errors import UserError
from policysearch.policy.spaces import Space
from policysearch.study.config import SearchConfig
from policysearch.study.density_chains import fold_task
from policysearch.study.density_settings import density_settings
from policysearch.study.ladder import ladder
from policysearch.study.lease import Lease
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.reward_metrics import metrics_of_task
from policysearch.study.rewards import parse_reward, point_value
from policysearch.study.rows import Row
from policysearch.study.run_folder import RunFolder
from policysearch.study.settings import StudySettings
from policysearch.study.sqlite_file import sqlite_file
from policysearch.study.storage import names_in, open_storage, reason, without_password

_LOG = logging.getLogger(__name__)
Task = Callable[[Row], str]
_State = Literal["new", "there", "either"]  # either: a kill may have come before a study was made


SEARCH_PHASES: Mapping[str, str] = MappingProxyType({"search": "", "confirm": "-confirm"})
"""The phases of a search, and what their studies' names have behind the run's; the first has all fidelities."""


def _names(config: StudySettings, phases: Mapping[str, str] = SEARCH_PHASES) -> dict[str, str]:
    return {phase: f"{config.study}{suffix}" for phase, suffix in phases.items()}


def _file(config: StudySettings, folder: RunFolder) -> Path | None:
    """Where the study is, if it is in a file."""
    if config.storage is None:
        return folder.study
    return sqlite_file(config.storage)


def names_must_be_free(config: StudySettings, phases: Mapping[str, str] = SEARCH_PHASES) -> None:
    """Check that a storage which runs share holds no study of this run's name yet. The storage is only read.

    Raises:
        UserError: there is one, or the storage cannot be opened.
    """
    if config.storage:
        taken = names_in(config.storage) & {*_names(config, phases).values()}
        if taken:
            raise UserError(
                f"storage {without_password(config.storage)!r} already holds a study named {min(taken)!r}: "
                "give another --study"
            )


@contextmanager
def open_stores(
    config: SearchConfig,
    folder: RunFolder,
    space: Space,
    *,
    new: bool = False,
    read_only: bool = False,
    fidelities: Sequence[tuple[int, int]] = (),
    phases: Mapping[str, str] = SEARCH_PHASES,
    metrics: Mapping[str, str] | None = None,
    tasks: Mapping[str, Task] | None = None,
) -> Iterator[dict[str, OptunaTrialStore]]:
    """The trial stores by phase, closed at the end; a missing study is created unless `read_only`.

    Args:
        new: no search has worked on them yet; two that begin at once under one name must not share them.
        fidelities: (images, epochs) of pulls, cheapest first; by default those of the config's strategy.
        phases: what a phase's study has behind the run's name.
        metrics: those that the reward may name; None: the task's.
        tasks: what the rows of a phase ask of workers instead of training their arm, see `Trial.task`.

    Raises:
        UserError: the storage cannot be opened, or is damaged; or, reading only, a study is not there.
    """
    begun = folder.trials.exists()
    # To open a new database, even for reading, is to write in it.
    if read_only and not begun:
        raise UserError(f"{folder.path} holds no pull yet: wait a moment, or {command('resume', folder.path)}")
    file = _file(config, folder)
    if begun and file is not None and not file.exists():
        raise UserError(f"the study of {folder.path} is gone: put {file} back")
    state: _State = "new" if new else "there" if read_only or begun else "either"
    with open_storage(config.storage or f"sqlite:///{folder.study.resolve()}") as storage, ExitStack() as stack:
        try:
            studies = {
                phase: _open_study(storage, name, state, config.last_reward if phase == "confirm" else config.reward)
                for phase, name in _names(config, phases).items()
            }
            lease = None
            if config.storage and not read_only:  # a study in the folder is guarded by the folder's lock
                lease = stack.enter_context(_lease(studies[next(iter(phases))], config, folder))
            metrics = metrics or metrics_of_task(config.task)
            sizes = fidelities or ladder(config)
            of_phase = {phase: (config.last_fidelity,) if i else sizes for i, phase in enumerate(phases)}
            stores = {
                phase: _store(
                    study, config, space, read_only, phase, of_phase[phase], lease, folder, metrics, tasks or {}
                )
                for phase, study in studies.items()
            }
        except optuna.exceptions.StorageInternalError as error:
            raise UserError(f"the study of {folder.path} cannot be read: {reason(error)}") from None
        yield stores


def _store(
    study: optuna.Study,
    config: SearchConfig,
    space: Space,
    read_only: bool,
    phase: str,
    fidelities: Sequence[tuple[int, int]],
    lease: Lease | None,
    folder: RunFolder,
    metrics: Mapping[str, str],
    tasks: Mapping[str, Task],
) -> OptunaTrialStore:
    reward = config.last_reward if phase == "confirm" else config.reward
    return OptunaTrialStore(
        study,
        space,
        seed=config.seed,
        fidelities=fidelities,
        reward=_no_reward if read_only else parse_reward(reward, metrics),
        read_only=read_only,
        point_value=point_value(reward, metrics),
        before_writing=lease.must_hold if lease else _nothing,
        task=_tasks(config, folder) if phase == "search" else tasks.get(phase, _no_task),
    )


def _tasks(config: SearchConfig, folder: RunFolder) -> Callable[[Row], str]:
    """What the trials of a search ask of workers."""
    density = density_settings(config.strategy)
    if density is None:
        return _no_task
    return lambda row: fold_task(row, density, config.seed, str(folder.networks.absolute()))


def _no_task(row: Row) -> str:
    return ""


def _lease(study: optuna.Study, config: StudySettings, folder: RunFolder) -> Lease:
    """The lease of all studies of a run, kept in its first one."""
    assert config.storage is not None
    backend = study._storage._backend  # type: ignore[attr-defined]
    return Lease(
        engine=backend.engine,
        study_id=study._study_id,
        study=str(study.study_name),
        storage=without_password(config.storage),
        folder=folder.path,
        file=sqlite_file(config.storage),
    )


def _nothing() -> None:
    pass


def _no_reward(metrics: Mapping[str, object]) -> float:
    return math.nan


def _open_study(storage: BaseStorage, name: str, state: _State, reward: str) -> optuna.Study:
    """The study of that name; where it is created, its objective is called as the reward, which dashboards show."""
    if state != "new":
        try:
            return optuna.load_study(study_name=name, storage=storage)
        except KeyError:
            if state == "there":
                raise UserError(f"the storage holds no study {name!r}: put the run's storage back") from None
    try:
        study = optuna.create_study(storage=storage, study_name=name, direction="maximize")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names([reward])
        return study
    except optuna.exceptions.DuplicatedStudyError:
        raise UserError(f"another search has just begun a study named {name!r} here: give another --study") from None


@contextmanager
def studies_removed_without_trials(stores: Mapping[str, OptunaTrialStore]) -> Iterator[None]:
    """Where an error comes before the first trial, the storage, which others may share, keeps no empty studies."""
    try:
        yield
    except (Exception, KeyboardInterrupt):
        if not any(store.rows for store in stores.values()):
            with suppress(Exception):  # the storage may be what has failed
                for store in stores.values():
                    store.delete()
        raise
