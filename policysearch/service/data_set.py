"""A data set that somebody uploaded."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class DataState(StrEnum):
    """Where an upload is."""

    CHECKING = "checking"
    READY = "ready"
    REFUSED = "refused"


@dataclass(frozen=True)
class DataSet:
    """An upload, from when all of it has come.

    Attributes:
        id: 26 characters, in order of time.
        owner: name of the user whose it is.
        name: what the owner calls it.
        format: "zip", "npz" or "parquet".
        digest: SHA-256 of the file that came.
        size: its bytes.
        created, changed: seconds since the epoch.
        shared: whether all users may use it.
        state: of the check.
        reason: why it is refused, a sentence; else empty.
        summary: what people want to know of it, when it is ready: classes, counts, shape, warnings.
    """

    id: str
    owner: str
    name: str
    format: str
    digest: str
    size: int
    created: float
    changed: float
    shared: bool = False
    state: DataState = DataState.CHECKING
    reason: str = ""
    summary: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def file(self) -> str:
        """What searches read, in the folder of the data set."""
        return str(self.summary.get("file", "images"))
