"""What is to be evaluated: a policy, or the search that found one, and how its networks are trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policysearch.core.errors import UserError
from policysearch.core.user_code import import_all
from policysearch.datasets.config import DataSettings, SplitSettings
from policysearch.experiments.evaluation.contenders import arm_of
from policysearch.policy.spaces import Arm
from policysearch.study.config import SearchConfig, load_config, make_config
from policysearch.study.policy_spec import named_policy
from policysearch.study.run_folder import RunFolder
from policysearch.study.settings import ModelSettings, PullSettings


class _Inherited(ModelSettings, SplitSettings, PullSettings, DataSettings):
    """Settings that an evaluation takes over from the search that found its policy."""


@dataclass(frozen=True)
class Entrant:
    """The evaluated arm, the settings of the trainings, and the folder of the search that found it, if there is one."""

    arm: Arm
    config: SearchConfig
    run: Path | None


def entrant(spec: str, values: Mapping[str, Any]) -> Entrant:
    """Read what is to be evaluated.

    Args:
        spec: a policy file, a preset's name, or the folder of a finished search, whose settings are then the defaults.
        values: settings that were given.

    Raises:
        UserError: it cannot be read, or a setting is wrong.
    """
    folder = RunFolder(Path(spec))
    values = _with_those_of(folder, values) if folder.path.is_dir() else dict(values)
    config = make_config(values)
    import_all(config.operations)
    return Entrant(arm_of(named_policy(spec)), config, _found_in(Path(spec)))


def _with_those_of(folder: RunFolder, values: Mapping[str, Any]) -> dict[str, Any]:
    folder.must_hold_a_run()
    if not folder.policy.exists():
        raise UserError(f"{folder.path} holds no policy.json yet: `policysearch resume {folder.path}` ends its search")
    inherited = {*_Inherited.setting_names()} - {"images"}  # all training images, not as many as a pull had
    had = load_config(folder.config).model_dump(include=inherited)
    own = values.get("recipe", {})
    recipe = had.pop("recipe") if values.get("model", had["model"]) == had["model"] else {}  # or another network's
    return {**had, **values, "recipe": {**recipe, **own} if isinstance(own, dict) else own}


def _found_in(path: Path) -> Path | None:
    """The folder of the search whose policy this is."""
    folder = path if path.is_dir() else path.parent
    is_run = RunFolder(folder).config.exists() and RunFolder(folder).policy.exists()
    return folder if is_run and path in (folder, RunFolder(folder).policy) else None
