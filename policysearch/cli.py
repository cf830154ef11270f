"""The command line: the composition root. Importing it imports neither torch nor Optuna nor Ray."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from policysearch.errors import UserError

__all__ = ["app", "main"]

app = typer.Typer(
    help="Search image-augmentation policies for your own data and network.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_TYPES = {"int": int, "float": float, "str": str}


def _flags() -> list[inspect.Parameter]:
    """A flag for every setting of the config and of its recipe, so that the two never disagree."""
    from policysearch.child.recipe import Recipe
    from policysearch.config import SearchConfig

    out = []
    for model, panel in ((SearchConfig, "Search"), (Recipe, "Child training")):
        for name, field in model.model_fields.items():
            kind = field.annotation
            kind = next((k for k in getattr(kind, "__args__", ()) if k is not type(None)), kind)
            if kind in (int, float, str):
                text = field.description or ""
                shown = f"{text} [default: {field.default}]" if field.default is not None else text
                option = typer.Option(
                    f"--{name.replace('_', '-')}",
                    help=shown.strip(),
                    rich_help_panel=panel,
                    show_default=False,
                )
                annotation = Annotated[kind | None, option]  # type: ignore[valid-type]
                out.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation))
    return out


def _settings(config: Path | None, flags: dict[str, Any]) -> dict[str, Any]:
    """The file's settings, overridden by the flags that were given."""
    from policysearch.child.recipe import Recipe
    from policysearch.config import read_config

    values = read_config(config) if config else {}
    given = {name: value for name, value in flags.items() if value is not None}
    recipe = {name: given.pop(name) for name in list(given) if name in Recipe.model_fields}
    if recipe:
        own = values.get("recipe", {})
        values["recipe"] = {**own, **recipe} if isinstance(own, dict) else own
    return {**values, **given}


def _search(
    config: Annotated[Path | None, typer.Option(help="TOML or YAML file with settings; flags override it")] = None,
    **flags: Any,
) -> None:
    """Search a policy; with no flag, on the shipped data in a few minutes."""
    from policysearch.checks import default_folder
    from policysearch.config import make_config
    from policysearch.console import watched
    from policysearch.runs import search

    settings = make_config(_settings(config, flags), f"config file {str(config)!r}" if config else "settings")
    settings = settings.model_copy(update={"out": settings.out or default_folder()})
    watched(lambda listener: search(settings, listener), str(settings.out))


def _register_search() -> None:
    signature = inspect.signature(_search, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    parameters = [*own, *_flags()]
    _search.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    _search.__annotations__ = {p.name: p.annotation for p in parameters}
    app.command("search")(_search)


_register_search()


@app.command()
def resume(
    run: Annotated[str, typer.Argument(help="the run's folder")],
    trials: Annotated[int | None, typer.Option(help="pulls of the search in all, to go further", min=1)] = None,
) -> None:
    """Continue a run after any kind of end."""
    from policysearch.console import watched
    from policysearch.runs import resume as resume_run

    watched(lambda listener: resume_run(run, trials, listener), run)


@app.command()
def show(run: Annotated[str, typer.Argument(help="the run's folder")]) -> None:
    """The leaderboard, the cost, and the chosen policy in words."""
    from policysearch.console import show_result
    from policysearch.runs import read

    show_result(read(run))


@app.command()
def preview(
    policy: Annotated[str, typer.Argument(help="policy.json, or a preset such as soft-crop or randaugment:2,9")],
    data: Annotated[str | None, typer.Option(help="a name or PATH.npz", show_default="fashion-small")] = None,
    images: Annotated[int, typer.Option(help="rows: training images of different classes, 1 to 20")] = 4,
    draws: Annotated[int, typer.Option(help="columns: draws of each image, 1 to 20")] = 6,
    seed: Annotated[int, typer.Option(help="which images, and what is drawn")] = 0,
    progress: Annotated[float, typer.Option(help="share of training done, 0 to 1, for policies with stages")] = 0.0,
    operations: Annotated[str | None, typer.Option(help="modules that register operations, as in search")] = None,
    out: Annotated[Path, typer.Option(help="the picture, a PNG; an existing file is overwritten")] = Path(
        "preview.png"
    ),
) -> None:
    """A picture of what a policy does to your images."""
    from policysearch.config import SearchConfig
    from policysearch.own_code import import_all
    from policysearch.preview.figure import write_preview

    import_all(operations)
    source = data or SearchConfig().data
    told = write_preview(policy, source, out, images=images, draws=draws, seed=seed, progress=progress)
    typer.echo("\n".join(told))


@app.command()
def data() -> None:
    """The data sets that ship with the program."""
    from policysearch.child.data import SHIPPED

    _list(
        {
            **{name: text for name, (text, _) in SHIPPED.items()},
            "PATH.npz": "your own: x_train, y_train, x_test, y_test",
        }
    )


@app.command()
def models() -> None:
    """The child networks."""
    from policysearch.child.networks import NETWORKS

    _list({name: text for name, (text, _) in NETWORKS.items()})


@app.command()
def spaces() -> None:
    """The spaces of arms."""
    import search_spaces
    from policysearch.spaces import load_space

    _list({name: load_space(name).description for name in search_spaces.names()} | {"PATH.toml": "your own"})


@app.command()
def operations(
    own: Annotated[
        str | None, typer.Option("--operations", help="modules that register operations, as in search")
    ] = None,
) -> None:
    """The operations of policies: magnitude, range (± where a draw may negate it), and how visibility is had."""
    from policysearch.operations import OPERATIONS
    from policysearch.own_code import import_all
    from policysearch.words import operation_in_words

    import_all(own)
    _list({name: operation_in_words(row) for name, row in OPERATIONS.items()})


@app.command()
def presets() -> None:
    """The fixed policies, and the mixes of a batch."""
    from policysearch.mixes import MIXES
    from policysearch.presets import PRESETS
    from policysearch.words import mix_in_words

    _list({name: text for name, (text, _) in PRESETS.items()})
    typer.echo("\nmixes:")
    _list({name: mix_in_words(row) for name, row in MIXES.items()})


@app.command()
def strategies() -> None:
    """How arms can be chosen."""
    from policysearch.strategies import STRATEGIES

    _list(STRATEGIES)


@app.command()
def rewards() -> None:
    """What can be maximised, and when it misleads."""
    from policysearch.rewards import METRICS, REWARDS

    _list(REWARDS)
    typer.echo("\nmetrics:")
    _list(METRICS)


def _list(rows: dict[str, str]) -> None:
    width = max(map(len, rows))
    for name, text in rows.items():
        typer.echo(f"{name:<{width}}  {text}")


def main() -> None:
    """Entry point: wrong input is one sentence on stderr and exit code 2, a search that fails exit code 1."""
    try:
        raise SystemExit(app(standalone_mode=False))
    except UserError as error:
        _stop(str(error), 2)
    except typer.Abort:
        raise SystemExit(130) from None
    except RuntimeError as error:
        if type(error).__name__ not in ("SearchFailed", "WorkersCannotStart", "StorageLost"):
            raise
        _stop(str(error), 1)
    except Exception as error:
        if not hasattr(error, "format_message"):  # what the command line itself objects to has one
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            raise SystemExit(0) from None
        _stop(f"{error.format_message()} (`policysearch --help` lists what there is)", 2)


def _stop(sentence: str, code: int) -> None:
    print(f"policysearch: {sentence}", file=sys.stderr)
    raise SystemExit(code)
