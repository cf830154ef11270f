"""record, compare: which strategy to use."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from policysearch.cli.flags import RECIPE, command_line, merged, split_off, with_flags
from policysearch.core.errors import UserError
from policysearch.datasets.config import DataSettings
from policysearch.experiments.comparison.settings import CompareSettings, LiveSettings
from policysearch.experiments.tabular.plan import Plan, TrainingSettings
from policysearch.study.config import make_config
from policysearch.study.search_defaults import OF_NO_FACTORS


@with_flags(("Table", Plan), ("Training", TrainingSettings), ("Data", DataSettings), RECIPE)
def record(
    out: Annotated[Path, typer.Option(help="the table, NAME.parquet; its study stands in the folder NAME")],
    config: Annotated[Path | None, typer.Option(help="TOML or YAML file with settings; flags override it")] = None,
    **flags: Any,
) -> None:
    """Record a table: every arm × fidelity × replicate, for `policysearch compare`. The same command goes on."""
    from policysearch.cli.progress import watched
    from policysearch.cli.show import show_recorded
    from policysearch.experiments.tabular.record import record_table

    plan, training = split_off(Plan, merged(config, flags))
    settings = make_config({**OF_NO_FACTORS, **training}, f"config file {str(config)!r}" if config else "settings")
    start = partial(record_table, settings, plan, out)
    show_recorded(watched(start, str(out.with_suffix("")), "the same command"))


def _present(table: Path | None) -> Path | None:
    """The table as given; one that is not there is refused before anything that is missing is asked for."""
    if table is not None and not table.exists():
        raise UserError(f"cannot read table {str(table)!r}: no such file: give one that `policysearch record` wrote")
    return table


@with_flags(
    ("Comparison", CompareSettings),
    ("Live searches, with --data", LiveSettings),
    ("Data, for live searches", DataSettings),
    RECIPE,
)
def compare(
    out: Annotated[Path, typer.Option(help="folder for compare.html, compare.json and runs.npz")],
    replay: Annotated[
        Path | None, typer.Option(help="table of `policysearch record` to replay", callback=_present)
    ] = None,
    **flags: Any,
) -> None:
    """Which strategy to use: on a recorded table by replay, or on data by searches."""
    from policysearch.cli.progress import watched
    from policysearch.cli.show import show_comparison
    from policysearch.experiments.comparison.run import compare as run_comparison

    settings, training = split_off(CompareSettings, flags)
    if replay and training:
        flag = min(training).replace("_", "-")
        raise UserError(f"--{flag} is for live searches, and --replay reads a table: leave it out")
    live = None
    if "data" in training:
        shared = {"reward": settings.reward, "retries": settings.retries, "workers": settings.workers}
        live = make_config({**OF_NO_FACTORS, **merged(None, training), **shared})
    start = partial(run_comparison, settings, out, replay=replay, config=live, command=command_line())
    show_comparison(*watched(lambda listener: start(listener=listener), str(out), "the same command"), out)
