"""What there is to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from policysearch.cli.columns import print_columns, said_in_columns

if TYPE_CHECKING:
    from policysearch.policy.spaces import Space


def models() -> None:
    """The child networks."""
    from policysearch.child.network_registry import NETWORKS, OTHERS

    for name, row in {**NETWORKS, **OTHERS}.items():
        typer.echo(f"{name}\n    {row.description}\n    {row.numbers}; {row.source}")


def spaces(
    name: Annotated[
        str | None, typer.Argument(help="one of them, or PATH.toml: how large it is, and what its parameters can be")
    ] = None,
) -> None:
    """The spaces of arms, or one of them in full."""
    import search_spaces

    if name is not None:
        typer.echo(_space_in_words(_loaded(name)))
        return
    by_name = {key: _loaded(key) for key in search_spaces.names()}
    sizes = {key: f"{space.description} ({_amount(space.size)} assignments)" for key, space in by_name.items()}
    print_columns(sizes | {"PATH.toml": "your own"})


def _loaded(name: str) -> Space:
    """A space with the fixed policies of the task whose default it is; any other is one of classification."""
    from policysearch.core.tasks import CLASSIFICATION, TASKS
    from policysearch.policy.space_files import load_space

    task = next((task for task in TASKS.values() if task.defaults.get("space") == name), TASKS[CLASSIFICATION])
    return load_space(name, task.fixed)


def _amount(count: int) -> str:
    return f"{count:,}" if count < 10**9 else f"about 10^{len(str(count)) - 1}"


def _space_in_words(space: Space) -> str:
    """A space in full: its size, the arms of rules, what is always an arm, and the choices of every parameter."""
    arms = space.arms(0)
    choices = {name: ", ".join(map(str, values)) for name, values in space.choices.items() if name != "family"}
    always = dict.fromkeys([*space.baselines, *space.points])
    lines = [
        f"{space.name}: {space.description}",
        f"{_amount(space.size)} assignments of {len(choices)} parameters",
        f"{len(arms)} arms for a rule"
        + (f" ({len(arms) - len(always)} of them drawn by the seed: max_arms)" if len(arms) < space.size else ""),
        f"always arms: {', '.join(always)}",
    ]
    return "\n".join([*lines, "", *said_in_columns(choices)]) if choices else "\n".join(lines)


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
