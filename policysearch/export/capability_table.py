"""The table of what each library makes of each operation, as a file."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from policysearch.core.errors import UserError
from policysearch.core.files import must_be_writable, write_whole
from policysearch.core.version import __version__
from policysearch.datasets.config import DataSettings
from policysearch.datasets.load import load
from policysearch.export.albumentations_dialects import installed
from policysearch.export.capability import MEASURED, Cell, measure
from policysearch.policy.operations import SHIPPED_OPERATIONS

Table = Mapping[str, Mapping[str, Cell]]
_HEAD = """# What each library makes of each operation

`policysearch export` writes policies for other libraries. Here is how near each operation comes to the pixels that
were searched with, where a library has operations of its own, measured by `policysearch export --table` on 13 grey
pictures of 28×28 of the shipped data and 13 in colour, whose channels are three of them, and on pictures and channels
of a single grey value. Magnitudes are 0.3, 0.55 and 1 of the standard range with a drawn sign, compared with the same
sign, and 0.55 with both fixed signs.
*Exact*: to the last bit. *Within 1*: no grey value further off than 1 of 255. *x % differ*: that share of values,
at the worst of these magnitudes; for turns it is places that fall between two pixels. *Mirrored*: a fixed sign gives
what the other sign should. *Another operation*: the export refuses it unless `--allow-loss`. –: not written, the
reasons are below.

{versions}.
"""
_REST = """
What a whole policy may ask for:

| | torchvision | timm | kornia | albumentations | keras, jax | dali |
| - | - | - | - | - | - | - |
| a draw per image | yes, of a batch too | yes | no: one sub-policy, magnitude and sign per batch | yes | yes | yes |
| weights, probabilities, one of several | yes | yes | yes | yes | yes | yes |
| a magnitude of several levels | yes | yes | yes | no: of their interval (whole bits and pixels: yes) | yes | yes |
| a magnitude of an interval | yes | no: of 256 values | no: of 32 values | yes | yes | yes |
| a noisy magnitude (mean, std) | yes | yes | no: of 15 quantiles | no: of 7 quantiles | yes | yes |
| several in random order (some_of) | yes | no | no | no | yes | no |
| softened targets and weights, a loss | yes | no | no | no | yes | no |
| classes that differ, targets spread by confusion | yes, given labels | no | no | no | targets alone | no |
| mixes of the batch | all but SnapMix and those of lines | no | no | no | all but SnapMix and those of lines | no |
| means of several draws (AugMix) | yes | no | no | no | yes | no |
| stages | yes, by `progress` | no | no | no | yes, by `progress` | no |
| two views and what the pair counts | yes | no | no | no | no | no |
| magnitudes that the network gives (no: drawn evenly) | no | no | no | no | no | no |
| boxes and masks | moved along (not by AugMix) | no | no | moved along, with `bbox_params` | no | no |

Configs, settings and hooks (`ultralytics-trainer`, `huggingface` and `lightning` have torchvision's pixels, above):

| | mmpretrain | ultralytics | ultralytics-trainer | huggingface | lightning | collate |
| - | - | - | - | - | - | - |
| a draw per image | yes | yes | yes | yes | yes | yes |
| weights, probabilities, one of several | yes | RandAugment(2, 9), AutoAugment | yes | yes | yes | – |
| levels, intervals, noisy magnitudes | yes | intervals of crop, colours, erasing | yes | yes | yes | – |
| several in random order (some_of) | no | all four colours | yes | yes | yes | – |
| softened targets and weights, a loss | no | no | no | yes | yes | no |
| classes that differ, targets spread by confusion | no | no | no | yes | yes | no |
| mixes of the batch | MixUp, CutMix: one λ per batch | no | no | all but SnapMix | all but SnapMix | all but SnapMix |
| means of several draws (AugMix) | no | no | yes | yes | yes | – |
| stages | no | no | no | yes, by a callback | yes, by a callback | yes, by `progress` |
| two views and what the pair counts | no | no | no | no | no | no |

Each *no* is named by the export, which then refuses unless `--allow-loss`.
"""


def write_table(out: Path, force: bool) -> None:
    """Measure the libraries that are installed, on the shipped images, and write PATH.json or PATH.md.

    Raises:
        UserError: `out` has another ending, is there already and `force` is False, or cannot be written.
    """
    if out.suffix not in _FORMS:
        raise UserError(f"the table goes to PATH.json or PATH.md, got {str(out)!r}")
    must_be_writable(out, force)
    text = written_table(measured_table(), out.suffix)
    try:
        write_whole(out, text)
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror or error}") from None


def measured_table() -> Table:
    """What each installed library makes of each operation; takes some minutes."""
    import torch

    os.environ.setdefault("KERAS_BACKEND", "torch")  # Keras would run on TensorFlow
    images = torch.from_numpy(load(DataSettings()).x_train)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            name: {operation: measure(operation, name, images) for operation in sorted(SHIPPED_OPERATIONS)}
            for name in MEASURED
            if _is_installed(name)
        }


def _is_installed(library: str) -> bool:
    try:
        return find_spec("nvidia.dali" if library == "dali" else library) is not None
    except ModuleNotFoundError:  # not even what it is a part of
        return False


def written_table(cells: Table, suffix: str) -> str:
    """The text of a file with that ending, .json or .md."""
    return _FORMS[suffix](cells)


def _as_json(cells: Table) -> str:
    data = {name: {operation: asdict(cell) for operation, cell in column.items()} for name, column in cells.items()}
    return json.dumps(data, indent=1) + "\n"


def _as_page(cells: Table) -> str:
    versions = ", ".join([f"policysearch {__version__}", *map(_with_version, ("torch", *cells))])
    return _HEAD.format(versions=versions) + "\n" + "\n".join(as_markdown(cells)) + "\n" + _REST


def _with_version(library: str) -> str:
    """A library by its own name: what is imported as albumentations may be albumentationsx."""
    if library == "dali":
        return f"dali {import_module('nvidia.dali').__version__}"
    return str(installed()) if library == "albumentations" else f"{library} {version(library)}"


_FORMS = {".json": _as_json, ".md": _as_page}


def as_markdown(cells: Mapping[str, Mapping[str, Cell]]) -> list[str]:
    """The lines of a table with a row per operation, and the reasons under it.

    Args:
        cells: by library and operation.
    """
    lines = [f"| operation | {' | '.join(cells)} |", "| - " * (len(cells) + 1) + "|"]
    for operation in sorted(SHIPPED_OPERATIONS):
        lines.append(f"| {operation} | {' | '.join(str(column[operation]) for column in cells.values())} |")
    for library, column in cells.items():
        lines += ["", f"**{library}**: {'; '.join(_reasons(column)) or 'everything'}."]
    return lines


def _reasons(column: Mapping[str, Cell]) -> list[str]:
    """Why operations are left out or differ, those of one reason together."""
    operations: dict[str, list[str]] = {}
    for operation, cell in column.items():
        for reason in filter(None, (*cell.altered, cell.refused, cell.one_sign)):
            operations.setdefault(reason.replace(operation, "…"), []).append(operation)
    return [f"{reason} ({', '.join(names)})" for reason, names in operations.items()]
