"""Checks of an online search, made before anything is trained or written."""

from __future__ import annotations

import tomllib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from policysearch.child.recipe import batches_of
from policysearch.child.stretch_plan import Stretch, planned
from policysearch.core.errors import UserError, in_one_sentence
from policysearch.core.tasks import must_be_possible
from policysearch.core.user_code import import_all
from policysearch.datasets.dataset import Dataset
from policysearch.experiments.class_checks import must_be_measured, must_suit_classes
from policysearch.experiments.online.chooser import Chooser, chooser_of, is_adversarial, must_name_a_rule
from policysearch.experiments.online.settings import OnlineSettings
from policysearch.experiments.progress import Listener
from policysearch.experiments.resolve import must_suit, resolved
from policysearch.experiments.session_data import load_with_progress, notes_on, with_all_images
from policysearch.experiments.task_checks import space_must_suit_task
from policysearch.policy.space_files import load_space
from policysearch.policy.spaces import Space
from policysearch.study.config import SearchConfig, load_config, make_config, validated, without_search
from policysearch.study.rewards import must_be_a_reward, try_reward
from policysearch.study.run_folder import RunFolder
from policysearch.study.search_defaults import OF_NO_FACTORS
from policysearch.study.settings import RewardSettings
from policysearch.study.stores import names_must_be_free
from policysearch.study.stretch_metrics import STRETCH_METRICS

MARK = "online.toml"
"""The file that marks a folder as that of an online search."""
PHASES: Mapping[str, str] = MappingProxyType({"online": "-online"})
_MOST_STRETCHES = 20_000


@dataclass(frozen=True)
class Prepared:
    """An online search that is ready to begin, or to be continued.

    Attributes:
        settings: how policies are chosen, everything filled in.
        config: how the network is trained, everything resolved.
        space: of the policies.
        chooser: what chooses them.
        dataset: the data.
        stretches: the plan of the training.
        folder: the search's.
        new: whether the folder holds nothing yet.
        notes: what a person should know, a sentence each.
    """

    settings: OnlineSettings
    config: SearchConfig
    space: Space
    chooser: Chooser
    dataset: Dataset
    stretches: tuple[Stretch, ...]
    folder: RunFolder
    new: bool
    notes: tuple[str, ...]

    @property
    def reward(self) -> str:
        """What a stretch is worth."""
        return str(self.settings.reward)


def prepare(settings: OnlineSettings, values: Mapping[str, Any], listener: Listener) -> Prepared:
    """Check an online search; the arguments are those of `policysearch.online`.

    Raises:
        UserError: a setting is wrong; nothing has been written.
    """
    folder = RunFolder(Path(str(values["out"])))
    new = not (folder.path / MARK).exists()
    if "reward" in values:
        raise UserError("the reward of stretches is one of OnlineSettings: give it there, not among the training's")
    if not new:
        settings, values = _as_begun(folder, settings, values)
    settings = _filled(settings)
    _must_be_spelled(settings)
    config = _resolved(values)
    if new:
        folder.must_be_new()
        names_must_be_free(config, PHASES)

    import_all(config.operations)
    space = _space(config, folder)
    try_reward(str(settings.reward), metrics=STRETCH_METRICS)
    dataset = load_with_progress(config, listener)
    must_suit_classes(space, dataset, config.task)
    must_be_measured(space, "an online search")
    if "images" not in values:
        config = with_all_images(config, dataset)
    suited = must_suit(config, dataset)
    stretches = _stretches(settings, config)
    chooser, notes = chooser_of(settings, space, config.seed, len(stretches))
    notes = notes_on(dataset, config, [*suited, *notes])
    if new:
        for text in notes:
            warnings.warn(text, stacklevel=3)
    config = config.model_copy(update={"reward": settings.reward})
    return Prepared(settings, config, space, chooser, dataset, stretches, folder, new, tuple(notes))


def _filled(settings: OnlineSettings) -> OnlineSettings:
    """The settings with their defaults, which depend on each other."""
    reward = settings.reward or ("loss" if is_adversarial(settings.rule) else "entropy")
    every = settings.every or (None if settings.every_steps else 1)
    return settings.model_copy(update={"reward": reward, "every": every})


