"""search, resume."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from policysearch.cli.flags import RECIPE, merged, with_flags
from policysearch.cli.online import online
from policysearch.core.errors import UserError
from policysearch.datasets.config import DataSettings
from policysearch.study.config import make_config
from policysearch.study.settings import SearchSettings


@with_flags(("Search", SearchSettings), ("Data", DataSettings), RECIPE)
def search(
    config: Annotated[Path | None, typer.Option(help="TOML or YAML file with settings; flags override it")] = None,
    **flags: Any,
) -> None:
    """Search a policy; with no flag, on the shipped data in a few minutes."""
    settings = make_config(merged(config, flags), f"config file {str(config)!r}" if config else "settings")
    from policysearch.experiments.config_checks import must_be_spelled

    # What follows takes seconds: what is misspelled is reported before.
    must_be_spelled(settings)
    from policysearch.experiments.apart import begin_to_import

    begin_to_import(settings)
    from policysearch.cli.progress import watched
    from policysearch.cli.show import show_result
    from policysearch.experiments.resolve import default_folder
    from policysearch.experiments.search.run import search as run_search

    settings = settings.model_copy(update={"out": settings.out or default_folder()})
    show_result(watched(lambda listener: run_search(settings, listener), str(settings.out)))


def resume(
    run: Annotated[str, typer.Argument(help="the run's folder")],
    trials: Annotated[int | None, typer.Option(help="pulls of the search in all, to go further", min=1)] = None,
    confirm: Annotated[int | None, typer.Option(help="fresh replicates of the finalists in all", min=0)] = None,
    tensorboard: Annotated[
        bool | None, typer.Option("--tensorboard/--no-tensorboard", help="as in search; default: as it was begun")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="as in search; default: as it was begun", min=0, max=1024)] = None,
    ablate: Annotated[int | None, typer.Option(help="as in search, in all; default: as it was begun", min=0)] = None,
) -> None:
    """Continue a search, or an online search, after any kind of end."""
    if (Path(run) / "online.toml").is_file():
        _resume_online(run, {"trials": trials, "confirm": confirm, "tensorboard": tensorboard, "workers": workers})
        return
    from policysearch.cli.progress import watched
    from policysearch.cli.show import show_result
    from policysearch.experiments.search.run import resume as resume_run

    show_result(watched(lambda listener: resume_run(run, trials, confirm, listener, tensorboard, workers, ablate), run))


def _resume_online(run: str, flags: Mapping[str, Any]) -> None:
    """Continue an online search, which has none of these settings."""
    for name, value in flags.items():
        if value is not None:
            raise UserError(f"--{name} is for searches, and {run} holds an online search: leave it out")
    online(out=run)
