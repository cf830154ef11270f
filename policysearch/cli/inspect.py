"""data, preview: what goes in and what is done to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from policysearch.cli.columns import print_columns
from policysearch.cli.flags import split_off, used, with_flags
from policysearch.core.task import Needs, Task
from policysearch.core.tasks import CLASSIFICATION, SELF_SUPERVISED, TASKS, TEXT_LINES, must_be_possible, task_named
from policysearch.datasets.config import DataSettings, SplitSettings
from policysearch.study.config import SearchConfig, load_config, validated

if TYPE_CHECKING:
    from policysearch.datasets.dataset import Dataset
    from policysearch.policy.policy import Policy

_OWN_DATA = {
    "FOLDER": "images, one sub-folder per class; or Parquet; or with labels.csv (guides multi-label, text-lines); or "
    "images/ and masks/ (guide segmentation)",
    "PATH.npz": "x_train, y_train, x_test, y_test",
    "MODULE:FUNCTION": "returns such arrays",
}


@with_flags(("Data", DataSettings))
def preview(
    policy: Annotated[str, typer.Argument(help="policy.json, a search's folder, or a preset such as soft-crop")],
    images: Annotated[int, typer.Option(help="rows: training images of different classes, 1 to 20")] = 4,
    draws: Annotated[int, typer.Option(help="columns: draws of each image, 1 to 20")] = 6,
    seed: Annotated[int, typer.Option(help="which images, and what is drawn")] = 0,
    progress: Annotated[float, typer.Option(help="share of training done, 0 to 1, for policies with stages")] = 0.0,
    pairs: Annotated[
        bool, typer.Option("--pairs", help="two views of each image, and what they share: of self-supervised policies")
    ] = False,
    task: Annotated[
        str | None, typer.Option(help="what the images are for, as in search: text-lines has texts, segmentation masks")
    ] = None,
    operations: Annotated[str | None, typer.Option(help="modules that register operations, as in search")] = None,
    out: Annotated[Path, typer.Option(help="the picture, a PNG; an existing file is overwritten")] = Path(
        "preview.png"
    ),
    **flags: Any,
) -> None:
    """A picture of what a policy does to your images; that of a search's folder on its own, unless --data is given."""
    from policysearch.core.user_code import import_all
    from policysearch.reports.preview.figure import write_preview
    from policysearch.study.policy_spec import named_policy, run_of_policy

    run = run_of_policy(Path(policy))
    config = load_config(run.config) if run else None
    import_all(operations or (config.operations if config else None))
    shown = named_policy(policy)
    row = task_named(task or (config.task if config else _usual_task(shown, used(flags))))
    if row.needs in ("texts", "masks"):
        _must_suit(row, shown, pairs)
    pairs = pairs or shown.pair is not None or row.name == SELF_SUPERVISED
    needs: Needs = task_named(SELF_SUPERVISED).needs if pairs else row.needs
    dataset = _dataset({**_data_defaults(row), **used(_data_settings(config, flags))}, needs)
    lines = write_preview(shown, dataset, out, images=images, draws=draws, seed=seed, progress=progress, pairs=pairs)
    typer.echo("\n".join(lines))


def _must_suit(task: Task, policy: Policy, pairs: bool) -> None:
    """Check that images with texts or masks can be shown under a policy."""
    from policysearch.experiments.task_checks import policy_must_suit_task

    policy_must_suit_task(task.name, policy)
    if pairs:
        must_be_possible(task.name, "pair", "--pairs")


def _usual_task(policy: Policy, flags: dict[str, Any]) -> str:
    """The task of a policy, or of shipped data, where none is given."""
    from policysearch.policy.mixes import mix_row

    parts = (policy.at(0), *(policy.at(stage.start) for stage in policy.stages))
    if any(part.mix and mix_row(part.mix.operation).needs_texts for part in parts):
        return TEXT_LINES
    shipped = {task.defaults["data"]: name for name, task in TASKS.items() if "data" in task.defaults}
    return shipped.get(flags.get("data"), CLASSIFICATION)


def _data_defaults(task: Task) -> dict[str, Any]:
    """The task's own defaults of the settings of data."""
    return {name: value for name, value in task.defaults.items() if name in DataSettings.setting_names()}


def _data_settings(config: SearchConfig | None, flags: dict[str, Any]) -> dict[str, Any]:
    """Those of a search with the flags in their place; the flags alone where they name other data."""
    if config is None or "data" in used(flags):
        return flags
    return {**config.model_dump(include={*DataSettings.setting_names()}), **used(flags)}


@with_flags(("Data", DataSettings), ("Split", SplitSettings))
def data(
    data: Annotated[str | None, typer.Argument(help="as --data of search; without it: what there is")] = None,
    out: Annotated[Path | None, typer.Option(help="a contact sheet, a PNG; an existing file is overwritten")] = None,
    task: Annotated[str, typer.Option(help="what networks learn from them, as in search")] = CLASSIFICATION,
    **flags: Any,
) -> None:
    """What a data set is: counts, sizes, classes, split, and a picture of it."""
    from policysearch.datasets.registry import NAMED, SHIPPED

    if data is None:
        named = {name: row.text for name, row in NAMED.items()}
        return print_columns({**SHIPPED, **named, **_OWN_DATA})
    from policysearch.reports.preview.data_sheet import describe

    split, settings = split_off(SplitSettings, flags)
    dataset = _dataset({"data": data, **settings}, task_named(task).needs)
    describe(dataset, split.validation, split.split_seed, out)


def _dataset(flags: dict[str, Any], needs: Needs = "labels") -> Dataset:
    from policysearch.cli.progress import decoding
    from policysearch.datasets.load import load

    settings = validated(DataSettings, used(flags))
    with decoding() as tell:
        return load(settings, tell, needs)
