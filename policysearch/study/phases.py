"""The two Optuna studies of a run, the search and the confirmation of its finalists, and what they were begun with."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import optuna
from optuna.storages import BaseStorage

from policysearch.core.errors import UserError
from policysearch.core.settings import Mark
from policysearch.core.user_code import digest, function_digest
from policysearch.policy.spaces import Space
from policysearch.rules import RULES
from policysearch.rules.registry import own_rule_named
from policysearch.study.config import SearchConfig, save_config
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.rewards import parse_reward
from policysearch.study.run_folder import RunFolder
from policysearch.study.settings import StudySettings
from policysearch.study.storage import open_storage, reason, without_password
from policysearch.study.strategies import ladder

_log = logging.getLogger(__name__)

KEPT = SearchConfig.setting_names(Mark.FIXED, Mark.FIXED_IF_USED)
"""Settings that a run cannot change once it has begun."""
_State = Literal["new", "there", "either"]  # either: a kill may have come before a study was made


SEARCH_PHASES: Mapping[str, str] = MappingProxyType({"search": "", "confirm": "-confirm"})
"""The phases of a search, and what their studies' names have behind the run's; the first has all fidelities."""


def _names(config: StudySettings, phases: Mapping[str, str] = SEARCH_PHASES) -> dict[str, str]:
    return {phase: f"{config.study}{suffix}" for phase, suffix in phases.items()}


def _file(config: StudySettings, folder: RunFolder) -> Path | None:
    """Where the study is, if it is in a file."""
    if config.storage is None:
        return folder.study
    return Path(config.storage.removeprefix("sqlite:///")) if config.storage.startswith("sqlite:///") else None


def names_must_be_free(config: StudySettings, phases: Mapping[str, str] = SEARCH_PHASES) -> None:
    """In a storage that runs share, no study of this run's name may stand yet.

    Raises:
        UserError: one does, or the storage cannot be opened.
    """
    if config.storage:
        with open_storage(config.storage) as storage:
            taken = {*optuna.get_all_study_names(storage)} & {*_names(config, phases).values()}
        if taken:
            raise UserError(
                f"storage {without_password(config.storage)!r} already holds a study named {min(taken)!r}: "
                "give another --study"
            )


@contextmanager
def open_records(
    config: SearchConfig,
    folder: RunFolder,
    space: Space,
    *,
    new: bool = False,
    read_only: bool = False,
    fidelities: Sequence[tuple[int, int]] = (),
    phases: Mapping[str, str] = SEARCH_PHASES,
) -> Iterator[dict[str, OptunaTrialStore]]:
    """The records by phase, closed at the end; a missing study is created unless `read_only`.

    Args:
        new: no search has worked on them yet; two that begin at once under one name must not share them.
        fidelities: (images, epochs) of pulls, cheapest first; by default those of the config's strategy.
        phases: what a phase's study has behind the run's name.

    Raises:
        UserError: the storage cannot be opened, or is damaged; or, reading only, a study is not there.
    """
    begun = folder.trials.exists()
    if read_only and not begun:  # to open a new database, even for reading, is to write in it
        raise UserError(f"{folder.path} holds no pull yet: wait a moment, or `policysearch resume {folder.path}`")
    file = _file(config, folder)
    if begun and file is not None and not file.exists():
        raise UserError(f"the study of {folder.path} is gone: put {file} back")
    state: _State = "new" if new else "there" if read_only or begun else "either"
    with open_storage(config.storage or f"sqlite:///{folder.study.resolve()}") as storage:
        try:
            studies = {phase: _open_study(storage, name, state) for phase, name in _names(config, phases).items()}
            sizes = fidelities or ladder(config.strategy, config.images, config.epochs, config.rungs)
            of_phase = {phase: (config.last_fidelity,) if i else sizes for i, phase in enumerate(phases)}
            records = {p: _record(study, config, space, read_only, p, of_phase[p]) for p, study in studies.items()}
        except optuna.exceptions.StorageInternalError as error:
            raise UserError(f"the study of {folder.path} cannot be read: {reason(error)}") from None
        yield records


def _record(
    study: optuna.Study,
    config: SearchConfig,
    space: Space,
    read_only: bool,
    phase: str,
    fidelities: Sequence[tuple[int, int]],
) -> OptunaTrialStore:
    reward = config.last_reward if phase == "confirm" else config.reward
    return OptunaTrialStore(
        study,
        space,
        seed=config.seed,
        fidelities=fidelities,
        reward=_no_reward if read_only else parse_reward(reward),
        read_only=read_only,
    )


def _no_reward(metrics: Mapping[str, object]) -> float:
    return math.nan


def _model_digest(model: str) -> str | None:
    """A hash of the source of the user's own network, which must have been built; None for any other."""
    from policysearch.child.networks import OWN, network_row

    return function_digest(model) if network_row(model) is OWN else None


