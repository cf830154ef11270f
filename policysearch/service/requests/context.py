"""What a request may name besides what ships: data sets, plugins and jobs, and how much it may ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from policysearch.core.errors import UserError, unknown_name
from policysearch.datasets.registry import SHIPPED
from policysearch.service.database.job_rows import NoSuchJob
from policysearch.service.database.jobs import Jobs
from policysearch.service.database.viewer import Viewer
from policysearch.service.ids import is_id
from policysearch.service.job import State
from policysearch.service.limits import Limits
from policysearch.service.scheduler.places import Place, most_workers
from policysearch.service.state_folder import StateFolder


class DataNames(Protocol):
    """Where the data are that a request names."""

    def path_of(self, name: str, viewer: Viewer | None) -> str:
        """The shipped name, or the path of a data set of the operator's or of an upload that is ready.

        Args:
            name: shipped, the operator's, or an id.
            viewer: who wants to use it; None for the service itself.

        Raises:
            UserError: there is none of that name that the viewer may use.
        """


@dataclass(frozen=True)
class OperatorData:
    """Data by the names that the operator gives them, `--data NAME=PATH`, without any upload."""

    paths: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def path_of(self, name: str, viewer: Viewer | None) -> str:
        if name in SHIPPED:
            return name
        if name not in self.paths:
            raise unknown_name("data set", name, [*SHIPPED, *self.paths])
        return self.paths[name]


@dataclass(frozen=True)
class RequestContext:
    """What the requests of one person may name.

    Attributes:
        viewer: the person; None sees everything.
        data: data sets.
        jobs: jobs whose results are taken up; None where there are none.
        folder: the service's, where these results are.
        plugins: files of the operator's, by name.
        places: where a job may run.
        limits: the most that is taken.
    """

    viewer: Viewer | None = None
    data: DataNames = field(default_factory=OperatorData)
    jobs: Jobs | None = None
    folder: StateFolder | None = None
    plugins: Mapping[str, Path] = field(default_factory=lambda: MappingProxyType({}))
    places: Sequence[Place] = ()
    limits: Limits = field(default_factory=Limits)

    @property
    def workers(self) -> int:
        """The most workers that one job may have."""
        return most_workers(self.places) or 1

    def data_path(self, name: str) -> str:
        """Where the data of that name are, as `DataNames.path_of`."""
        return self.data.path_of(name, self.viewer)

    def result_of(self, job_id: str, kind: str) -> Path:
        """The results of a job that is done.

        Args:
            job_id: a text, which may be no id at all.
            kind: of job that is meant.

        Raises:
            UserError: there is no such job that the viewer may see, or it is not done.
        """
        if self.jobs is None or self.folder is None or not is_id(job_id):
            raise UserError(f"there is no {kind} {job_id!r}: give the id of one that is done")
        try:
            job = self.jobs.get(job_id, self.viewer)
        except NoSuchJob:
            raise UserError(f"there is no {kind} {job_id!r}: give the id of one that is done") from None
        if job.kind != kind:
            raise UserError(f"{job_id} is a job of another kind, {job.kind}: give the id of a {kind} that is done")
        if job.state is not State.DONE:
            raise UserError(f"{kind} {job_id} is {job.state}: it can be named when it is done")
        return self.folder.job(job_id).run
