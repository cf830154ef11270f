"""What a run that is continued must keep as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from policysearch.core.errors import UserError
from policysearch.policy.space_files import load_space
from policysearch.study.config import load_config
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.pinned_settings import Change
from policysearch.study.run_folder import RunFolder
from policysearch.study.stores import open_stores


def changed_settings(folder: RunFolder, change: Change, kind: str, advice: str) -> UserError:
    """The error for a run that is continued with other settings than it was begun with."""
    return UserError(f"{folder.path}: {change.since(kind)}; {advice}, or give another --out")


def must_not_be_fewer(option: str, count: int, recorded: int, folder: RunFolder) -> None:
    """Check a number that may grow when an experiment is continued.

    Raises:
        UserError: it is smaller than what is recorded.
    """
    if count < recorded:
        raise UserError(f"--{option} {count} is fewer than the {recorded} of {folder.path}: give {recorded} or more")


def note_seeds(store: OptunaTrialStore, seeds: int, folder: RunFolder) -> None:
    """Store the number of seeds, which may grow when an experiment is continued.

    Raises:
        UserError: it is smaller than what is recorded.
    """
    recorded = store.notes.get("seeds", 0)
    must_not_be_fewer("seeds", seeds, recorded, folder)
    if seeds > recorded:
        store.note("seeds", seeds)


def noted_in_search(run: RunFolder, read: Callable[[OptunaTrialStore], str]) -> str:
    """What a search's study says of what it was begun with.

    Args:
        run: the folder of the search.
        read: from its study, such as `pinned_data`.

    Returns:
        Empty where there is no study any more.
    """
    if not run.config.exists():
        return ""
    config = load_config(run.config)
    if config.storage is None and not run.study.exists():
        return ""
    space = load_space(str(run.space) if run.space.exists() else "default")
    with open_stores(config, run, space, read_only=True, phases={"search": ""}) as stores:
        return read(stores["search"])


def places_of_record(folder: RunFolder, mark: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Study and storage of an experiment that is continued: its folder may have been moved.

    Args:
        folder: of the experiment.
        mark: the name of the file that says what is done in the folder.
        values: settings that were given; they go first.
    """
    if not ((folder.path / mark).exists() and folder.config.exists()):  # a kill may have come between the two
        return {}
    stored = load_config(folder.config)
    return {name: getattr(stored, name) for name in ("study", "storage") if not values.get(name)}
