"""What the parts of the scheduler share, and the file that says what a job's process is to do."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from policysearch.core.files import write_whole
from policysearch.service.database.attempts import Attempts
from policysearch.service.database.job_rows import NoSuchJob
from policysearch.service.database.jobs import Jobs
from policysearch.service.job import Job, WrongState
from policysearch.service.limits import Limits
from policysearch.service.scheduler.ages import Ages
from policysearch.service.scheduler.places import Place
from policysearch.service.scheduler.processes import Processes
from policysearch.service.state_folder import JobFolder, StateFolder

_LOG = logging.getLogger(__name__)
SettingsOf = Callable[[Job, JobFolder, Place], Mapping[str, Any]]
"""Gives the settings of a job at a place, as its process takes them. Raises UserError where what they name is gone."""


@dataclass(frozen=True)
class Means:
    """What the parts of the scheduler work with.

    Attributes:
        folder: of the service's state.
        jobs, attempts: their tables.
        places: where jobs may run.
        limits: how much users may ask for.
        processes: starts and signals processes.
        settings_of: gives a job's settings.
        ages: of what is seen of jobs.
        clock: seconds since the epoch.
        notes: by job, what keeps it from its turn or what is odd about it.
    """

    folder: StateFolder
    jobs: Jobs
    attempts: Attempts
    places: tuple[Place, ...]
    limits: Limits
    processes: Processes
    settings_of: SettingsOf
    ages: Ages
    clock: Callable[[], float]
    notes: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def about(self, job: Job) -> Iterator[None]:
        """What goes wrong with one job does not keep the others from their turn; the next step tries it again."""
        try:
            yield
        except (WrongState, NoSuchJob) as error:  # a request came in between
            _LOG.debug("job %s: %s", job.id, error)
        except OSError as error:
            sentence = f"waits: {error.filename or self.folder.path}: {error.strerror or error}"
            if self.notes.get(job.id) != sentence:
                _LOG.warning("job %s %s", job.id, sentence)
            self.notes[job.id] = sentence

    def write_job(self, job: Job, attempt: str, place: Place) -> None:
        """Write down what the process of a job's attempt is to do.

        Raises:
            UserError: what its settings name is not there any more.
            OSError: it cannot be written.
        """
        folder = self.folder.job(job.id)
        folder.path.mkdir(mode=0o700, exist_ok=True)
        content = {
            "kind": job.kind,
            "attempt": attempt,
            "settings": dict(self.settings_of(job, folder, place)),
            "changes": {**job.changes, "workers": job.workers},
            "log_bytes": self.limits.log_bytes,
        }
        write_whole(folder.job, json.dumps(content, indent=1) + "\n")
