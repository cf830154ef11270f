"""The end of an upload: who still wants it, and how it goes."""

from __future__ import annotations

import shutil
from contextlib import suppress

from policysearch.service.database.data_sets import DataSets
from policysearch.service.database.job_rows import NoSuchJob
from policysearch.service.database.jobs import Jobs
from policysearch.service.ids import is_id
from policysearch.service.job import AT_REST, Job, State
from policysearch.service.state_folder import StateFolder

_AT_WORK = frozenset(State) - AT_REST - {State.DELETING}
_MOST = 100_000


def jobs_that_want(data_id: str, jobs: Jobs) -> list[str]:
    """Ids of the jobs that wait or are at work with an upload, in the settings or in those of the search they judge.

    Args:
        data_id: of the upload.
        jobs: all jobs.
    """
    at_work = jobs.page(None, states=_AT_WORK, limit=_MOST)
    return [job.id for job in at_work if data_id in (job.request.get("data"), _data_of_search(job, jobs))]


def _data_of_search(job: Job, jobs: Jobs) -> object:
    """The data of the search that an evaluation judges, which are its own unless it names others."""
    search = job.request.get("policy")
    if "data" in job.request or not isinstance(search, str) or not is_id(search):
        return None
    with suppress(NoSuchJob):
        return jobs.get(search).request.get("data")
    return None


def delete_data_set(data_id: str, data_sets: DataSets, folder: StateFolder) -> None:
    """Delete an upload: its row first, so that no request finds half of it; its folder has no row then, and goes.

    Args:
        data_id: of the upload.
        data_sets: their table.
        folder: the service's.
    """
    data_sets.remove(data_id)
    shutil.rmtree(folder.data_set(data_id), ignore_errors=True)
