"""Places where jobs run: this machine's cores, each of its GPUs, and Ray clusters, with a number of workers each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policysearch.core.errors import UserError

LOCAL = "local-cpu"
_GPU_WORKERS = 2
_TOKEN_PATH = "RAY_AUTH_TOKEN_PATH"
_OF_RAY = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", _TOKEN_PATH)


@dataclass(frozen=True)
class Place:
    """Where jobs may run.

    Attributes:
        name: "local-cpu", "gpu:UUID" or "ray:NAME".
        slots: workers that all its jobs together may have.
        jobs: jobs that may be there at once; None for as many as its workers allow.
        gpu: the GPU's UUID or index, for CUDA_VISIBLE_DEVICES; empty for none.
        address: of the Ray cluster; empty for none.

    Example:
        >>> Place("gpu:0", 2, jobs=1, gpu="0").settings()
        {'pool': 'local', 'device': 'cuda'}
    """

    name: str
    slots: int
    jobs: int | None = None
    gpu: str = ""
    address: str = ""

    def settings(self) -> dict[str, Any]:
        """The settings of a job that runs here, besides its number of workers."""
        if self.address:
            return {"pool": "ray", "ray_address": self.address}
        return {"pool": "local", "device": "cuda" if self.gpu else "cpu"}

    def environment(self) -> dict[str, str]:
        """What a process of a job here needs in its environment, so that it sees its own devices alone."""
        if self.address:
            return _ray_token()
        return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": self.gpu}


def _ray_token() -> dict[str, str]:
    """Where a process that has another home folder finds the token of the server's account for a Ray cluster."""
    file = Path.home() / ".ray" / "auth_token"
    default = {_TOKEN_PATH: str(file)} if file.exists() else {}
    return default | {name: os.environ[name] for name in _OF_RAY if name in os.environ}


@dataclass(frozen=True)
class PlaceUse:
    """Who uses a place now.

    Attributes:
        place: the place.
        used: workers that are given out.
        jobs: (job id, owner, workers) of the jobs there.
        closed: why no job is started there, or empty.
    """

    place: Place
    used: int
    jobs: tuple[tuple[str, str, int], ...]
    closed: str = ""

    @property
    def free(self) -> int:
        """Workers that a further job could have."""
        if self.place.jobs is not None and len(self.jobs) >= self.place.jobs:
            return 0
        return max(0, self.place.slots - self.used)


def local_place(workers: int | None = None) -> Place:
    """The cores of this machine; by default all but one, which is left to the service."""
    cores = len(os.sched_getaffinity(0))
    return Place(LOCAL, max(1, cores - 1) if workers is None else workers)


def place_of(text: str) -> Place:
    """A place as an operator writes it.

    Args:
        text: "local-cpu=3", "gpu:UUID", "gpu:0=2" or "ray:NAME=ADDRESS,SLOTS".

    Raises:
        UserError: it is none of these.

    Example:
        >>> place_of("ray:lab=head:6379,16")
        Place(name='ray:lab', slots=16, jobs=None, gpu='', address='head:6379')
    """
    name, _, value = text.partition("=")
    kind, _, rest = name.partition(":")
    if name == LOCAL:
        return local_place(_count(text, value) if value else None)
    if kind == "gpu" and rest:
        return Place(name, _count(text, value) if value else _GPU_WORKERS, jobs=1, gpu=rest)
    address, comma, count = value.rpartition(",")
    if kind == "ray" and rest and comma and address:
        return Place(name, _count(text, count), address=address)
    raise UserError(
        f"a place must be {LOCAL}=WORKERS, gpu:UUID, gpu:INDEX=WORKERS or ray:NAME=ADDRESS,WORKERS, got {text!r}"
    )


def most_workers(places: Sequence[Place]) -> int:
    """As many workers may a job ask for."""
    return max((place.slots for place in places), default=0)


def _count(text: str, number: str) -> int:
    if not number.isdecimal() or not 1 <= int(number) <= 1024:
        raise UserError(f"{text!r}: the number of workers must be from 1 to 1024, got {number!r}")
    return int(number)
