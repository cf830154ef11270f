"""Trials that are trained otherwise than the others of their experiment."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from policysearch.child.device_data import DeviceData
from policysearch.child.ensemble import Examine, train_ensemble
from policysearch.child.kept_networks import keep_network, network_key
from policysearch.child.recipe import Recipe
from policysearch.child.test_set import Exam
from policysearch.child.variant import Variant
from policysearch.child.warm_start import Bases
from policysearch.core.seeds import seed_of
from policysearch.core.trial import Trial


def train_variant(
    trained: Callable[..., dict[str, Any]],
    data: DeviceData,
    exam: Exam | None,
    recipe: Recipe,
    trial: Trial,
    variant: Variant,
) -> dict[str, Any]:
    """The metrics of a trial's variant, and its rate and weight decay.

    Args:
        trained: (trial, attributes of its `TrainingSpec` in place of the experiment's) -> metrics of one child.
        data, exam: what an ensemble is judged on.
        recipe: the experiment's.
        trial: its seed is that of the child, or of the first member.
        variant: how it is trained.
    """
    changed = variant.recipe(recipe)
    numbers = {"rate": changed.rate, "weight_decay": changed.weight_decay}
    if variant.networks:
        key = network_key(trial.arm, trial.seed, trial.images, trial.epochs)
        keep = partial(keep_network, Path(variant.networks), key)
        return trained(trial, recipe=changed, bases=Bases(), keep=keep)
    if variant.members == 1:
        return {**trained(trial, recipe=changed, bases=Bases()), **numbers}
    seeds = [trial.seed, *(seed_of(trial.seed, member) for member in range(1, variant.members))]

    def train_member(seed: int, examine: Examine) -> dict[str, Any]:
        return trained(trial, recipe=changed, bases=Bases(), seed=seed, examine=examine, follow=None)

    return {**train_ensemble(train_member, seeds, data, exam, changed), **numbers}
