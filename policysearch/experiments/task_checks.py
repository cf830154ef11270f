"""Whether settings, arms and policies suit what the children learn; found out before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from policysearch.child.recipe import Recipe
from policysearch.core.errors import UserError, in_one_sentence
from policysearch.core.tasks import must_be_possible, task_named
from policysearch.experiments.class_checks import title_of
from policysearch.policy.mask_checks import averages_moves, blends
from policysearch.policy.mixes import mix_row
from policysearch.policy.policy import Policy
from policysearch.policy.spaces import Arm, Space
from policysearch.policy.target_preservation import kept_by, must_keep_numbers
from policysearch.study.autoaugment_rl.settings import NAME as AUTOAUGMENT_RL
from policysearch.study.by_class.settings import NAME as BY_CLASS
from policysearch.study.config import SearchConfig
from policysearch.study.density_settings import DENSITY
from policysearch.study.populations.settings import is_population
from policysearch.study.settings import ModelSettings


def _mix(policy: Policy, of_lines: bool) -> str | None:
    """The mix of a policy without stages, if it is one of lines (or of classes)."""
    mix = policy.mix
    return mix.operation if mix is not None and mix_row(mix.operation).needs_texts == of_lines else None


def _map_mix(policy: Policy) -> str | None:
    """The mix of a policy without stages, if it needs activation maps."""
    mix = policy.mix
    return mix.operation if mix is not None and mix_row(mix.operation).needs_maps else None


def _confusion(policy: Policy) -> str | None:
    """What a policy without stages spreads targets by, if it is a confusion of classes."""
    softening = policy.softening
    return "confusion" if softening is not None and softening.spread == "confusion" else None


_PARTS: Mapping[str, Callable[[Policy], str | None]] = MappingProxyType(
    {
        "softening": lambda policy: "softening" if policy.softening is not None else None,
        "mix": lambda policy: _mix(policy, of_lines=False),
        "line-mix": lambda policy: _mix(policy, of_lines=True),
        "map-mix": _map_mix,
        "confusion": _confusion,
        "blend": blends,
        "mixture": averages_moves,
        "adaptive": lambda policy: "adaptive" if policy.adaptive is not None else None,
        "pair": lambda policy: "pair" if policy.pair is not None else None,
    }
)
"""Parts of a policy that not every task has: by key of `Task.refused`, what one without stages has of it."""


@dataclass(frozen=True)
class _Feature:
    """What a task may be unable to do.

    Attributes:
        key: in `Task.refused`.
        asked_for: whether a config asks for it.
        as_written: what asks for it, for the message.
    """

    key: str
    asked_for: Callable[[SearchConfig], bool]
    as_written: Callable[[SearchConfig], str]


def _strategy(config: SearchConfig) -> str:
    return f"--strategy {config.strategy}"


_USUAL = ModelSettings()


def _changed_recipe(recipe: Recipe) -> str:
    """Those settings of a recipe that are not the usual ones, as flags."""
    changed = [name for name in Recipe.model_fields if getattr(recipe, name) != getattr(_USUAL.recipe, name)]
    return ", ".join(f"--{name.replace('_', '-')}" for name in changed)


_FEATURES = (
    _Feature("density", lambda config: config.strategy.partition(":")[0] == DENSITY, _strategy),
    _Feature("autoaugment-rl", lambda config: config.strategy.partition(":")[0] == AUTOAUGMENT_RL, _strategy),
    _Feature("by-class", lambda config: config.strategy.partition(":")[0] == BY_CLASS, _strategy),
    _Feature("calibrated", lambda config: config.calibrated is not None, lambda config: "--calibrated"),
    _Feature("populations", lambda config: is_population(config.strategy), _strategy),
    _Feature("continue", lambda config: config.promote == "continue", lambda config: "--promote continue"),
    _Feature("model", lambda config: config.model != _USUAL.model, lambda config: f"--model {config.model}"),
    _Feature("recipe", lambda config: config.recipe != _USUAL.recipe, lambda config: _changed_recipe(config.recipe)),
    _Feature("weights", lambda config: config.weights is not None, lambda config: f"--weights {config.weights}"),
    _Feature(
        "base_epochs",
        lambda config: config.recipe.base_epochs > 0,
        lambda config: f"--base-epochs {config.recipe.base_epochs}",
    ),
    _Feature(
        "label_smoothing",
        lambda config: config.recipe.label_smoothing > 0,
        lambda config: f"--label-smoothing {config.recipe.label_smoothing:g}",
    ),
)
"""What a config may ask for that not every task can do."""


def settings_must_suit_task(config: SearchConfig) -> None:
    """Check that the task of a config can do what its other settings ask for.

    Raises:
        UserError: it cannot; all that it cannot do is in the message.
    """
    mistakes: list[str] = []
    for feature in _FEATURES:
        if not feature.asked_for(config):
            continue
        try:
            must_be_possible(config.task, feature.key, feature.as_written(config))
        except UserError as error:
            mistakes.append(str(error))
    if mistakes:
        raise UserError(in_one_sentence(mistakes))


def policy_must_suit_task(task: str, policy: Policy, keeps: Sequence[str] | None = None) -> None:
    """Check that children of a task can be trained under a policy.

    Args:
        task: its name.
        policy: with all its stages.
        keeps: the steps that keep numbers, as the space says; None: what the policy itself says.

    Raises:
        UserError: a part of the policy is none of the task's, or a step does not keep its numbers; the message names
            both.
    """
    _must_be_of_task(task, policy)
    _must_keep_targets(task, policy, keeps)


def _must_be_of_task(task: str, policy: Policy) -> None:
    refused = task_named(task).refused
    for start in (0.0, *(stage.start for stage in policy.stages)):
        for key, part_of in _PARTS.items():
            part = part_of(policy.at(start)) if key in refused else None
            if part is not None:
                must_be_possible(task, key, f"{title_of(policy)} has {part!r}, which")


def _must_keep_targets(task: str, policy: Policy, keeps: Sequence[str] | None) -> None:
    if task_named(task).has_numbers:
        must_keep_numbers(policy, title_of(policy), kept_by(policy) if keeps is None else keeps)


def arms_must_suit_task(task: str, arms: Iterable[Arm], keeps: Sequence[str] | None = None) -> None:
    """Check that children of a task can be trained under all of these arms.

    What no list of kept steps could mend is reported before what such a list is missing.

    Args:
        task: its name.
        arms: with all their stages.
        keeps: as for `policy_must_suit_task`.

    Raises:
        UserError: one has a policy or a loss that is none of the task's, or a step that does not keep its numbers.
    """
    arms = list(arms)
    _arms_must_be_of_task(task, arms)
    _arms_must_keep_targets(task, arms, keeps)


def _arms_must_be_of_task(task: str, arms: Iterable[Arm]) -> None:
    for arm in arms:
        if arm.loss is not None:
            must_be_possible(task, "loss", f"arm {arm.name} has a loss, which")
        _must_be_of_task(task, arm.policy)


def _arms_must_keep_targets(task: str, arms: Iterable[Arm], keeps: Sequence[str] | None) -> None:
    for arm in arms:
        _must_keep_targets(task, arm.policy, keeps)


def space_must_suit_task(task: str, space: Space) -> None:
    """Check that children of a task can be trained under the arms of a space.

    Raises:
        UserError: some arm has a policy or a loss that is none of the task's, or a step that does not keep its numbers.
    """
    fixed = (space.arm({"family": name}) for name in space.baselines)
    arms = (*fixed, *space.specimens())
    try:
        _arms_must_be_of_task(task, arms)
    except UserError as error:
        usual = task_named(task).defaults.get("space")
        advice = f", or give --space {usual}" if usual and usual != space.name else ""
        raise UserError(f"space {space.name}: {error}: take it out{advice}") from None
    try:
        _arms_must_keep_targets(task, arms, space.keeps)
    except UserError as error:  # the message has its own way out
        raise UserError(f"space {space.name}: {error}") from None
