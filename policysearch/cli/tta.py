"""tta: views for test time."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from policysearch.cli.flags import RECIPE, command_line, merged, split_off, with_flags
from policysearch.datasets.config import DataSettings
from policysearch.experiments.evaluation.settings import TrainingSettings
from policysearch.experiments.tta.settings import TtaSettings


@with_flags(
    ("Test-time policy", TtaSettings),
    ("Training", TrainingSettings),
    ("Data", DataSettings),
    RECIPE,
)
def tta(
    result: Annotated[
        str,
        typer.Argument(help="the folder of a search or an evaluation, policy.json, or a preset (these with --data)"),
    ],
    out: Annotated[str, typer.Option(help="the folder of the test-time policy; the same command goes on in it")],
    config: Annotated[Path | None, typer.Option(help="TOML or YAML file with settings; flags override it")] = None,
    **flags: Any,
) -> None:
    """Search views of each image whose mean prediction is best, on validation; judge them once on the test part."""
    from policysearch.cli.progress import watched
    from policysearch.experiments.tta.report import show_tta
    from policysearch.experiments.tta.run import tta as run_tta

    settings, training = split_off(TtaSettings, merged(config, flags))
    values = {**training, "out": out}
    start = partial(run_tta, result, settings, values, command=command_line())
    done = watched(lambda listener: start(listener=listener), out, "the same command")
    show_tta(done.summary, done.folder)
