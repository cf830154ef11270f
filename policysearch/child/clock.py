"""The seconds of a training, by kind of work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

_AnyBatch = TypeVar("_AnyBatch")


@dataclass
class Clock:
    """Seconds spent on augmentation, on optimiser steps (forward, backward, update) and on evaluation.

    Attributes:
        total, cpu: seconds in all, and those of this thread's work; `stop` sets them.
    """

    augmentation: float = 0.0
    steps: float = 0.0
    evaluation: float = 0.0
    total: float = 0.0
    cpu: float = 0.0

    def __post_init__(self) -> None:
        self._total_at, self._cpu_at = time.perf_counter() - self.total, time.thread_time() - self.cpu

    def stop(self) -> None:
        """Take the time since the training began, or of all its parts where it was continued."""
        self.total, self.cpu = time.perf_counter() - self._total_at, time.thread_time() - self._cpu_at

    def timed(self, batches: Iterator[_AnyBatch]) -> Iterator[_AnyBatch]:
        """The batches, the time that each takes to come counted as augmentation."""
        mark = time.perf_counter()
        for batch in batches:
            self.augmentation += time.perf_counter() - mark
            yield batch
            mark = time.perf_counter()