def save_settings(config: SearchConfig, folder: RunFolder) -> None:
    """Write config.toml, without the storage's password: folders of runs are handed on."""
    storage = config.storage and without_password(config.storage)
    save_config(config.model_copy(update={"storage": storage}), folder.config)


def must_be_the_same_search(config: SearchConfig, folder: RunFolder, study: optuna.Study, data: str) -> None:
    """What a search was begun with is kept in its study; pulls of other settings are not mixed in.

    Args:
        config, folder, study: the run.
        data: the data set's digest.

    Raises:
        UserError: config.toml, space.toml, the data, the user's operations or network were changed in what pulls
            depend on.
    """
    settings = begun_with(config, data, SearchConfig.setting_names(Mark.FIXED))
    if len(ladder(config.strategy, config.images, config.epochs, config.rungs)) > 1:
        settings |= config.setting_values(Mark.FIXED_IF_USED)
    settings["space.toml"] = hashlib.sha256(folder.space.read_bytes()).hexdigest()
    own = own_rule_named(config.strategy) and config.strategy.partition(":")[0] not in ("optuna", *RULES)
    settings |= {"the strategy's source": function_digest(config.strategy)} if own else {}
    changed = first_change(study, settings)
    if changed:
        name, value, begun = changed
        told = f"is {value!r}, was {begun!r} when the search began"
        told = told if name in KEPT else "changed since the search began"
        raise UserError(
            f"{folder.path}: {name} {told}; its pulls would not compare: put it back, or search into another --out"
        )


def begun_with(config: SearchConfig, data: str, names: Iterable[str]) -> dict[str, Any]:
    """What trials depend on: these settings, the data, and the sources of the user's operations and network."""
    settings = config.model_dump(mode="json", include=set(names))
    sources = {"operations": digest(config.operations), "the model's source": _model_digest(config.model)}
    return {**settings, **sources, "data": data}


def first_change(study: optuna.Study, settings: Mapping[str, Any]) -> tuple[str, Any, Any] | None:
    """The first setting that is not as the study was begun with: its name, its value now and then; None if all are.

    A study without settings is begun with these.
    """
    if "settings" not in study.user_attrs:
        study.set_user_attr("settings", dict(settings))
        _log.info("study %s begins", study.study_name)
        return None
    _log.info("study %s continues", study.study_name)
    # A study of an earlier version knows nothing of settings that came later: it was begun with their defaults.
    begun = SearchConfig().model_dump(mode="json", include={*KEPT}) | study.user_attrs["settings"]
    return next(((name, value, begun.get(name)) for name, value in settings.items() if begun.get(name) != value), None)


def _open_study(storage: BaseStorage, name: str, state: _State) -> optuna.Study:
    if state != "new":
        try:
            return optuna.load_study(study_name=name, storage=storage)
        except KeyError:
            if state == "there":
                raise UserError(f"the storage holds no study {name!r}: put the run's storage back") from None
    try:
        return optuna.create_study(storage=storage, study_name=name, direction="maximize")
    except optuna.exceptions.DuplicatedStudyError:
        raise UserError(f"another search has just begun a study named {name!r} here: give another --study") from None
