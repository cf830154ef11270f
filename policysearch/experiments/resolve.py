"""Checks of a configuration, made before anything is trained or written."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from policysearch.child.network_registry import recipe_for
from policysearch.child.recipe import smallest_batch
from policysearch.child.trainers import outputs_of
from policysearch.core.cores import usable_cores
from policysearch.core.errors import UserError
from policysearch.core.tasks import task_named
from policysearch.core.user_code import absolute, absolute_function
from policysearch.datasets.class_balance import rare_notes
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.folds import folds_of_rows
from policysearch.datasets.split import split
from policysearch.experiments.apart import begin_to_import
from policysearch.experiments.class_rewards import class_reward_notes
from policysearch.experiments.config_checks import must_be_spelled
from policysearch.experiments.search.ablation import must_have_factors
from policysearch.experiments.task_checks import space_must_suit_task
from policysearch.experiments.torch_checks import cuda_devices, network_notes, precision_on, weights_file
from policysearch.experiments.user_training import function_must_suit
from policysearch.policy.spaces import Arm, Space
from policysearch.rules.successive_halving import Promoting
from policysearch.study.by_class.settings import with_by_class
from policysearch.study.config import SearchConfig
from policysearch.study.continuation_checks import policy_must_be_continuable
from policysearch.study.density_settings import density_settings, with_density
from policysearch.study.ladder import continues, ladder, must_be_climbable
from policysearch.study.populations.settings import is_population
from policysearch.study.populations.strategy import make_population
from policysearch.study.reward_metrics import metrics_of_task
from policysearch.study.rewards import try_reward
from policysearch.study.rule_strategy import RuleStrategy
from policysearch.study.sqlite_file import sqlite_file
from policysearch.study.strategies import Strategy, make_strategy, must_suit_reward, try_own_rule


def resolved(config: SearchConfig) -> SearchConfig:
    """Fill in everything that a config leaves open: device, workers, folder, study, recipe.

    With `pool` "ray" the device and the number of workers are left to the cluster.

    Raises:
        UserError: something that the config names does not exist (see `must_be_spelled`), or this machine lacks the
            device or its precision.
    """
    must_be_spelled(config)
    begin_to_import(config)
    tuned = config.weights is not None
    recipe = config.recipe if config.train else recipe_for(config.model, config.recipe, fine_tuned=tuned)
    device = config.device
    if config.pool != "ray":
        device = _present(config)
    if config.pool != "ray" and config.train is None:
        precision = precision_on(config.model_copy(update={"recipe": recipe}), device)
        recipe = recipe.model_copy(update={"precision": precision})
    cores = usable_cores()
    workers = config.workers
    if workers is None and config.pool != "ray":
        workers = 2 if device.startswith("cuda") else min(cores, 8)
    out = config.out or default_folder()
    study = config.study or Path(out).resolve().name
    filled = {
        "storage": _in_any_folder(config.storage),
        "device": device,
        "workers": workers,
        "out": out,
        "study": study,
        "recipe": recipe,
    }
    filled |= {"operations": absolute(config.operations), "model": absolute_function(config.model), **config.places()}
    filled |= {"train": absolute_function(config.train)} if config.train else {}
    filled |= {"weights": weights_file(config), "strategy": absolute_function(config.strategy)}
    return with_by_class(with_density(config.model_copy(update=filled)))


def default_folder(kind: str = "search") -> str:
    """The folder of a run whose `--out` is left open."""
    return f"results/{kind}-{time.strftime('%Y%m%d-%H%M%S')}"


def _in_any_folder(storage: str | None) -> str | None:
    """The URL of a storage with the path of its file absolute."""
    file = sqlite_file(storage) if storage else None
    return f"sqlite:///{file.resolve()}" if file else storage


def _present(config: SearchConfig) -> str:
    """The device by its torch name, which this machine has."""
    device = config.device
    if device == "cpu":
        return device
    count = cuda_devices(config)
    if device == "auto":
        return "cuda" if count else "cpu"
    kind, _, index = device.partition(":")
    if kind == "cuda" and int(index or 0) >= count:
        raise UserError(
            f"device {device!r} asked for, but this machine has {count} usable CUDA devices: use --device cpu"
        )
    return device


def tried_strategy(config: SearchConfig, space: Space) -> Strategy:
    """Make the strategy of a config, and try it and the rewards.

    Raises:
        UserError: a reward or the strategy is wrong, or they do not go together.
    """
    must_have_factors(config, space)
    base, density = config.recipe.base_epochs > 0, density_settings(config.strategy)
    metrics = metrics_of_task(config.task)
    try_reward(config.reward, base, folds=density is not None, metrics=metrics)
    try_reward(config.last_reward, base, metrics=metrics)
    space_must_suit_task(config.task, space)
    if is_population(config.strategy):
        return make_population(config.strategy, space, config.epochs)
    strategy = make_strategy(config.strategy, space, config.seed, config.trials)
    must_suit_reward(strategy, config.strategy, config.reward)
    try_own_rule(config.strategy, space, config.seed, config.trials)
    must_be_climbable(config)
    _must_reach_the_top(strategy, config)
    if isinstance(strategy, RuleStrategy) and continues(config):
        _must_not_depend_on_the_end(strategy.arms)
        return replace(strategy, continues=True)
    return strategy


def _must_reach_the_top(strategy: Strategy, config: SearchConfig) -> None:
    """Check that a strategy of several fidelities has arms enough to come to the last one.

    Raises:
        UserError: it has too few.
    """
    if not isinstance(strategy, RuleStrategy) or not isinstance(strategy.rule, Promoting):
        return
    fewest = strategy.rule.fewest_arms(config.rungs)
    if len(strategy.arms) < fewest:
        raise UserError(
            f"strategy {config.strategy} promotes one arm of {strategy.rule.eta:g} and comes to the last of "
            f"{config.rungs} rungs with {fewest} arms or more, but the space has {len(strategy.arms)}: "
            "give fewer --rungs, or take successive-halving"
        )


def _must_not_depend_on_the_end(arms: Sequence[Arm]) -> None:
    """Check that all arms train alike whatever the number of epochs; promoted children are continued to more.

    Raises:
        UserError: a policy has stages or magnitudes that depend on the share of the training done.
    """
    for arm in arms:
        try:
            policy_must_be_continuable(arm.policy)
        except UserError as error:
            raise UserError(f"{error}; take {arm.name} out of the space, or give --promote retrain") from None


def must_suit(config: SearchConfig, dataset: Dataset) -> tuple[str, ...]:
    """Try what depends on the data: the split, the sizes of pulls and the network.

    Returns:
        warnings for the user, a sentence each.

    Raises:
        UserError: the data are too few for the settings, or the network cannot take its images.
    """
    sides = split(dataset, config.validation, config.split_seed)
    if config.train is not None:
        function_must_suit(config, dataset)
    if dataset.is_absent:
        return ()
    _check_sizes(config, dataset, len(sides.train))
    _check_folds(config, dataset, sides.train)
    notes = () if config.train else _network_notes(config, dataset)
    rare = rare_notes(dataset, sides)
    return (*rare, *class_reward_notes(config, dataset, sides), *notes)


def _network_notes(config: SearchConfig, dataset: Dataset) -> tuple[str, ...]:
    return network_notes(config, dataset.shape, outputs_of(config.task, dataset), _smallest_batch(config))


def _smallest_batch(config: SearchConfig) -> int:
    """Images of the smallest batch of any pull."""
    pulls = ladder(config)
    images = [config.last_fidelity[0], *(images for images, _ in pulls)]
    return min(smallest_batch(count, config.recipe.batch) for count in images)


def _check_sizes(config: SearchConfig, dataset: Dataset, train: int) -> None:
    classes = len(dataset.classes)
    if train < 2 * classes:
        raise UserError(
            f"{dataset.name} leaves {train} training images for {classes} classes, and two of each are the fewest: "
            "give more images, or a smaller --validation"
        )
    of_classes = f"{classes} classes, " if dataset.has_classes else ""
    bounds = f"[{2 * classes}, {train}] ({of_classes}{train} training images of {dataset.name})"
    for flag, images in (("images", config.images), ("confirm-images", config.last_fidelity[0])):
        if not 2 * classes <= images <= train:
            default = "" if _is_set(config, flag.replace("-", "_")) else " (the default)"
            bound = f"{train} or fewer" if images > train else f"{2 * classes} or more"
            raise UserError(f"--{flag} must lie in {bounds}, got {images}{default}: give {bound}")
    fewest = ladder(config)[0][0]
    if fewest < 2 * classes:
        raise UserError(
            f"images of a pull must lie in {bounds}, and the cheapest of {config.rungs} rungs has {fewest}: "
            "give fewer --rungs, or more --images"
        )


def _is_set(config: SearchConfig, name: str) -> bool:
    """Whether a person set a setting, as far as can be told: its value is not the task's default."""
    usual = task_named(config.task).defaults
    return name in config.model_fields_set and not (name in usual and getattr(config, name) == usual[name])


def _check_folds(config: SearchConfig, dataset: Dataset, train: NDArray[np.int64]) -> None:
    """Check that the networks of a strategy `density` have enough images."""
    density = density_settings(config.strategy)
    if density is None:
        return
    sizes = [len(fold) for fold in folds_of_rows(dataset, train, density.folds, config.seed)]
    fewest = len(train) - max(sizes)
    if config.images > fewest:
        raise UserError(
            f"strategy density trains on all of {density.folds} folds but one, at least {fewest} images, and --images "
            f"is {config.images}: give {fewest} or fewer"
        )