def _must_be_spelled(settings: OnlineSettings) -> None:
    mistakes = []
    if settings.every and settings.every_steps:
        mistakes.append("--every and --every-steps both say how long a stretch is: give one of them")
    checks: tuple[Callable[[], None], ...] = (
        lambda: must_name_a_rule(settings.rule),
        lambda: must_be_a_reward(str(settings.reward), metrics=STRETCH_METRICS),
    )
    for check in checks:
        try:
            check()
        except UserError as error:
            mistakes.append(str(error))
    if mistakes:
        raise UserError(in_one_sentence(mistakes))


def _resolved(values: Mapping[str, Any]) -> SearchConfig:
    """The config of the training. It runs in this process, and its reward is no reward of pulls."""
    config = without_search(make_config({**OF_NO_FACTORS, **values, "workers": 0}))
    must_be_possible(config.task, "online", "online")
    if config.pool != "local":
        raise UserError(f"an online search trains in this process, and the pool is {config.pool!r}: leave it out")
    config = resolved(config.model_copy(update=RewardSettings().setting_values()))
    if config.recipe.base_epochs:
        raise UserError(
            "--base-epochs is for short pulls that begin with one trained network, and this trains one network from "
            "nothing: leave it out"
        )
    if config.recipe.schedule == "trunk":
        raise UserError(
            "--schedule trunk is for trainings that others continue, and this one ends: give one-cycle or constant"
        )
    return config


def _space(config: SearchConfig, folder: RunFolder) -> Space:
    """The space; of a search that goes on, as it was when it began.

    Raises:
        UserError: it cannot be read, or classifiers cannot be trained under one of its arms.
    """
    if not folder.space.exists():
        space = load_space(config.space)
        space_must_suit_task(config.task, space)
        return space
    return Space(Path(config.space).stem, load_space(str(folder.space)).file)


def _stretches(settings: OnlineSettings, config: SearchConfig) -> tuple[Stretch, ...]:
    batches = batches_of(config.images, config.recipe.batch)
    if settings.every_steps:
        count = config.epochs * -(-batches // settings.every_steps)
        length = f"--every-steps {settings.every_steps}"
    else:
        count = -(-config.epochs // (settings.every or 1))
        length = f"--every {settings.every}"
    steps = f"{config.epochs} epochs of {batches} steps"
    if count < 2:
        raise UserError(f"{length} leaves one stretch of {steps}, and then there is nothing to choose: give less")
    if count > _MOST_STRETCHES:
        raise UserError(
            f"{length} cuts {steps} into {count} stretches, and {_MOST_STRETCHES} are the most that a record holds: "
            "give more"
        )
    return planned(config.epochs, batches, every=settings.every or 1, every_steps=settings.every_steps)


def _as_begun(
    folder: RunFolder, settings: OnlineSettings, values: Mapping[str, Any]
) -> tuple[OnlineSettings, dict[str, Any]]:
    """The settings that a search was begun with; those that are given again must be the same.

    Raises:
        UserError: a setting is another than when the search began.
    """
    try:
        stored = validated(OnlineSettings, tomllib.loads((folder.path / MARK).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        raise UserError(f"{folder.path / MARK} is damaged: put it back, or give another --out") from None
    for name in settings.model_fields_set:
        if getattr(settings, name) not in (None, getattr(stored, name)):
            flag, before = f"--{name.replace('_', '-')}", getattr(stored, name)
            with_it = f"without {flag}" if before is None else f"with {flag} {before}"
            raise UserError(
                f"{folder.path} was begun {with_it}, and {getattr(settings, name)} is given: leave it out, or give "
                "another --out"
            )
    _must_be_whole(folder)
    if not folder.config.exists():  # a kill may have come between the two files
        return stored, dict(values)
    begun = load_config(folder.config).model_dump(exclude_none=True, exclude={"out"})
    recipe = {**begun.pop("recipe"), **values.get("recipe", {})}
    return stored, {**begun, **values, "recipe": recipe}


def _must_be_whole(folder: RunFolder) -> None:
    """Check that no file is missing that was written before one that is there.

    Raises:
        UserError: one is.
    """
    for path, later in ((folder.config, folder.study), (folder.space, folder.config)):
        if later.exists() and not path.exists():
            raise UserError(f"{path} is gone: put it back, or give another --out")
