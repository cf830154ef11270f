"""evaluate: the test part."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from policysearch.cli.flags import RECIPE, command_line, merged, split_off, with_flags
from policysearch.datasets.config import DataSettings
from policysearch.experiments.evaluation.settings import EvaluateSettings, TrainingSettings


def _spelled(policy: str) -> str:
    """The policy as given; what is not there is refused before anything that is missing is asked for."""
    from policysearch.study.policy_spec import named_policy

    if not Path(policy).exists():
        named_policy(policy)
    return policy


@with_flags(
    ("Evaluation", EvaluateSettings),
    ("Training", TrainingSettings),
    ("Data", DataSettings),
    RECIPE,
)
def evaluate(
    policy: Annotated[str, typer.Argument(help="policy.json, the folder of a search, or a preset", callback=_spelled)],
    out: Annotated[str, typer.Option(help="the evaluation's folder; the same command goes on in it")],
    config: Annotated[Path | None, typer.Option(help="TOML or YAML file with settings; flags override it")] = None,
    **flags: Any,
) -> None:
    """Compare a policy with fixed ones on the test part, which nothing else reads; a ledger counts how often it was.

    By default all training images are trained on; with a search's folder, on its data, network and epochs.
    """
    from policysearch.cli.progress import watched
    from policysearch.experiments.evaluation.report import show_evaluation
    from policysearch.experiments.evaluation.run import evaluate as run_evaluation

    settings, training = split_off(EvaluateSettings, merged(config, flags))
    values = {**training, "out": out}
    start = partial(run_evaluation, policy, settings, values, command=command_line())
    result = watched(lambda listener: start(listener=listener), out, "the same command")
    show_evaluation(result.summary, result.folder)
