"""How often an online search keeps a checkpoint, and how long it says it will take."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from pathlib import Path

from policysearch.child.stretch_plan import Stretch
from policysearch.core.errors import in_one_line
from policysearch.core.files import replacing

_SHARE = 0.02
"""Of the time that checkpoints may take."""


class LastCheckpoint:
    """The file of the last checkpoint, written so rarely that this takes at most a fiftieth of the time.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next = 0.0

    def last(self) -> bytes | None:
        """What was written last; None where there is nothing."""
        return self._path.read_bytes() if self._path.exists() else None

    def write_if_due(self, content: Callable[[], bytes]) -> None:
        """Write the file whole, if enough time has passed; what goes wrong is a warning, and ends no training."""
        started = time.monotonic()
        if started < self._next:
            return
        try:
            with replacing(self._path) as partial:
                partial.write_bytes(content())
        except Exception as error:  # a full disk, or a network of the user's own whose state cannot be saved
            reason = in_one_line(error)[:300]
            warnings.warn(f"no checkpoint could be written, and the training goes on: {reason}", stacklevel=2)
        ended = time.monotonic()
        self._next = ended + (ended - started) / _SHARE


class Forecast:
    """Says once, after the second stretch, how long the training will take.

    Args:
        stretches: of the whole training.
        say: called with the sentence.
    """

    def __init__(self, stretches: tuple[Stretch, ...], say: Callable[[str], object]) -> None:
        self._stretches = stretches
        self._say = say
        self._timed = 0

    def update(self, number: int, stretch: Stretch, seconds: float) -> None:
        """Take note of a stretch; the first one is slower than others."""
        self._timed += 1
        if self._timed != 2:
            return
        steps = self._stretches[-1].end - stretch.end
        left = seconds / (stretch.end - stretch.first) * steps
        self._say(f"{len(self._stretches) - number - 1} stretches are left, which take about {left:.0f} s")
