"""The result whose policy gets a test-time policy: a search, an online search, an evaluation, or a policy by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from policysearch.core.errors import UserError
from policysearch.core.files import read_json
from policysearch.core.user_code import import_all
from policysearch.datasets.config import DataSettings, SplitSettings
from policysearch.datasets.dataset import Dataset
from policysearch.experiments.continuation import noted_in_search
from policysearch.experiments.evaluation.contenders import Entrant, arm_of, read_entrant
from policysearch.experiments.evaluation.files import SCHEMA as EVALUATION
from policysearch.policy.policy import Policy
from policysearch.policy.spaces import Arm
from policysearch.study.config import load_config, make_config
from policysearch.study.pinned_settings import pinned_data
from policysearch.study.policy_spec import named_policy
from policysearch.study.run_folder import RunFolder
from policysearch.study.settings import ModelSettings, PullSettings

MARK = "tta.toml"
"""The file that marks a folder as that of a test-time policy."""


class _Inherited(ModelSettings, SplitSettings, PullSettings, DataSettings):
    """Settings that are taken over from an evaluation."""


def read_subject(spec: str, values: Mapping[str, Any]) -> Entrant:
    """Read the policy under which networks are trained, and the settings of their trainings.

    Args:
        spec: the folder of a search, an online search or an evaluation, a policy file or a preset's name.
        values: settings that override those of the result.

    Raises:
        UserError: there is no such result, it has no final policy yet, or a setting is wrong.
    """
    folder = Path(spec)
    if not folder.is_dir():
        return read_entrant(spec, values)
    if (folder / MARK).exists():
        raise UserError(
            f"{folder} holds a test-time policy already: give the folder of the search, and this one as --out"
        )
    if (folder / "evaluation.toml").exists() or (folder / "evaluation.json").exists():
        return _of_evaluation(folder, values)
    return read_entrant(spec, values)


def _of_evaluation(folder: Path, values: Mapping[str, Any]) -> Entrant:
    path = folder / "evaluation.json"
    if not path.exists():
        raise UserError(f"{folder} holds an evaluation that has not ended (no {path.name}): the same command ends it")
    document = read_json(path, EVALUATION)
    try:
        about = document["about"]
        name = document["policies"][0]
        policy = Policy.from_dict(about["policy"], str(path))
        recorded, search = about["policies"][name]["hash"], about["search"]
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise UserError(f"{path} is damaged: it has no {error}") from None
    arm = replace(arm_of(policy), policy=policy.model_copy(update={"name": name}))
    if arm.key != recorded:
        arm = _with_its_loss(folder, arm, recorded)
    config = make_config({**_settings_of(folder), **values})
    import_all(config.operations)
    return Entrant(arm, config, Path(search) if search and Path(search).is_dir() else None)


def _with_its_loss(folder: Path, arm: Arm, recorded: str) -> Arm:
    """The evaluated arm from where it came from: its loss is not in evaluation.json."""
    import tomllib

    try:
        mark = tomllib.loads((folder / "evaluation.toml").read_text(encoding="utf-8"))
        original = arm_of(named_policy(mark["policy"]))
    except (OSError, ValueError, KeyError):
        original = arm
    if original.key != recorded:
        raise UserError(f"{folder} evaluated a policy with a loss, and the policy's file has changed: give that file")
    return original


def _settings_of(folder: Path) -> dict[str, Any]:
    """How the networks of an evaluation were trained."""
    config = folder / "config.toml"
    if not config.exists():
        raise UserError(f"{folder} has no config.toml, which says how its networks were trained: put it back")
    return load_config(config).model_dump(include={*_Inherited.setting_names()})


def data_must_be_unchanged(entrant: Entrant, folder: Path, values: Mapping[str, Any], dataset: Dataset) -> str:
    """Check that the data are those that the result was found on, where it says which.

    Args:
        entrant: with the settings of the trainings.
        folder: of the result; a file where there is only a policy.
        values: the settings that were given; other data than the result's are no mistake.
        dataset: as it is now.

    Returns:
        A sentence where that cannot be told; empty otherwise.

    Raises:
        UserError: they have changed.
    """
    run = RunFolder(folder)
    if not folder.is_dir() or any(values.get(name) is not None for name in DataSettings.setting_names()):
        return ""
    recorded = noted_in_search(run, pinned_data)
    if not recorded:
        return f"{folder} has no record of its data any more, so nothing says that they are the same"
    if recorded != dataset.digest:
        raise UserError(
            f"data {entrant.config.data!r} changed since {folder} was made, so its validation and test parts are not "
            "those of before: put the data back, or give them as --data to take them as they are"
        )
    return ""
