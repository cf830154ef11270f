"""What the endpoints work with: one value per server."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event

from fastapi import Request

from policysearch.service.database.accounts import Accounts
from policysearch.service.database.data_sets import DataSets
from policysearch.service.database.jobs import Jobs
from policysearch.service.limits import Limits
from policysearch.service.options import Options
from policysearch.service.scheduler.scheduler import Scheduler
from policysearch.service.state_folder import StateFolder
from policysearch.service.uploads.checks import UploadChecks


@dataclass(frozen=True)
class ServiceState:
    """Everything behind the endpoints; at `request.app.state.service`.

    Attributes:
        folder: every path below STATE.
        jobs: the table of jobs.
        accounts: users, tokens and sessions.
        data_sets: uploads, and the operator's data sets.
        scheduler: starts, ends and books jobs, in a thread.
        limits: what a user and a request may have.
        options: what the operator chose.
        upload_checks: checks what is uploaded, in a thread; None where nothing may be.
        ending: set when the server ends: what somebody waits for is given up.
    """

    folder: StateFolder
    jobs: Jobs
    accounts: Accounts
    data_sets: DataSets
    scheduler: Scheduler
    limits: Limits
    options: Options
    upload_checks: UploadChecks | None = None
    ending: Event = field(default_factory=Event)


def service_of(request: Request) -> ServiceState:
    """The service that a request came to."""
    service: ServiceState = request.app.state.service
    return service
