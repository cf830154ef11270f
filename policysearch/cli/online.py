"""online: one network, its policy chosen as it trains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from policysearch.cli.flags import RECIPE, merged, split_off, with_flags
from policysearch.datasets.config import DataSettings
from policysearch.experiments.online.settings import OnlineSettings, TrainingSettings


@with_flags(
    ("Online search", OnlineSettings),
    ("Training", TrainingSettings),
    ("Data", DataSettings),
    RECIPE,
)
def online(
    out: Annotated[
        str | None,
        typer.Option(help="the search's folder; the same command goes on in it; default: results/online-DATE-TIME"),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="TOML or YAML file with settings; flags override it")] = None,
    **flags: Any,
) -> None:
    """Train one network while a rule chooses its policy, stretch by stretch, by what the network makes of it."""
    from policysearch.cli.progress import watched
    from policysearch.experiments.online.report import show_online
    from policysearch.experiments.online.run import online as run_online
    from policysearch.experiments.resolve import default_folder

    settings, training = split_off(OnlineSettings, merged(config, flags))
    folder = out or default_folder("online")
    values = {**training, "out": folder}
    result = watched(lambda listener: run_online(settings, values, listener=listener), folder)
    show_online(result.summary, result.folder)
