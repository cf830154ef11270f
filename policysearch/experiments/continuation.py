"""What a run that is continued must keep as it was."""

from __future__ import annotations

from policysearch.core.errors import UserError
from policysearch.study.pinned_settings import Change
from policysearch.study.run_folder import RunFolder


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
