"""calibrate: which cheap pull can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from policysearch.cli.flags import RECIPE, merged, split_off, with_flags
from policysearch.datasets.config import DataSettings
from policysearch.experiments.calibration.settings import CalibrateSettings, TrainingSettings


@with_flags(
    ("Calibration", CalibrateSettings),
    ("Training", TrainingSettings),
    ("Data", DataSettings),
    RECIPE,
)
def calibrate(
    out: Annotated[Path, typer.Option(help="the calibration's folder; the same command goes on in it")],
    **flags: Any,
) -> None:
    """Which cheap pull can be trusted: a few arms, trained short and long on your data, before a search."""
    from policysearch.cli.progress import watched
    from policysearch.experiments.calibration.files import TABLE
    from policysearch.experiments.calibration.report import show_calibration, show_start
    from policysearch.experiments.calibration.run import calibrate as run_calibration

    settings, training = split_off(CalibrateSettings, flags)
    values = merged(None, training)
    table_folder = str((out / TABLE).with_suffix(""))
    result = watched(
        lambda listener: run_calibration(settings, values, out, listener=listener, tell=show_start),
        table_folder,
        "the same command",
    )
    show_calibration(result)
