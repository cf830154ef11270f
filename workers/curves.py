"""Learning curves of the pulls in flight: written by local workers where somebody watches, read by who does."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from policysearch.core.files import write_whole
from policysearch.core.trial import Trial

FOLDER = "POLICYSEARCH_CURVES"
"""The environment variable that names the folder where workers of this machine write the curves; without it, none."""


def curve_writer(trial: Trial) -> Callable[[list[dict[str, float]]], None] | None:
    """What writes the curve of a trial as it goes on, NUMBER.json; None where nobody watches."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return None
    path = Path(folder, f"{trial.number}.json")

    def write(curve: list[dict[str, float]]) -> None:
        with suppress(OSError):  # a picture is not worth a pull
            write_whole(path, json.dumps(curve))

    return write


def curves_in_flight(folder: Path, numbers: Iterable[int]) -> dict[int, list[dict[str, float]]]:
    """The curves so far of these trials, by number; of those that have come to no checkpoint there is none."""
    curves = {}
    for number in numbers:
        with suppress(OSError, ValueError):
            curves[number] = json.loads((folder / f"{number}.json").read_text(encoding="utf-8"))
    return curves


def clear_curves(folder: Path) -> None:
    """Make the folder, and remove the curves of trials that are not in flight any more."""
    with suppress(OSError):
        folder.mkdir(exist_ok=True)
        for path in folder.glob("*.json*"):
            path.unlink()
