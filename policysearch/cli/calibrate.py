"""calibrate: which cheap pull can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from policysearch.cli.common import RECIPE, app, merged
from policysearch.cli.flags import given, with_flags
from policysearch.datasets.config import DataSettings
from policysearch.experiments.calibration.settings import CalibrateSettings, TrainingSettings
from policysearch.study.config import validated


@with_flags(
    app,
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

    told = given(flags)
    settings = validated(CalibrateSettings, {n: told.pop(n) for n in list(told) if n in CalibrateSettings.model_fields})
    values = merged(None, told)
    begun = str((out / TABLE).with_suffix(""))
    found = watched(
        lambda listener: run_calibration(settings, values, out, listener=listener, tell=show_start),
        begun,
        "the same command",
    )
    show_calibration(found)
