"""A few arms that stand for a space."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from policysearch.policy.spaces import Arm, Space


def spread_arms(space: Space, seed: int, count: int) -> tuple[Arm, ...]:
    """`count` of the arms of a search, in the space's order; all of them if there are no more, or if `count` is 0.

    First the fixed baselines; then the families take turns, each with the arm that is farthest from those it gave
    before (it begins with the one nearest its middle), parameters counted by the rank of their choice and ties decided
    by `seed`. So the arms of a smaller count are among those of a larger one.
    """
    arms = space.arms(seed)
    if not count or count >= len(arms):
        return arms
    groups: dict[str, list[Arm]] = {}
    for arm in arms:
        groups.setdefault(str(arm.parameters["family"]), []).append(arm)
    fixed = [arm for name, own in groups.items() if name not in space.families for arm in own]
    rng = np.random.default_rng([seed, 13])
    turns = [_spread(own, space, rng) for name, own in groups.items() if name in space.families]
    ordered = [*fixed, *(arm for turn in zip_longest(*turns) for arm in turn if arm is not None)]
    kept = {arm.key for arm in ordered[:count]}
    return tuple(arm for arm in arms if arm.key in kept)


def _spread(arms: Sequence[Arm], space: Space, rng: np.random.Generator) -> list[Arm]:
    """All arms of a family, each next one the farthest from those before."""
    mixed = [arms[i] for i in rng.permutation(len(arms))]
    places = _places(mixed, space)
    away = np.linalg.norm(places[:, None] - places, axis=-1)
    order = [int(np.linalg.norm(places - 0.5, axis=-1).argmin())]
    while len(order) < len(mixed):
        nearest = away[:, order].min(1)
        nearest[order] = -1.0
        order.append(int(nearest.argmax()))
    return [mixed[i] for i in order]


def _places(arms: Sequence[Arm], space: Space) -> NDArray[np.float64]:
    """[n, parameters] ranks of the choices, in [0, 1]."""
    choices = {n: v for n, v in space.families[str(arms[0].parameters["family"])].choices().items() if len(v) > 1}
    ranks = [[v.index(arm.parameters[n]) / (len(v) - 1) for n, v in choices.items()] for arm in arms]
    return np.array(ranks, dtype=np.float64).reshape(len(arms), len(choices))
