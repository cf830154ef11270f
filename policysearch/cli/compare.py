"""record, compare: which strategy to use."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from policysearch.cli.common import RECIPE, app, command_line, merged
from policysearch.cli.flags import given, with_flags
from policysearch.core.errors import UserError
from policysearch.datasets.config import DataSettings
from policysearch.experiments.comparison.settings import CompareSettings, LiveSettings
from policysearch.experiments.tabular.plan import Plan, TrainingSettings
from policysearch.study.config import make_config, validated


@with_flags(app, ("Table", Plan), ("Training", TrainingSettings), ("Data", DataSettings), RECIPE)
def record(
    out: Annotated[Path, typer.Option(help="the table, NAME.parquet; its study stands in the folder NAME")],
    config: Annotated[Path | None, typer.Option(help="TOML or YAML file with settings; flags override it")] = None,
    **flags: Any,
) -> None:
    """Record a table: every arm × fidelity × replicate, for `policysearch compare`. The same command goes on."""
    from policysearch.cli.progress import watched
    from policysearch.cli.show import show_recorded
    from policysearch.experiments.tabular.record import record_table

    plan = validated(Plan, given({name: flags.pop(name) for name in Plan.model_fields}))
    settings = make_config(merged(config, flags), f"config file {str(config)!r}" if config else "settings")
    start = partial(record_table, settings, plan, out)
    show_recorded(watched(start, str(out.with_suffix("")), "the same command"))


@with_flags(
    app,
    ("Comparison", CompareSettings),
    ("Live searches, with --data", LiveSettings),
    ("Data, for live searches", DataSettings),
    RECIPE,
)
def compare(
    out: Annotated[Path, typer.Option(help="folder for compare.html, compare.json and runs.npz")],
    replay: Annotated[Path | None, typer.Option(help="table of `policysearch record` to replay")] = None,
    **flags: Any,
) -> None:
    """Which strategy to use: on a recorded table by replay, or on data by searches."""
    from policysearch.cli.progress import watched
    from policysearch.cli.show import show_comparison
    from policysearch.experiments.comparison.run import compare as run_comparison

    told = given(flags)
    settings = validated(CompareSettings, {n: told.pop(n) for n in list(told) if n in CompareSettings.model_fields})
    if replay and told:
        raise UserError(
            f"--{min(told).replace('_', '-')} is for live searches, and --replay reads a table: leave it out"
        )
    shared = {"reward": settings.reward, "retries": settings.retries, "workers": settings.workers}
    live = None if replay or "data" not in told else make_config({**merged(None, told), **shared})
    start = partial(run_comparison, settings, out, replay=replay, config=live, command=command_line())
    show_comparison(*watched(lambda listener: start(listener=listener), str(out), "the same command"), out)
