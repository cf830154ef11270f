"""Checks of a search of a test-time policy, made before anything is trained or written."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policysearch.core.errors import UserError
from policysearch.core.tasks import must_be_possible
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.split import split
from policysearch.experiments.class_checks import must_be_measured, must_have_classes
from policysearch.experiments.continuation import places_of_record
from policysearch.experiments.evaluation.contenders import Entrant
from policysearch.experiments.progress import Listener
from policysearch.experiments.resolve import must_suit, resolved
from policysearch.experiments.session_data import load_with_progress, notes_on, with_all_images
from policysearch.experiments.task_checks import arms_must_suit_task
from policysearch.experiments.tta.candidates import pool, sources, space_of
from policysearch.experiments.tta.settings import TtaSettings
from policysearch.experiments.tta.subject import MARK, data_must_be_unchanged, read_subject
from policysearch.policy.tta import View
from policysearch.study.config import SearchConfig, without_search
from policysearch.study.run_folder import RunFolder
from policysearch.study.settings import RewardSettings, SpaceSettings
from policysearch.study.stores import names_must_be_free

PHASES: Mapping[str, str] = {"tta": ""}
"""The study of the networks."""
_MOST_BYTES = 4 * 2**30


@dataclass(frozen=True)
class Prepared:
    """A search of a test-time policy that is ready to begin, or to be continued.

    Attributes:
        entrant: the policy that networks are trained under.
        settings: what views are chosen from.
        config: how networks are trained, everything resolved.
        dataset: the data.
        views: the pool to choose from.
        folder: of this search.
        new: whether the folder holds nothing yet.
        notes: what a person should know, a sentence each.
    """

    entrant: Entrant
    settings: TtaSettings
    config: SearchConfig
    dataset: Dataset
    views: tuple[View, ...]
    folder: RunFolder
    new: bool
    notes: tuple[str, ...]


def prepare(result: str, settings: TtaSettings, values: Mapping[str, Any], listener: Listener) -> Prepared:
    """Check everything; the arguments are those of `policysearch.tta`.

    Raises:
        UserError: a setting, the result or the data are wrong; nothing has been written.
    """
    if not values.get("out"):
        raise UserError("a test-time policy needs a folder: give --out results/NAME")
    entrant = read_subject(result, values)
    must_be_possible(entrant.config.task, "tta", "tta")
    arms_must_suit_task(entrant.config.task, (entrant.arm,))
    must_be_measured((entrant.arm.policy,), "a test-time policy")
    must_be_here(entrant.config)
    folder = RunFolder(Path(str(values["out"])))
    new = not (folder.path / MARK).exists()
    drawn_from = sources(settings.candidates_from, space_of(entrant.run))
    candidates = pool(drawn_from, settings.candidates, entrant.config.seed)

    fixed = {**SpaceSettings().setting_values(), **RewardSettings().setting_values()}
    config = without_search(entrant.config)
    config = resolved(config.model_copy(update={**fixed, **places_of_record(folder, MARK, values)}))
    if new:
        folder.must_be_new()
        names_must_be_free(config, PHASES)
    dataset = load_with_progress(config, listener)
    must_have_classes((entrant.arm.policy,), dataset.classes, config.task)
    unknown = data_must_be_unchanged(entrant, Path(result), values, dataset)
    if "images" not in entrant.config.model_fields_set:
        config = with_all_images(config, dataset)
    notes = notes_on(dataset, config, [*must_suit(config, dataset), *([unknown] if unknown else [])])
    for text in notes:
        warnings.warn(text, stacklevel=1)
    _must_fit_in_memory(settings, config, dataset, len(candidates))
    return Prepared(entrant, settings, config, dataset, candidates, folder, new, tuple(notes))


def must_be_here(config: SearchConfig) -> None:
    """Check that networks are trained on this machine, whose files they are.

    Raises:
        UserError: they are not.
    """
    if config.pool != "local":
        raise UserError(
            f"the networks of a test-time policy are kept in its folder, and --pool is {config.pool}: give --pool local"
        )


def _must_fit_in_memory(settings: TtaSettings, config: SearchConfig, dataset: Dataset, count: int) -> None:
    """Check that all predictions on validation fit in memory at once, as the greedy search needs them.

    Raises:
        UserError: they do not.
    """
    images = len(split(dataset, config.validation, config.split_seed).validation)
    size = 4 * count * settings.seeds * images * len(dataset.classes)
    if size > _MOST_BYTES:
        raise UserError(
            f"{count} candidates × {settings.seeds} networks × {images:,} validation images × {len(dataset.classes)} "
            f"classes are {size / 2**30:.0f} GiB of probabilities, and {_MOST_BYTES / 2**30:.0f} are the most: "
            "give fewer --candidates, --seeds or --validation"
        )
