"""search, resume."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from policysearch.child.recipe import Recipe
from policysearch.commands.common import DATA, RECIPE, SEARCH, app, merged
from policysearch.config import SearchConfig, make_config
from policysearch.flags import with_flags

if TYPE_CHECKING:
    from policysearch.runs import Listener, Status

__all__ = ["resume", "search"]


@with_flags(app, ("Search", SEARCH), ("Data", DATA), (RECIPE, Recipe.model_fields))
def search(
    config: Annotated[Path | None, typer.Option(help="TOML or YAML file with settings; flags override it")] = None,
    **flags: Any,
) -> None:
    """Search a policy; with no flag, on the shipped data in a few minutes."""
    from policysearch.checks import default_folder
    from policysearch.console import show_result, watched
    from policysearch.runs import search as run_search

    values, cautions = _calibrated(merged(config, flags))
    settings = make_config(values, f"config file {str(config)!r}" if config else "settings")
    settings = settings.model_copy(update={"out": settings.out or default_folder()})
    cautious = partial(_cautious, [*cautions, *_known(settings)])
    show_result(watched(lambda listener: run_search(settings, cautious(listener)), str(settings.out)))


def _calibrated(values: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The settings with what a calibration says, and what there is to be said of it."""
    if not values.get("calibrated"):
        return values, []
    from policysearch.calibration.calibration_file import load_calibration, other_than, with_calibration
    from policysearch.console import decoding
    from policysearch.datasets.load import load

    calibration = load_calibration(str(values["calibrated"]))
    values, cautions = with_calibration(values, calibration)
    settings = make_config(values)
    with decoding() as tell:
        dataset = load(settings, tell)
    return values, [*cautions, *other_than(calibration, settings.model, dataset.digest, dataset.name)]


def _known(settings: SearchConfig) -> list[str]:
    from policysearch.calibration.misleading import known_to_mislead

    told = "" if settings.calibrated else known_to_mislead(settings.images, settings.epochs, settings.reward)
    return [told] if told else []


def _cautious(cautions: list[str], listener: Listener) -> Listener:
    """Says what to be careful of when a pull has given a reward: a search that is refused, or fails, is not warned."""
    left = list(cautions)

    def listen(status: Status) -> None:
        while left and status.best is not None:
            print(f"policysearch: warning: {left.pop(0)}", file=sys.stderr)
        listener(status)

    return listen


@app.command()
def resume(
    run: Annotated[str, typer.Argument(help="the run's folder")],
    trials: Annotated[int | None, typer.Option(help="pulls of the search in all, to go further", min=1)] = None,
    confirm: Annotated[int | None, typer.Option(help="fresh replicates of the finalists in all", min=0)] = None,
    tensorboard: Annotated[
        bool | None, typer.Option("--tensorboard/--no-tensorboard", help="as in search; default: as it was begun")
    ] = None,
) -> None:
    """Continue a run after any kind of end."""
    from policysearch.console import show_result, watched
    from policysearch.runs import resume as resume_run

    show_result(watched(lambda listener: resume_run(run, trials, confirm, listener, tensorboard), run))
