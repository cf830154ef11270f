"""Simulated searches whose children are looked at at checkpoints, by the test of hopeless arms or one with a bug."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from unittest import mock

import numpy as np

from policysearch.rules import Pull, Tally
from policysearch.rules.ucb import Ucb
from policysearch.stats import hopeless

ARMS, PULLS, CHECKPOINTS = 8, 48, 3
DEVIATION, OF_REPLICATES = 0.01, 0.02
"""Of one value, and of what all arms of a replicate share."""


def _one_level(values, arm, replicate, *, looks):
    return hopeless.behind_best(values, arm, replicate, looks=1, level=0.05 * np.pi**2 / 6 * (ARMS - 1))


def _half_of_the_noise(values, arm, replicate, *, looks):
    deviation, freedom = hopeless._noise(values)
    with mock.patch.object(hopeless, "_noise", lambda _: (deviation / 2, freedom)):
        return hopeless.behind_best(values, arm, replicate, looks=looks)


BUGS: dict[str, Callable] = {
    "": hopeless.behind_best,
    "one level for all looks and rivals": _one_level,
    "half of the noise": _half_of_the_noise,
}


def best_is_stopped(seed: int, gap: float, bug: str = "") -> bool:
    """Whether a search by `ucb` ever stops its best arm, arm 0, which is `gap` better than each next one."""
    rng = np.random.default_rng([seed, 5])
    means = 0.8 - gap * np.arange(ARMS)
    of_replicates = OF_REPLICATES * rng.standard_normal(PULLS)
    values = np.full((CHECKPOINTS, ARMS, PULLS), np.nan)
    tally, keys, looks = Tally(), [str(arm) for arm in range(ARMS)], np.zeros(ARMS, int)
    for number in range(PULLS):
        arm = int(Ucb().choose(tally.history(keys), np.random.default_rng([seed, number])).arm)
        replicate = tally.started(keys[arm])
        tally.start(Pull(keys[arm]))
        # Checkpoints of one child have noise in common.
        shared, noise = rng.standard_normal(), rng.standard_normal(CHECKPOINTS)
        curve = means[arm] + of_replicates[replicate] + DEVIATION * (0.7 * shared + 0.714 * noise)
        for checkpoint in range(CHECKPOINTS):
            values[checkpoint, arm, replicate] = curve[checkpoint]
            if checkpoint == CHECKPOINTS - 1:
                continue
            looks[arm] += 1
            now = values[checkpoint, :, : replicate + 1]
            loss = BUGS[bug](now, arm, replicate, looks=int(looks[arm]))
            if loss is not None and loss.is_shown:
                if arm == 0:
                    return True
                tally.prune(Pull(keys[arm]))
                break
        else:
            tally.finish(Pull(keys[arm]), float(curve[-1]))
    return False


def stops(seed: int, gap: float) -> bool:
    """Whether the third pull of an arm that is `gap` behind four equal ones is stopped."""
    rng = np.random.default_rng([seed, 6])
    means = np.array([0.8 - gap, 0.8, 0.8, 0.8, 0.8])
    values = np.add.outer(means, OF_REPLICATES * rng.standard_normal(3)) + DEVIATION * rng.standard_normal((5, 3))
    loss = hopeless.behind_best(values, 0, 2, looks=5)
    assert loss is not None and replace(loss) == loss
    return loss.is_shown
