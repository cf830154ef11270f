"""Everything that can be wrong with an evaluation, found before anything is trained or written."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from policysearch.core.errors import UserError
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.split import split
from policysearch.experiments.evaluation.contenders import Entrant, arm_of, entrant, fixed_arms
from policysearch.experiments.evaluation.settings import EvaluateSettings
from policysearch.experiments.progress import Listener
from policysearch.experiments.resolve import must_suit, resolved
from policysearch.experiments.session import load_with_progress, notes_on
from policysearch.policy.spaces import Arm
from policysearch.study.config import SearchConfig, load_config, without_search
from policysearch.study.policy_spec import named_policy
from policysearch.study.run_folder import RunFolder
from policysearch.study.settings import RewardSettings, SpaceSettings
from policysearch.study.stores import names_must_be_free

MARK = "evaluation.toml"
"""The file that tells an evaluation's folder from a search's."""
PHASES: Mapping[str, str] = MappingProxyType({"evaluate": "", "grid": "-grid"})
"""The studies of an evaluation: only trials of the first are judged on the test part."""


@dataclass(frozen=True)
class Prepared:
    """An evaluation that may begin, or go on.

    Attributes:
        given: what is evaluated.
        also: what is told beside it.
        settings: what it is compared with.
        config: how networks are trained, everything resolved.
        dataset: on what.
        folder: where its files go.
        new: whether the folder holds nothing yet.
    """

    given: Entrant
    also: tuple[Arm, ...]
    settings: EvaluateSettings
    config: SearchConfig
    dataset: Dataset
    folder: RunFolder
    new: bool


def prepare(policy: str, settings: EvaluateSettings, values: Mapping[str, Any], listener: Listener) -> Prepared:
    """Check what was given; the arguments are those of `policysearch.evaluate`.

    Raises:
        UserError: something is wrong; nothing has been written.
    """
    if not values.get("out"):
        raise UserError("an evaluation needs a folder: give --out results/NAME")
    given = entrant(policy, values)
    fixed_arms([*settings.fixed, *settings.grid])
    also = tuple(arm_of(named_policy(spec)) for spec in settings.others)
    folder = RunFolder(Path(str(values["out"])))
    new = not (folder.path / MARK).exists()
    config = without_search(given.config)
    # Arms are given, and the reward only orders RandAugment's grid, on validation.
    fixed = {**SpaceSettings().setting_values(), **RewardSettings().setting_values()}
    config = resolved(config.model_copy(update={**fixed, **_kept(folder, values)}))
    if new:
        folder.must_be_new()
        names_must_be_free(config, PHASES)
    dataset = load_with_progress(config, listener)
    config = _sized(config, given, dataset)
    for text in notes_on(dataset, config, must_suit(config, dataset)):
        warnings.warn(text, stacklevel=1)
    return Prepared(given, also, settings, config, dataset, folder, new)


def _kept(folder: RunFolder, values: Mapping[str, Any]) -> dict[str, Any]:
    """Where the record of an evaluation that goes on is: its folder may have been moved."""
    if not ((folder.path / MARK).exists() and folder.config.exists()):  # a kill may have come between the two
        return {}
    begun = load_config(folder.config)
    return {name: getattr(begun, name) for name in ("study", "storage") if not values.get(name)}


def _sized(config: SearchConfig, given: Entrant, dataset: Dataset) -> SearchConfig:
    """The config with all training images, unless their number was given."""
    if "images" in given.config.model_fields_set:
        return config
    side = split(dataset, config.validation, config.split_seed).train
    return config.model_copy(update={"images": len(side)})
