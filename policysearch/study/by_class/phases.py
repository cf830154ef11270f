"""The stages of a search by class, each a function of the trials recorded before it, and of nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from policysearch.core.errors import UserError
from policysearch.policy.classes import differs_by_class, policy_of, with_classes
from policysearch.policy.policy import Policy
from policysearch.policy.presets import BASELINES, preset
from policysearch.policy.spaces import Arm
from policysearch.rules import Tally, counted, recommend
from policysearch.stats.class_effects import class_effects
from policysearch.study.by_class.settings import ByClassSettings
from policysearch.study.class_counts import CLASS_COUNTS, class_shares
from policysearch.study.rows import COMPLETE, RUNNING, Row

Pulls = list[tuple[Arm, int]]
"""Arms with the replicate that is to be pulled."""


@dataclass(frozen=True)
class Stages:
    """How far a search by class is.

    Attributes:
        leader: the best policy of all classes; None while the common search is not ended, or where it has no reward.
        measurements: pulls that compare it with the fixed policies class by class, behind those of the common search.
        begin: number of the first trial of the classes.
        harmed: indices of the classes that are searched, the worst first; None while they are not known.
        running: whether trials are under way on which the next choice depends.
    """

    leader: Arm | None = None
    measurements: tuple[tuple[Arm, int], ...] = ()
    begin: int = 0
    harmed: tuple[int, ...] | None = None
    running: bool = False


def stages_of(rows: Sequence[Row], settings: ByClassSettings) -> Stages:
    """How far the search is that has recorded these trials, in order."""
    searched = rows[: settings.common]
    if len(searched) < settings.common:
        return Stages()
    if any(row.state == RUNNING for row in searched):
        return Stages(running=True)
    leader = leader_of(searched)
    if leader is None:
        return Stages(begin=settings.common, harmed=())

    measurements = tuple(measurements_of(searched, leader, settings.replicates))
    begin = settings.common + len(measurements)
    if len(rows) < begin:
        return Stages(leader, measurements, begin)
    if any(row.state == RUNNING for row in rows[:begin]):
        return Stages(leader, measurements, begin, running=True)
    return Stages(leader, measurements, begin, harmed_classes(rows[:begin], leader, settings.classes))


def leader_of(rows: Sequence[Row]) -> Arm | None:
    """The arm of the best shrunken mean; None where no trial has a reward."""
    tally = Tally()
    arms = {row.arm.key: row.arm for row in rows}
    for row in rows:
        tally.start(row.pull)
        tally.finish(row.pull, row.reward, *counted(row.outcome.metrics))
    best = recommend(tally.history([*arms]))
    return None if best is None else [*arms.values()][best]


def fixed_arms() -> tuple[Arm, ...]:
    """The fixed policies that every search pulls."""
    return tuple(Arm({"family": name}, preset(name)) for name in BASELINES)


def measurements_of(rows: Sequence[Row], leader: Arm, replicates: int) -> Pulls:
    """The pulls of the leader and of the fixed policies that the first replicates lack, replicate after replicate."""
    arms = {arm.key: arm for arm in (leader, *fixed_arms())}
    recorded = {(row.arm.key, row.replicate) for row in rows}
    pulls = [(arm, replicate) for replicate in range(replicates) for arm in arms.values()]
    return [(arm, replicate) for arm, replicate in pulls if (arm.key, replicate) not in recorded]


def harmed_classes(rows: Sequence[Row], leader: Arm, most: int) -> tuple[int, ...]:
    """The indices of the classes that the leader harms (see `class_effects`), the worst first; none without counts."""
    keys = [arm.key for arm in fixed_arms() if arm.key != leader.key]
    shares = class_shares(rows, {key: key for key in (leader.key, *keys)})
    if shares is None or differs_by_class(leader.policy):
        return ()
    harmed = class_effects(leader.key, [key for key in keys if key in shares.shares], shares).harmed
    return tuple(int(effect.name) for effect in harmed[:most])


def candidates_for(rows: Sequence[Row], leader: Arm, index: int, names: Sequence[str], parts: int) -> tuple[Arm, ...]:
    """The arms that are tried for one class: the leader, but for that class the policy of another arm.

    Args:
        rows: of the common search and the measurements.
        leader: the policy of all other classes.
        index: of the class.
        names: of all classes; empty where they are not known.
        parts: how many arms: those under which the class itself has done best, doing nothing among them.
    """
    means = _class_means(rows, index)
    others = {row.arm.key: row.arm for row in rows if row.arm.key != leader.key and row.arm.loss == leader.loss}
    ranked = sorted(others.values(), key=lambda arm: -means.get(arm.key, -math.inf))
    key = names[index] if names else str(index)
    arms: dict[str, Arm] = {}
    for other in ranked:
        arm = _joined(leader, key, other)
        if arm is not None and arm.key != leader.key:
            arms.setdefault(arm.key, arm)
    plain = _joined(leader, key, fixed_arms()[0])
    chosen = [*arms.values()][:parts]
    if plain is not None and plain.key in arms and plain.key not in [arm.key for arm in chosen]:
        chosen[-1] = plain
    return tuple(chosen)


def _joined(leader: Arm, key: str, other: Arm) -> Arm | None:
    """The leader with the other's policy for one class; None where these cannot be in one policy."""
    name = f"{leader.policy.name}, {key}: {other.policy.name}"
    try:
        return Arm({}, with_classes(leader.policy, {key: other.policy}, name), leader.loss)
    except UserError:
        return None


def _class_means(rows: Sequence[Row], index: int) -> dict[str, float]:
    """The mean accuracy of a class by the arm's key."""
    shares: dict[str, list[float]] = {}
    for row in rows:
        counts = row.outcome.metrics.get(CLASS_COUNTS)
        if row.state == COMPLETE and counts and counts[index][1]:
            shares.setdefault(row.arm.key, []).append(counts[index][0] / counts[index][1])
    return {key: float(np.mean(values)) for key, values in shares.items()}


def composed_arm(rows: Sequence[Row], settings: ByClassSettings) -> Arm | None:
    """The leader with the best part of each class, where that did better than the leader alone; None where none did.

    A part is judged by the reward, on the replicates that it and the leader have in common: what a class gains may
    cost others more.

    Args:
        rows: of the search, in order.
        settings: of the strategy.
    """
    stages = stages_of(rows, settings)
    if stages.leader is None or not stages.harmed:
        return None
    leader = stages.leader
    alone = _rewards(rows, leader.key)
    best: dict[str, tuple[float, Arm]] = {}
    for arm in {row.arm.key: row.arm for row in rows[stages.begin :] if row.arm.policy.classes}.values():
        (key,) = arm.policy.classes
        rewards = _rewards(rows, arm.key)
        gains = [rewards[replicate] - alone[replicate] for replicate in rewards.keys() & alone.keys()]
        gain = float(np.mean(gains)) if gains else 0.0
        if gain > best.get(key, (0.0, arm))[0]:
            best[key] = (gain, arm)
    if len(best) < 2:
        return next((arm for _, arm in best.values()), None)
    parts: dict[str | int, Policy] = {key: policy_of(arm.policy, key) for key, (_, arm) in sorted(best.items())}
    name = f"{leader.policy.name}, {len(parts)} classes otherwise ({', '.join(map(str, parts))})"
    return Arm({}, with_classes(leader.policy, parts, name), leader.loss)


def _rewards(rows: Sequence[Row], key: str) -> dict[int, float]:
    return {row.replicate: row.reward for row in rows if row.arm.key == key and row.reward is not None}
