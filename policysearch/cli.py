"""The command line: the composition root. Importing it imports neither torch nor Optuna nor Ray."""

from __future__ import annotations

import shlex
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from policysearch.child.recipe import Recipe
from policysearch.comparison.plan import Plan
from policysearch.comparison.settings import CompareSettings
from policysearch.config import SearchConfig, make_config, read_config, validated
from policysearch.datasets.settings import DataSettings
from policysearch.errors import UserError
from policysearch.flags import given, with_flags

if TYPE_CHECKING:
    from policysearch.datasets.dataset import Dataset

__all__ = ["app", "main"]

app = typer.Typer(
    help="Search image-augmentation policies for your own data and network.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


_DATA = DataSettings.model_fields
_SEARCH = {name: field for name, field in SearchConfig.model_fields.items() if name not in _DATA}
_SPLIT = {name: _SEARCH[name] for name in ("validation", "split_seed")}
_UNUSED_BY_TABLES = {"strategy", "trials", "images", "epochs", "confirm", "finalists", "out"}
_TRAINING = {name: field for name, field in _SEARCH.items() if name not in _UNUSED_BY_TABLES}
_SHARED = {"strategy", "trials", "reward", "retries", "workers", "seed", "out", "study", "storage", "finalists"}
_LIVE = {name: field for name, field in _SEARCH.items() if name not in _SHARED}
_RECIPE = "Child training (defaults of small-resnet; see `policysearch models`)"


def _settings(config: Path | None, flags: dict[str, Any]) -> dict[str, Any]:
    """The file's settings, overridden by the flags that were given."""
    values = read_config(config) if config else {}
    told = given(flags)
    recipe = {name: told.pop(name) for name in list(told) if name in Recipe.model_fields}
    if recipe:
        own = values.get("recipe", {})
        values["recipe"] = {**own, **recipe} if isinstance(own, dict) else own
    return {**values, **told}


@with_flags(app, ("Search", _SEARCH), ("Data", _DATA), (_RECIPE, Recipe.model_fields))
def search(
    config: Annotated[Path | None, typer.Option(help="TOML or YAML file with settings; flags override it")] = None,
    **flags: Any,
) -> None:
    """Search a policy; with no flag, on the shipped data in a few minutes."""
    from policysearch.checks import default_folder
    from policysearch.console import show_result, watched
    from policysearch.runs import search as run_search

    settings = make_config(_settings(config, flags), f"config file {str(config)!r}" if config else "settings")
    settings = settings.model_copy(update={"out": settings.out or default_folder()})
    show_result(watched(lambda listener: run_search(settings, listener), str(settings.out)))


@app.command()
def resume(
    run: Annotated[str, typer.Argument(help="the run's folder")],
    trials: Annotated[int | None, typer.Option(help="pulls of the search in all, to go further", min=1)] = None,
    confirm: Annotated[int | None, typer.Option(help="fresh replicates of the finalists in all", min=0)] = None,
) -> None:
    """Continue a run after any kind of end."""
    from policysearch.console import show_result, watched
    from policysearch.runs import resume as resume_run

    show_result(watched(lambda listener: resume_run(run, trials, confirm, listener), run))


@with_flags(app, ("Table", Plan.model_fields), ("Training", _TRAINING), ("Data", _DATA), (_RECIPE, Recipe.model_fields))
def record(
    out: Annotated[Path, typer.Option(help="the table, NAME.parquet; its study stands in the folder NAME")],
    config: Annotated[Path | None, typer.Option(help="TOML or YAML file with settings; flags override it")] = None,
    **flags: Any,
) -> None:
    """Record a table: every arm × fidelity × replicate, for `policysearch compare`. The same command goes on."""
    from policysearch.comparison.recording import record_table
    from policysearch.console import show_recorded, watched

    plan = validated(Plan, given({name: flags.pop(name) for name in Plan.model_fields}))
    settings = make_config(_settings(config, flags), f"config file {str(config)!r}" if config else "settings")
    start = partial(record_table, settings, plan, out)
    show_recorded(watched(start, str(out.with_suffix("")), "the same command"))


@with_flags(
    app,
    ("Comparison", CompareSettings.model_fields),
    ("Live searches, with --data", _LIVE),
    ("Data, for live searches", _DATA),
    (_RECIPE, Recipe.model_fields),
)
def compare(
    out: Annotated[Path, typer.Option(help="folder for compare.html, compare.json and runs.npz")],
    replay: Annotated[Path | None, typer.Option(help="table of `policysearch record` to replay")] = None,
    **flags: Any,
) -> None:
    """Which strategy to use: on a recorded table by replay, or on data by searches."""
    from policysearch.comparison.comparing import compare as run_comparison
    from policysearch.console import show_comparison, watched

    told = given(flags)
    settings = validated(CompareSettings, {n: told.pop(n) for n in list(told) if n in CompareSettings.model_fields})
    if replay and told:
        raise UserError(
            f"--{min(told).replace('_', '-')} is for live searches, and --replay reads a table: leave it out"
        )
    shared = {"reward": settings.reward, "retries": settings.retries, "workers": settings.workers}
    live = None if replay or "data" not in told else make_config({**_settings(None, told), **shared})
    start = partial(run_comparison, settings, out, replay=replay, config=live, command=_command())
    show_comparison(*watched(lambda listener: start(listener=listener), str(out), "the same command"), out)


def _command() -> str:
    return shlex.join(["policysearch", *sys.argv[1:]])


@app.command()
def show(run: Annotated[str, typer.Argument(help="the run's folder")]) -> None:
    """The leaderboard, the cost, and the chosen policy in words."""
    from policysearch.console import show_result
    from policysearch.runs import read

    show_result(read(run))


@with_flags(app, ("Data", _DATA))
def preview(
    policy: Annotated[str, typer.Argument(help="policy.json, or a preset such as soft-crop or randaugment:2,9")],
    images: Annotated[int, typer.Option(help="rows: training images of different classes, 1 to 20")] = 4,
    draws: Annotated[int, typer.Option(help="columns: draws of each image, 1 to 20")] = 6,
    seed: Annotated[int, typer.Option(help="which images, and what is drawn")] = 0,
    progress: Annotated[float, typer.Option(help="share of training done, 0 to 1, for policies with stages")] = 0.0,
    operations: Annotated[str | None, typer.Option(help="modules that register operations, as in search")] = None,
    out: Annotated[Path, typer.Option(help="the picture, a PNG; an existing file is overwritten")] = Path(
        "preview.png"
    ),
    **flags: Any,
) -> None:
    """A picture of what a policy does to your images."""
    from policysearch.own_code import import_all
    from policysearch.preview.figure import write_preview

    import_all(operations)
    told = write_preview(policy, _dataset(flags), out, images=images, draws=draws, seed=seed, progress=progress)
    typer.echo("\n".join(told))


@app.command()
def export(
    policy: Annotated[str, typer.Argument(help="a run's folder, policy.json, or a preset such as randaugment:2,9")],
    to: Annotated[str, typer.Option(help="torchvision, timm, kornia, albumentations or json")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="the file; learned_policy.py unless given")] = None,
    allow_loss: Annotated[bool, typer.Option("--allow-loss", help="do without what the library cannot say")] = False,
    force: Annotated[bool, typer.Option("--force", help="replace an existing file")] = False,
    operations: Annotated[str | None, typer.Option(help="modules that register operations, as in search")] = None,
) -> None:
    """Write a policy for the library that you train with."""
    from policysearch.export.formats import export_to
    from policysearch.own_code import import_all
    from policysearch.policy_source import named_policy

    import_all(operations)
    written, lost = export_to(named_policy(policy), to, out, allow_loss, force)
    typer.echo("\n".join([str(written), *(f"left out: {reason}" for reason in lost)]))


