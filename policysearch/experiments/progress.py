"""How far an experiment is, and who is called with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Status:
    """How far an experiment is, after an outcome.

    Attributes:
        phase: "decode", "search", "confirm" or "record".
        done, total: images that are decoded, or trials of this phase; of a recording, thousands of images trained.
        best: name of the arm with the best mean so far, and that mean, or None.
        failed: trials of this phase that ended without a reward.
    """

    phase: str
    done: int
    total: int
    best: tuple[str, float] | None
    failed: int


Listener = Callable[[Status], None]
