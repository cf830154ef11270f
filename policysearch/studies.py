"""Opening the two Optuna studies of a run: the search, and the confirmation of its finalists."""

from __future__ import annotations

from pathlib import Path

import optuna
from optuna.storages import BaseStorage

from policysearch.config import SearchConfig
from policysearch.errors import UserError
from policysearch.record import Record
from policysearch.rewards import parse_reward
from policysearch.run_folder import RunFolder
from policysearch.spaces import Space

__all__ = ["names_must_be_free", "open_records"]


def _names(config: SearchConfig) -> dict[str, str]:
    return {"search": str(config.study), "confirm": f"{config.study}-confirm"}


def _file(config: SearchConfig, folder: RunFolder) -> Path | None:
    """Where the study is, if it is in a file."""
    if config.storage is None:
        return folder.study
    return Path(config.storage.removeprefix("sqlite:///")) if config.storage.startswith("sqlite:///") else None


def _open_storage(config: SearchConfig, folder: RunFolder) -> BaseStorage:
    url = config.storage or f"sqlite:///{folder.study.resolve()}"
    try:
        return optuna.storages.get_storage(url)
    except ImportError as error:
        raise UserError(f"storage {url!r} needs the package {error.name!r}: pip install {error.name}") from None
    except Exception as error:  # each database driver raises errors of its own
        raise UserError(f"cannot open storage {url!r}: {' '.join(str(error).split())[:200]}") from None


def names_must_be_free(config: SearchConfig, folder: RunFolder) -> None:
    """In a storage that runs share, no study of this run's name may stand yet.

    Raises:
        UserError: one does, or the storage cannot be opened.
    """
    if config.storage:
        storage = _open_storage(config, folder)
        taken = {*optuna.get_all_study_names(storage)} & {*_names(config).values()}
        if taken:
            raise UserError(
                f"storage {config.storage!r} already holds a study named {min(taken)!r}: give another --study"
            )


def open_records(config: SearchConfig, folder: RunFolder, space: Space, read_only: bool = False) -> dict[str, Record]:
    """The records by phase, `search` and `confirm`; a study that is not there yet is created unless `read_only`.

    Raises:
        UserError: the storage cannot be opened, or is damaged; or, reading only, a study is not there.
    """
    file = _file(config, folder)
    if file is not None and not file.exists():
        if folder.trials.exists():
            raise UserError(f"the study of {folder.path} is gone: put {file} back")
        if read_only:
            raise UserError(f"{folder.path} holds no study yet: `policysearch resume {folder.path}` starts it")
    storage = _open_storage(config, folder)
    try:
        return {
            phase: Record(
                _open_study(storage, name, read_only),
                space,
                seed=config.seed,
                images=config.images,
                epochs=config.epochs,
                reward=parse_reward(config.reward),
                read_only=read_only,
            )
            for phase, name in _names(config).items()
        }
    except optuna.exceptions.StorageInternalError as error:
        reason = " ".join(str(error.__cause__ or error).split())[:200]
        raise UserError(f"the study of {folder.path} cannot be read: {reason}") from None


def _open_study(storage: BaseStorage, name: str, read_only: bool) -> optuna.Study:
    try:
        return optuna.load_study(study_name=name, storage=storage)
    except KeyError:
        if read_only:
            raise UserError(f"the storage holds no study {name!r} yet") from None
        return optuna.create_study(storage=storage, study_name=name, direction="maximize")
