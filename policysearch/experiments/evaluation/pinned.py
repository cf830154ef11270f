"""What an evaluation is held to: its settings, of which only the seeds may grow, and its entry in the ledgers."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import tomli_w

from policysearch.core.settings import Mark
from policysearch.datasets.dataset import Dataset
from policysearch.experiments.continuation import changed_settings, note_seeds
from policysearch.experiments.evaluation.contenders import Contender, Entrant
from policysearch.experiments.evaluation.ledger import Looks, Read, hash_of_test_part, note
from policysearch.experiments.evaluation.prepare import MARK, Prepared
from policysearch.experiments.evaluation.settings import EvaluateSettings, TrainingSettings
from policysearch.study.config import SearchConfig
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.pinned_settings import pin, training_settings
from policysearch.study.run_folder import RunFolder

OPPONENTS = ("an ensemble under the best fixed policy", "the best fixed policy with a tuned recipe")
"""How the opponents of equal cost are called before it is clear under which policy."""


def mark(folder: RunFolder, policy: str, settings: EvaluateSettings) -> None:
    """Write what is evaluated, and with what settings, into the folder."""
    text = tomli_w.dumps({"policy": policy, **settings.model_dump(exclude_none=True)})
    (folder.path / MARK).write_text(text, encoding="utf-8")


def pin_evaluation(store: OptunaTrialStore, prepared: Prepared) -> None:
    """Store the evaluation's settings on first use; when it is continued, check that only its seeds have grown.

    Raises:
        UserError: a setting differs, or there are fewer seeds.
    """
    change = pin(store, _settings(prepared))
    if change:
        raise changed_settings(prepared.folder, change, "evaluation", "give what it was begun with")
    note_seeds(store, prepared.settings.seeds, prepared.folder)


def _settings(prepared: Prepared) -> dict[str, Any]:
    settings = prepared.settings
    chosen = {"grid": settings.grid, **({"free": settings.free} if settings.free else {})}
    grid = {**chosen, **({"grid_seeds": settings.grid_seeds} if settings.grid or settings.free else {})}
    return {
        "policy": prepared.entrant.arm.key,
        "against": ",".join(settings.names),
        "also": ",".join(arm.key for arm in prepared.also) or None,
        **grid,
        **({"equal_cost": prepared.trainings, "ensemble": prepared.members} if prepared.trainings else {}),
        **network_settings(prepared.config, prepared.dataset),
    }


def network_settings(config: SearchConfig, dataset: Dataset) -> dict[str, Any]:
    """What the networks of an experiment depend on besides their policies, each part of the recipe by itself."""
    training = training_settings(config, dataset.digest, TrainingSettings.setting_names(Mark.FIXED))
    recipe = training.pop("recipe")
    return {**training, **{f"recipe.{name}": value for name, value in recipe.items()}}


def enter_in_ledgers(store: OptunaTrialStore, prepared: Prepared, compared: Sequence[Contender], command: str) -> Looks:
    """Enter the evaluation in its folder's ledger, and in that of the search that found the policy.

    An evaluation with as many seeds as before is entered once, however often it is continued. Its name is kept in its
    study, so that it stays known where its folder is moved.
    """
    names = [contender.name for contender in compared]
    opponents = OPPONENTS if prepared.trainings else ()
    seeds = prepared.settings.seeds
    return enter(store, prepared, str(seeds), (*names, *opponents), seeds, command)


class _Judging(Protocol):
    """An experiment whose networks are judged on the test part."""

    @property
    def entrant(self) -> Entrant: ...
    @property
    def dataset(self) -> Dataset: ...
    @property
    def folder(self) -> RunFolder: ...


def enter(
    store: OptunaTrialStore, prepared: _Judging, part: str, policies: tuple[str, ...], seeds: int, command: str
) -> Looks:
    """Enter a reading of the test part in the folder's ledger, and in that of the search that found the policy.

    Args:
        store: of the networks; the experiment's name is kept there.
        prepared: what is judged.
        part: readings with another part, such as their number of seeds, are counted apart.
        policies: what is judged, by name.
        seeds: networks of each policy.
        command: what was typed.
    """
    if "evaluation" not in store.notes:
        store.note("test_part", hash_of_test_part(prepared.dataset))
        store.note("evaluation", _unique_name(prepared.folder.path))
    read = Read(
        evaluation=f"{store.notes['evaluation']}-{part}",
        data=prepared.dataset.name,
        test_part=store.notes["test_part"],
        images=len(prepared.dataset.y_test),
        policies=policies,
        seeds=seeds,
        out=str(prepared.folder.path),
        command=command,
    )
    searched_in = [prepared.entrant.run] if prepared.entrant.run else []
    return note([prepared.folder.path, *searched_in], read)


def _unique_name(folder: Path) -> str:
    """Different for every evaluation, even in a folder that was emptied and used again."""
    return hashlib.sha256(f"{folder.resolve()} {time.time_ns()}".encode()).hexdigest()[:12]
