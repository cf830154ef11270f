"""evaluate: the test part."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from policysearch.cli.common import RECIPE, app, command_line, merged
from policysearch.cli.flags import given, with_flags
from policysearch.datasets.config import DataSettings
from policysearch.experiments.evaluation.settings import EvaluateSettings, TrainingSettings
from policysearch.study.config import validated


@with_flags(
    app,
    ("Evaluation", EvaluateSettings),
    ("Training", TrainingSettings),
    ("Data", DataSettings),
    RECIPE,
)
def evaluate(
    policy: Annotated[str, typer.Argument(help="policy.json, the folder of a search, or a preset")],
    out: Annotated[str, typer.Option(help="the evaluation's folder; the same command goes on in it")],
    config: Annotated[Path | None, typer.Option(help="TOML or YAML file with settings; flags override it")] = None,
    **flags: Any,
) -> None:
    """A policy beside the fixed ones on the test part, which nothing else reads; a ledger counts how often it was.

    By default all training images are trained on; with a search's folder, on its data, network and epochs.
    """
    from policysearch.cli.progress import watched
    from policysearch.experiments.evaluation.run import evaluate as run_evaluation
    from policysearch.experiments.evaluation.terminal import show_evaluation

    told = given(flags)
    settings = validated(EvaluateSettings, {n: told.pop(n) for n in list(told) if n in EvaluateSettings.model_fields})
    start = partial(run_evaluation, policy, settings, {**merged(config, told), "out": out}, command=command_line())
    found = watched(lambda listener: start(listener=listener), out, "the same command")
    show_evaluation(found.summary, found.folder)