@app.command("import")
def import_policy(
    file: Annotated[str, typer.Argument(help="the library's file, or timm's config string")],
    source: Annotated[str, typer.Option("--from", help="autoaugment, fast-autoaugment, timm or albumentations")],
    out: Annotated[Path, typer.Option("--out", "-o", help="PATH.json, or PATH.toml for a space")] = Path("policy.json"),
    force: Annotated[bool, typer.Option("--force", help="replace an existing file")] = False,
) -> None:
    """Read a published policy, for a space, a preview or a training; nothing in the file is executed."""
    from policysearch.export.formats import import_from, save_imported
    from policysearch.words import in_words

    policy, notes = import_from(file, source)
    save_imported(policy, out, force)
    typer.echo("\n".join([in_words(policy), *(f"not the same: {note}" for note in notes), str(out)]))


@with_flags(app, ("Data", {name: field for name, field in _DATA.items() if name != "data"}), ("Split", _SPLIT))
def data(
    data: Annotated[str | None, typer.Argument(help="as --data of search; without it: what there is")] = None,
    out: Annotated[Path | None, typer.Option(help="a contact sheet, a PNG; an existing file is overwritten")] = None,
    **flags: Any,
) -> None:
    """What a data set is: counts, sizes, classes, split, and a picture of it."""
    from policysearch.datasets.named import NAMED, SHIPPED

    if data is None:
        own = {"FOLDER": "images, a sub-folder a class; or Parquet", "PATH.npz": "x_train, y_train, x_test, y_test"}
        named = {name: row.text for name, row in NAMED.items()}
        return _list({**SHIPPED, **named, **own, "MODULE:FUNCTION": "returns such arrays"})
    from policysearch.preview.contact import describe

    split = {name: flags.pop(name) for name in _SPLIT}
    settings = validated(SearchConfig, given(split))
    describe(_dataset({"data": data, **flags}), settings.validation, settings.split_seed, out)


def _dataset(flags: dict[str, Any]) -> Dataset:
    from policysearch.console import decoding
    from policysearch.datasets.load import load

    settings = validated(DataSettings, given(flags))
    with decoding() as tell:
        return load(settings, tell)


@app.command()
def models() -> None:
    """The child networks."""
    from policysearch.child.networks import NETWORKS, OTHERS

    for name, row in {**NETWORKS, **OTHERS}.items():
        typer.echo(f"{name}\n    {row.description}\n    {row.numbers}; {row.source}")


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


def _warn(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    if issubclass(category, UserWarning):
        print(f"policysearch: warning: {message}", file=sys.stderr)


def main() -> None:
    """Entry point: wrong input is one sentence on stderr and exit code 2, a search that fails exit code 1."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn
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
