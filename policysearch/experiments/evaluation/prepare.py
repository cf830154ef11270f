"""Checks of an evaluation, made before anything is trained or written."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from policysearch.core.errors import UserError
from policysearch.core.tasks import must_be_possible, task_named
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.targets.checks import must_judge
from policysearch.experiments.class_checks import must_be_measured, must_have_classes
from policysearch.experiments.continuation import places_of_record
from policysearch.experiments.evaluation.contenders import Entrant, arm_of, fixed_arms, read_entrant
from policysearch.experiments.evaluation.equal_cost import PHASES as OPPONENTS
from policysearch.experiments.evaluation.equal_cost import trainings_of
from policysearch.experiments.evaluation.settings import EvaluateSettings
from policysearch.experiments.progress import Listener
from policysearch.experiments.resolve import must_suit, resolved
from policysearch.experiments.session_data import load_with_progress, notes_on, with_all_images
from policysearch.experiments.task_checks import arms_must_suit_task
from policysearch.experiments.user_training import must_take_test
from policysearch.policy.spaces import Arm
from policysearch.policy.target_preservation import kept_by
from policysearch.study.config import SearchConfig, without_search
from policysearch.study.policy_spec import named_policy
from policysearch.study.run_folder import RunFolder
from policysearch.study.settings import RewardSettings, SpaceSettings
from policysearch.study.stores import names_must_be_free

MARK = "evaluation.toml"
"""The file that marks a folder as that of an evaluation, not of a search."""
PHASES: Mapping[str, str] = MappingProxyType({"evaluate": "", "grid": "-grid"})
"""The studies of an evaluation: only trials of the first are judged on the test part."""


@dataclass(frozen=True)
class Prepared:
    """An evaluation that is ready to begin, or to be continued.

    Attributes:
        entrant: the evaluated policy.
        also: further policies to report.
        settings: what the policy is compared with.
        config: how networks are trained, everything resolved.
        dataset: the data.
        folder: the evaluation's.
        new: whether the folder holds nothing yet.
        trainings: what the search cost, in trainings of the evaluation; 0 without opponents of equal cost.
    """

    entrant: Entrant
    also: tuple[Arm, ...]
    settings: EvaluateSettings
    config: SearchConfig
    dataset: Dataset
    folder: RunFolder
    new: bool
    trainings: int = 0

    @property
    def phases(self) -> dict[str, str]:
        """The studies of this evaluation."""
        return {**PHASES, **(OPPONENTS if self.trainings else {})}

    @property
    def members(self) -> int:
        """Networks of the ensemble: what the search cost and one more, as the policy's own, but not too many."""
        return min(self.trainings + 1, self.settings.ensemble)


def prepare(policy: str, settings: EvaluateSettings, values: Mapping[str, Any], listener: Listener) -> Prepared:
    """Check an evaluation; the arguments are those of `policysearch.evaluate`.

    Raises:
        UserError: a setting or the policy is wrong; nothing has been written.
    """
    if not values.get("out"):
        raise UserError("an evaluation needs a folder: give --out results/NAME")
    entrant = read_entrant(policy, values)
    settings = suited(settings, entrant.config.task)
    fixed = fixed_arms([*settings.fixed, *settings.grid, *settings.free])
    also = tuple(arm_of(named_policy(spec)) for spec in settings.others)
    arms_must_suit_task(entrant.config.task, (entrant.arm, *fixed, *also), kept_by(entrant.arm.policy))
    folder = RunFolder(Path(str(values["out"])))
    new = not (folder.path / MARK).exists()
    config = without_search(entrant.config)
    # The arms are known, and the reward only orders RandAugment's grid, on validation.
    plain = {**SpaceSettings().setting_values(), **RewardSettings().setting_values()}
    config = resolved(config.model_copy(update={**plain, **places_of_record(folder, MARK, values)}))
    if new:
        folder.must_be_new()
        names_must_be_free(config, {**PHASES, **(OPPONENTS if settings.equal_cost else {})})
    dataset = load_with_progress(config, listener, config.task)
    policies = [entrant.arm.policy, *(arm.policy for arm in also)]
    must_have_classes(policies, dataset.classes, config.task)
    must_be_measured(policies, "an evaluation")
    if config.train is not None:
        must_take_test(config)
    if dataset.targets_test is not None:
        must_judge(dataset.targets_test, dataset.target_names, "test")
    if "images" not in entrant.config.model_fields_set:
        config = with_all_images(config, dataset)
    for text in notes_on(dataset, config, must_suit(config, dataset)):
        warnings.warn(text, stacklevel=1)
    trainings = trainings_of(settings, entrant.run, config)
    return Prepared(entrant, also, settings, config, dataset, folder, new, trainings)


def suited(settings: EvaluateSettings, task: str) -> EvaluateSettings:
    """The settings as a task can have them: compared with its own fixed policies, unless others were named.

    Raises:
        UserError: they ask for what the task cannot do.
    """
    if settings.equal_cost is not None:
        must_be_possible(task, "equal_cost", f"--equal-cost {settings.equal_cost}")
    row = task_named(task)
    if row.has_classes or "against" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"against": ",".join(row.fixed)})
