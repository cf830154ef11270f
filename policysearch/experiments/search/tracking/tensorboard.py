"""TensorBoard: event files in the run's folder, for the search as a whole and for each of its arms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from policysearch.experiments.search.tracking.winner import recorded_winner
from policysearch.policy.spaces import Arm
from policysearch.study.rows import Row

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

_MOST_ARMS = 200
"""Every arm has a writer, which is a thread and an open file; arms beyond are in the figures of the whole alone."""
_LONGEST_NAME = 100


class TensorBoard:
    """A tracker that writes `PHASE/figure` by trial number, of all pulls and again in a TensorBoard run of each arm.

    An arm's run also carries its parameters and its mean reward for the tab HPARAMS; the winner is in the tab TEXT.
    The folder's event files are begun anew each time: whoever resumes a search tells its record from the start, so that
    they always hold each pull once.
    """

    def __init__(self, folder: Path) -> None:
        for old in folder.rglob("events.out.tfevents.*"):
            old.unlink()
        self._folder = folder
        self._writer = _writer(folder)
        self._writers_of_arms: dict[str, SummaryWriter] = {}
        self._rewards: dict[str, list[float]] = {}

    def pull(self, phase: str, row: Row, figures: Mapping[str, float]) -> None:
        for writer in filter(None, (self._writer, self._writer_of(row.arm))):
            for name, value in figures.items():
                writer.add_scalar(f"{phase}/{name}", value, row.number)
            writer.flush()
        if phase == "search" and "reward" in figures:
            self._add_mean(row, figures["reward"])

    def _add_mean(self, row: Row, reward: float) -> None:
        rewards = self._rewards.setdefault(row.arm.key, [])
        rewards.append(reward)
        writer = self._writer_of(row.arm)
        if writer is not None:
            writer.add_scalar("search/mean_reward", fmean(rewards), row.number)
            writer.flush()

    def _writer_of(self, arm: Arm) -> SummaryWriter | None:
        writer = self._writers_of_arms.get(arm.key)
        if writer is None and len(self._writers_of_arms) < _MOST_ARMS:
            writer = _writer(self._folder / "arms" / _file_name(arm))
            self._writers_of_arms[arm.key] = writer
            _add_parameters(writer, arm)
        return writer

    def close(self, folder: Path, ended: bool) -> None:
        winner = recorded_winner(folder) if ended else None
        if winner is not None:
            self._writer.add_text("winner", f"**{winner.name}**: {winner.sentence}")
        for writer in (self._writer, *self._writers_of_arms.values()):
            writer.close()


def _writer(folder: Path) -> SummaryWriter:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder))


def _add_parameters(writer: SummaryWriter, arm: Arm) -> None:
    """The arm's parameters, where the tab HPARAMS looks for them."""
    from torch.utils.tensorboard.summary import hparams

    parameters = {name: value for name, value in arm.parameters.items() if isinstance(value, (int, float, str))}
    summaries = hparams({"arm": arm.name, **parameters}, {"search/mean_reward": 0.0})
    for summary in summaries:
        writer._get_file_writer().add_summary(summary)


def _file_name(arm: Arm) -> str:
    """The arm's name as one that every file system takes, and no other arm's."""
    name = re.sub(r"[^\w.,=()+ -]", "_", arm.name)[:_LONGEST_NAME].strip(" .")
    return f"{name} {arm.key[:6]}"
