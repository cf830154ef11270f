"""calibrate: which cheap pull can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from policysearch.child.recipe import Recipe
from policysearch.cli.common import DATA, RECIPE, SEARCH, app, merged
from policysearch.cli.flags import given, with_flags
from policysearch.experiments.calibration.settings import UNUSED, CalibrateSettings
from policysearch.study.config import validated

_TRAINED = {name: field for name, field in SEARCH.items() if name not in UNUSED}


@with_flags(
    app,
    ("Calibration", CalibrateSettings.model_fields),
    ("Training", _TRAINED),
    ("Data", DATA),
    (RECIPE, Recipe.model_fields),
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
