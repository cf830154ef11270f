"""The policies that are trained side by side: the evaluated one, and the fixed ones by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policysearch.child.fine_tuning.start import Start
from policysearch.core.command import command
from policysearch.core.errors import UserError
from policysearch.core.user_code import import_all
from policysearch.datasets.config import DataSettings, SplitSettings
from policysearch.experiments.continuation import noted_in_search
from policysearch.policy.losses import parse_loss
from policysearch.policy.policy import Policy
from policysearch.policy.presets import preset
from policysearch.policy.spaces import Arm
from policysearch.study.config import SearchConfig, load_config, make_config
from policysearch.study.pinned_settings import pinned_weights
from policysearch.study.policy_spec import named_policy, run_of_policy
from policysearch.study.run_folder import RunFolder
from policysearch.study.settings import ModelSettings, PullSettings


@dataclass(frozen=True)
class Contender:
    """One of the policies: its name, different from all others', and whether it is a fixed one."""

    name: str
    arm: Arm
    fixed: bool


def arm_of(policy: Policy) -> Arm:
    """The arm of a policy file, with the loss that its `about` names.

    Raises:
        UserError: the loss is no valid one.
    """
    loss = parse_loss(policy.about.get("loss"), "the policy's about: loss")
    name = policy.name or f"policy {policy.hash[:6]}"
    name = name.removesuffix(f" + {loss.label}") if loss else name
    return Arm({}, policy.model_copy(update={"name": name}), loss)


def fixed_arms(names: Sequence[str]) -> list[Arm]:
    """Arms of the presets with these names.

    Raises:
        UserError: no preset has one of the names.
    """
    return [Arm({}, preset(name).model_copy(update={"name": name})) for name in names]


def contenders(searched: Arm, fixed: Sequence[Arm], also: Sequence[Arm] = ()) -> tuple[Contender, ...]:
    """The policies that are compared, the evaluated one first and each of them once.

    A fixed policy that is evaluated still counts as a fixed one.

    Args:
        searched: the evaluated policy.
        fixed: policies whose names differ from each other's.
        also: further policies. A policy that is not fixed and shares its name with another gets a part of its hash
            in its name.
    """
    free = {arm.key for arm in fixed}
    by_key: dict[str, Arm] = {}
    for arm in (searched, *fixed, *also):
        by_key.setdefault(arm.key, arm)
    arms = list(by_key.values())
    names = [arm.name for arm in arms if arm.key in free] + [arm.name for arm in arms if arm.key not in free]
    return tuple(Contender(_distinct(arm, names, arm.key in free), arm, arm.key in free) for arm in arms)


def _distinct(arm: Arm, names: Sequence[str], fixed: bool) -> str:
    return f"{arm.name} {arm.key[:6]}" if names.count(arm.name) > 1 and not fixed else arm.name


class _Inherited(ModelSettings, SplitSettings, PullSettings, DataSettings):
    """Settings that an evaluation takes over from the search that found its policy."""


@dataclass(frozen=True)
class Entrant:
    """The evaluated arm, the settings of the trainings, and the folder of the search that found it, if there is one."""

    arm: Arm
    config: SearchConfig
    run: Path | None


def read_entrant(spec: str, values: Mapping[str, Any]) -> Entrant:
    """Read the policy that is evaluated, and the settings of its trainings.

    Args:
        spec: a policy file, a preset's name, or the folder of a finished search, whose settings are then the defaults.
        values: settings that override the defaults.

    Raises:
        UserError: the policy cannot be read, a setting is wrong, or the weights of its search have changed.
    """
    folder = RunFolder(Path(spec))
    values = _with_those_of(folder, values) if folder.path.is_dir() else dict(values)
    config = make_config(values)
    if folder.path.is_dir() and config.weights is not None:
        _must_be_the_weights_of(folder, config.weights)
    import_all(config.operations)
    run = run_of_policy(Path(spec))
    return Entrant(arm_of(named_policy(spec)), config, run.path if run else None)


def _with_those_of(folder: RunFolder, values: Mapping[str, Any]) -> dict[str, Any]:
    folder.must_hold_a_run()
    if not folder.policy.exists():
        raise UserError(f"{folder.path} holds no policy.json yet: {command('resume', folder.path)} ends its search")
    inherited = {*_Inherited.setting_names()} - {"images"}  # all training images, not as many as a pull had
    settings = load_config(folder.config).model_dump(include=inherited)

    # The search's recipe suits its own network and weights only; others begin from the defaults.
    recipe = settings.pop("recipe")
    if values.get("model", settings["model"]) != settings["model"]:
        recipe, settings = {}, {**settings, "weights": None, "normalisation": None}
    if not _same_file(values.get("weights", settings["weights"]), settings["weights"]):
        recipe = {}
    override = values.get("recipe", {})
    return {**settings, **values, "recipe": {**recipe, **override} if isinstance(override, dict) else override}


def _must_be_the_weights_of(run: RunFolder, path: str) -> None:
    """Check that the file of a search's weights is the one that it was begun with; another file is no mistake.

    Raises:
        UserError: it has changed.
    """
    if not _same_file(path, load_config(run.config).weights):
        return
    recorded, start = noted_in_search(run, pinned_weights), Start.of(path)
    if recorded and start is not None and recorded != start.digest:
        raise UserError(
            f"weights {path!r} changed since the search of {run.path} began with them: put the file back, or give "
            "others as --weights under another name"
        )


def _same_file(one: str | None, other: str | None) -> bool:
    """Whether two settings name the same file, or both none."""
    return one == other or (one is not None and other is not None and Path(one).resolve() == Path(other).resolve())
