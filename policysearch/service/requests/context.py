"""What a request may name besides what ships: data sets, plugins and jobs, and how much it may ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from policysearch.core.errors import UserError, unknown_name
from policysearch.datasets.registry import SHIPPED


class DataNames(Protocol):
    """Where the data are that a request names."""

    def path_of(self, name: str) -> str:
        """The shipped name, or the path of a data set of the operator's or of an upload that is ready.

        Raises:
            UserError: there is none of that name that the requester may use.
        """


class JobFolders(Protocol):
    """Where the results of jobs are that a request names."""

    def result_of(self, job_id: str, kind: str) -> Path:
        """The folder `run` of a job of this kind that is done.

        Raises:
            UserError: there is no such job that the requester may see, or it is not done.
        """


@dataclass(frozen=True)
class OperatorData:
    """Data by the names that the operator gives them, `--data NAME=PATH`, without any upload."""

    paths: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def path_of(self, name: str) -> str:
        if name in SHIPPED:
            return name
        if name not in self.paths:
            raise unknown_name("data set", name, [*SHIPPED, *self.paths])
        return self.paths[name]


class NoJobs:
    """No job to name."""

    def result_of(self, job_id: str, kind: str) -> Path:
        raise UserError(f"there is no {kind} {job_id!r} that is done")


@dataclass(frozen=True)
class Caps:
    """How much one request may ask for; the operator sets it.

    Attributes:
        pulls: of a search, and trainings of a calibration or an evaluation.
        images: of one pull.
        epochs: of one pull.
        workers: of one job.
        arms: of a space.
        seconds: that one training may take.
    """

    pulls: int = 2_000
    images: int = 100_000
    epochs: int = 2_000
    workers: int = 64
    arms: int = 2_000
    seconds: float = 48 * 3600.0


@dataclass(frozen=True)
class RequestContext:
    """What the requests of one person may name.

    Attributes:
        data: data sets.
        jobs: jobs whose results are taken up.
        plugins: files of the operator's, by name.
        places: names of the places where a job may run.
        caps: the most that is taken.
    """

    data: DataNames = field(default_factory=OperatorData)
    jobs: JobFolders = field(default_factory=NoJobs)
    plugins: Mapping[str, Path] = field(default_factory=lambda: MappingProxyType({}))
    places: tuple[str, ...] = ()
    caps: Caps = field(default_factory=Caps)
