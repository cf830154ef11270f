"""A subset of the arms of a space."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from policysearch.policy.spaces import Arm, Space


def spread_arms(space: Space, seed: int, count: int) -> tuple[Arm, ...]:
    """A subset of a search's arms that covers all families evenly.

    First come the fixed baselines; then the families take turns, each with the arm farthest from those it gave before
    (it begins with the one nearest its middle). Distance is between ranks of the parameters' choices. The arms of a
    smaller count are always among those of a larger one.

    Args:
        space: the arms are taken from it.
        seed: the search's; it also decides ties.
        count: how many arms; 0, or more than there are, for all.

    Returns:
        the arms in the space's order.
    """
    arms = space.arms(seed)
    if not count or count >= len(arms):
        return arms

    groups: dict[str, list[Arm]] = {}
    for arm in arms:
        groups.setdefault(str(arm.parameters["family"]), []).append(arm)

    fixed: list[Arm] = []
    families: list[list[Arm]] = []
    rng = np.random.default_rng([seed, 13])
    for name, group in groups.items():
        if name in space.families:
            families.append(_spread(group, space, rng))
        else:
            fixed += group

    ordered = fixed
    for turn in zip_longest(*families):
        ordered += [arm for arm in turn if arm is not None]
    chosen = {arm.key for arm in ordered[:count]}
    return tuple(arm for arm in arms if arm.key in chosen)


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
