"""What there is to choose from."""

from __future__ import annotations

from typing import Annotated

import typer

from policysearch.cli.columns import print_columns


def models() -> None:
    """The child networks."""
    from policysearch.child.network_registry import NETWORKS, OTHERS

    for name, row in {**NETWORKS, **OTHERS}.items():
        typer.echo(f"{name}\n    {row.description}\n    {row.numbers}; {row.source}")


def spaces() -> None:
    """The spaces of arms."""
    import search_spaces
    from policysearch.policy.space_files import load_space

    print_columns({name: load_space(name).description for name in search_spaces.names()} | {"PATH.toml": "your own"})


def operations(
    modules: Annotated[
        str | None, typer.Option("--operations", help="modules that register operations, as in search")
    ] = None,
) -> None:
    """The operations of policies: magnitude, range (± where a draw may negate it), and how visibility is computed."""
    from policysearch.core.user_code import import_all
    from policysearch.policy.describe import operation_in_words
    from policysearch.policy.operations import OPERATIONS

    import_all(modules)
    print_columns({name: operation_in_words(row) for name, row in OPERATIONS.items()})


def presets() -> None:
    """The fixed policies, and the mixes of a batch."""
    from policysearch.policy.describe import mix_in_words
    from policysearch.policy.mixes import LINE_MIXES, MIXES
    from policysearch.policy.presets import PRESETS

    flipped = {
        "flip+NAME": "any of these after a horizontal flip",
        "crop+NAME": "any of these after the crop of flip-crop",
        "flip-crop+NAME": "any of these after flip-crop",
    }
    print_columns({name: text for name, (text, _) in PRESETS.items()} | flipped)
    typer.echo("\nmixes:")
    print_columns({name: mix_in_words(row) for name, row in {**MIXES, **LINE_MIXES}.items()})


def strategies() -> None:
    """How arms can be chosen, and which hopeless pulls are stopped."""
    from policysearch.study.pruning.registry import DESCRIPTIONS
    from policysearch.study.strategies import STRATEGIES

    print_columns(STRATEGIES)
    typer.echo("\npruners, for --prune: stop a pull that is")
    print_columns(DESCRIPTIONS)


def rewards() -> None:
    """What can be maximised, and when it misleads."""
    from policysearch.core.tasks import TASKS
    from policysearch.study.reward_metrics import METRICS, REWARDS, metrics_of_task
    from policysearch.study.stretch_metrics import STRETCH_METRICS

    print_columns(REWARDS)
    typer.echo("\nmetrics:")
    print_columns(METRICS)
    for name, task in TASKS.items():
        if task.metrics is not None:
            typer.echo(f"\nrewards of --task {name}:")
            print_columns({"accuracy": task.headline, **task.rewards})
            typer.echo(f"\nmetrics of --task {name}:")
            print_columns(metrics_of_task(name))
    typer.echo("\nmetrics of a stretch, for `policysearch online`:")
    print_columns(STRETCH_METRICS)
