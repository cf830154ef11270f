"""Building the service from the operator's options: what cannot be put to use is a refusal to start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from policysearch.core.errors import UserError
from policysearch.service.database.accounts import Accounts
from policysearch.service.database.connection import DatabaseAway, open_database
from policysearch.service.database.data_sets import DataSets
from policysearch.service.database.jobs import Jobs
from policysearch.service.database.viewer import Viewer
from policysearch.service.job import Job
from policysearch.service.limits import read_limits
from policysearch.service.options import Options
from policysearch.service.place_checks import places_of
from policysearch.service.requests import RequestContext, settings_of
from policysearch.service.scheduler.places import Place
from policysearch.service.scheduler.scheduler import Scheduler
from policysearch.service.state_folder import JobFolder, StateFolder
from policysearch.service.uploads.checks import UploadChecks
from policysearch.service.web.state import ServiceState


@contextmanager
def service(options: Options) -> Iterator[ServiceState]:
    """The service over its folder, which this process must hold; nothing runs yet.

    Raises:
        UserError: something that the operator has configured cannot be put to use.
    """
    folder = StateFolder(options.state)
    limits = read_limits(folder.limits)
    places = places_of(options.places)
    _check_data(options.data)
    try:
        database = open_database(options.database or None, folder.database)
    except DatabaseAway as error:
        raise UserError(f"--database: {error}") from None
    with database:
        jobs, accounts = Jobs(database), Accounts(database)
        data_sets = DataSets(database, folder, options.data)
        context = RequestContext(None, data_sets, jobs, folder, options.plugins, places, limits)
        scheduler = Scheduler(folder, jobs, places, limits, settings_of=JobSettings(accounts, context))
        checks = UploadChecks(data_sets, folder, limits)
        yield ServiceState(folder, jobs, accounts, data_sets, scheduler, limits, options, checks)


class JobSettings:
    """Gives the settings of a job that starts, as its process takes them.

    Args:
        accounts: of the service.
        context: what requests of anybody may name.
    """

    def __init__(self, accounts: Accounts, context: RequestContext) -> None:
        self._accounts = accounts
        self._context = context

    def __call__(self, job: Job, folder: JobFolder, place: Place) -> Mapping[str, Any]:
        """The settings of a job at a place.

        Raises:
            UserError: what they name is not there any more.
        """
        viewer = self._accounts.viewer_named(job.owner) or Viewer(job.owner)
        context = replace(self._context, viewer=viewer)
        return settings_of(job.kind, job.request, context, folder.path, job.workers, place.settings())


def _check_data(data: Mapping[str, str]) -> None:
    for name, path in data.items():
        if not Path(path).exists():
            raise UserError(f"--data {name}={path}: there is no such file or folder")
