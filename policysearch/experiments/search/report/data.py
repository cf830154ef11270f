"""Everything that a report of a search is made of, in one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from policysearch.core.command import command
from policysearch.core.errors import UserError
from policysearch.experiments.search.ablation import is_of_ablation
from policysearch.experiments.search.summary import ArmSummary
from policysearch.experiments.search.verdict import WinnerVerdict
from policysearch.policy.policy import Policy
from policysearch.policy.spaces import Space
from policysearch.stats.paired import PairedTest
from policysearch.study.config import SearchConfig
from policysearch.study.rows import COMPLETE, Row


@dataclass(frozen=True)
class Material:
    """A search, finished or not.

    Attributes:
        folder: the folder of its files.
        config: the resolved configuration.
        searched, confirmed: the trials of the search and of the confirmation, in order; those of an ablation are
            among the latter.
        summaries: every arm of the search, best first.
        confirmation: the finalists on their fresh replicates.
        verdict, policy: the choice; None while the search is not finished.
        background: versions and data as the study notes them (see `provenance`); empty for a search of an older
            version.
        data: the digest of the data that it was begun with; empty where it is not known.
        space: from which it chose.
        space_text: the content of its file.
        warnings: those that the search began with, and one if its networks learn nothing.
        ablation: what each factor adds to the winner, on replicates of its own; empty where nothing was taken away.
        classes: the names of the data's classes; empty for a search of an older version.
        span: when its first trial began and its last one ended, on the clock of the machine that it ran on; None where
            that is not known.
    """

    folder: Path
    config: SearchConfig
    searched: Sequence[Row]
    confirmed: Sequence[Row]
    summaries: Sequence[ArmSummary]
    confirmation: Sequence[ArmSummary]
    verdict: WinnerVerdict | None
    policy: Policy | None
    background: Mapping[str, Any]
    data: str
    space: Space
    space_text: str
    warnings: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    ablation: tuple[PairedTest, ...] = ()
    span: tuple[datetime, datetime] | None = None

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.folder.resolve().name

    @property
    def fresh(self) -> list[Row]:
        """The trials of the confirmation without those of an ablation, which decide nothing."""
        return [row for row in self.confirmed if not is_of_ablation(row)]

    @property
    def seconds(self) -> float:
        """Worker-seconds in all."""
        return seconds(self.searched) + seconds(self.confirmed)


def seconds(rows: Sequence[Row]) -> float:
    """Worker-seconds of trials, failed attempts included."""
    return sum(row.seconds for row in rows)


def must_have_a_reward(material: Material) -> None:
    """Check that there is something to report.

    Raises:
        UserError: no pull of the search has ended with a reward, so that there is nothing to report.
    """
    if not any(row.state == COMPLETE for row in material.searched):
        raise UserError(
            f"{material.folder} has no finished pull, so there is nothing to report: "
            f"{command('resume', material.folder)} goes on"
        )
