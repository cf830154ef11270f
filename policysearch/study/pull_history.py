"""What a strategy sees of a study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from policysearch.rules import Tally
from policysearch.study.rows import Row


class PullHistory(Protocol):
    """What a strategy sees of a study: its seed, its trials so far and the tally of its arms."""

    @property
    def seed(self) -> int: ...
    @property
    def rows(self) -> Sequence[Row]: ...
    @property
    def tally(self) -> Tally: ...
