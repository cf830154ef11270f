"""Deleting a job: its folder goes to the trash, then its row, then the trash is emptied. Each step may be repeated."""

from __future__ import annotations

import shutil

from policysearch.service.database.jobs import Jobs
from policysearch.service.job import Job, State
from policysearch.service.state_folder import StateFolder


def delete(folder: StateFolder, jobs: Jobs, job: Job) -> None:
    """Delete a job that rests, or go on deleting one.

    Raises:
        OSError: its folder cannot be moved or removed.
    """
    if job.state is not State.DELETING:
        jobs.enter(job.id, State.DELETING)
    path, trash = folder.job(job.id).path, folder.in_trash(job.id)
    if path.exists():
        _remove(folder, job.id)
        path.rename(trash)
    jobs.remove(job.id)
    _remove(folder, job.id)


def empty_trash(folder: StateFolder) -> None:
    """Remove what a kill has left in the trash."""
    for path in folder.trash.iterdir():
        shutil.rmtree(path, ignore_errors=True)


def _remove(folder: StateFolder, job_id: str) -> None:
    trash = folder.in_trash(job_id)
    if trash.exists():
        shutil.rmtree(trash)
