"""data, preview: what goes in and what is done to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from policysearch.cli.columns import print_columns
from policysearch.cli.flags import split_off, used, with_flags
from policysearch.datasets.config import DataSettings, SplitSettings
from policysearch.study.config import load_config, validated

if TYPE_CHECKING:
    from policysearch.datasets.dataset import Dataset
    from policysearch.study.run_folder import RunFolder

_OWN_DATA = {
    "FOLDER": "images, one sub-folder per class; or Parquet",
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
    operations: Annotated[str | None, typer.Option(help="modules that register operations, as in search")] = None,
    out: Annotated[Path, typer.Option(help="the picture, a PNG; an existing file is overwritten")] = Path(
        "preview.png"
    ),
    **flags: Any,
) -> None:
    """A picture of what a policy does to your images; that of a search's folder on its own, unless --data is given."""
    from policysearch.core.user_code import import_all
    from policysearch.reports.preview.figure import write_preview
    from policysearch.study.policy_spec import run_of_policy

    run = run_of_policy(Path(policy))
    settings, own_operations = _of_search(run) if run else ({}, None)
    import_all(operations or own_operations)
    dataset = _dataset({**settings, **used(flags)} if "data" not in used(flags) else flags)
    lines = write_preview(policy, dataset, out, images=images, draws=draws, seed=seed, progress=progress)
    typer.echo("\n".join(lines))


@with_flags(("Data", DataSettings), ("Split", SplitSettings))
def data(
    data: Annotated[str | None, typer.Argument(help="as --data of search; without it: what there is")] = None,
    out: Annotated[Path | None, typer.Option(help="a contact sheet, a PNG; an existing file is overwritten")] = None,
    **flags: Any,
) -> None:
    """What a data set is: counts, sizes, classes, split, and a picture of it."""
    from policysearch.datasets.registry import NAMED, SHIPPED

    if data is None:
        named = {name: row.text for name, row in NAMED.items()}
        return print_columns({**SHIPPED, **named, **_OWN_DATA})
    from policysearch.reports.preview.data_sheet import describe

    split, settings = split_off(SplitSettings, flags)
    describe(_dataset({"data": data, **settings}), split.validation, split.split_seed, out)


def _of_search(run: RunFolder) -> tuple[dict[str, Any], str | None]:
    """The data settings of a search, and its operations."""
    config = load_config(run.config)
    return config.model_dump(include={*DataSettings.setting_names()}), config.operations


def _dataset(flags: dict[str, Any]) -> Dataset:
    from policysearch.cli.progress import decoding
    from policysearch.datasets.load import load

    settings = validated(DataSettings, used(flags))
    with decoding() as tell:
        return load(settings, tell)
