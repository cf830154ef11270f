"""How far an experiment is, and who is called with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Status:
    """How far an experiment is, after an outcome, or what it is doing before the first.

    Attributes:
        phase: "decode", "search", "confirm" or "record"; "prepare" before the first training.
        done, total: images that are decoded, or trials of this phase; of a recording, thousands of images trained.
        best: name of the arm with the best mean so far, and that mean, or None.
        failed: trials of this phase that ended without a reward.
        pruned: trials of this phase that were stopped.
        first: how many of the phase's first trials cost otherwise than those after them; 0 where all are alike.
        note: in the phase "prepare", what is being done or will be done, as a sentence; otherwise empty.
    """

    phase: str
    done: int
    total: int
    best: tuple[str, float] | None
    failed: int
    note: str = ""
    first: int = 0
    pruned: int = 0


Listener = Callable[[Status], None]
