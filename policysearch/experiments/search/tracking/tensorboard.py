"""TensorBoard: event files in the run's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from policysearch.study.rows import Row


class TensorBoard:
    """A tracker that writes `PHASE/figure` by trial number.

    The folder's event files are begun anew each time: whoever resumes a search tells its record from the start, so that
    they always hold each pull once.
    """

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
        self._writer = SummaryWriter(str(folder))

    def pull(self, phase: str, row: Row, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            self._writer.add_scalar(f"{phase}/{name}", value, row.number)
        self._writer.flush()

    def close(self, folder: Path, ended: bool) -> None:
        self._writer.close()
