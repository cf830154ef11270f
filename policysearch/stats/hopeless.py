"""Whether an arm may still be the best: a paired test that seldom stops the arm that truly is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from policysearch.stats.arrays import Floats
from policysearch.stats.quantiles import t_tail

_FEWEST = 3
"""Degrees of freedom; shares of few images may agree by chance, and look like no noise at all."""


@dataclass(frozen=True)
class Loss:
    """How far an arm is behind another on the replicates that both have.

    Attributes:
        rival: index of the other arm.
        replicates: that both have, n.
        difference: mean of the arm less the rival, below 0 where it is behind.
        p: of a difference as low or lower if the arm were as good.
        level: below which p shows that it is not.
    """

    rival: int
    replicates: int
    difference: float
    p: float
    level: float

    @property
    def is_shown(self) -> bool:
        """Whether the arm is shown to be worse."""
        return self.p < self.level


def behind_best(
    values: Floats, arm: int, replicate: int, *, looks: int, level: float = 0.05, margin: float = 0.0
) -> Loss | None:
    """Compare an arm with the best of the others on their common replicates.

    With d the mean over the n replicates that the arm and its rival share, and s the deviation of one value about an
    additive model of arms and replicates, fitted to the arms with two values or more on f degrees of freedom,

        t = (d + margin) / (s · sqrt(2/n)),  p = P(T_f <= t)

    The rival is the arm with the best mean among those that have this replicate, and the arm is looked at again and
    again. So p is held against level · 6/(pi² m²) / R at the m-th look with R possible rivals: these shares add up to
    the level (Bonferroni's inequality over rivals, and over looks, since 1 + 1/4 + 1/9 + ... = pi²/6). For values with
    normal noise of one deviation, the best arm is thus stopped in at most `level` of all searches, however many pulls
    and checkpoints it has. The bound is about the values at this checkpoint: an arm that is behind now and would be
    ahead later is behind.

    Args:
        values: [K, J] of K arms on J replicates, all at the same checkpoint, nan where there is none; the arm's current
            value is among them.
        arm: index of the arm.
        replicate: index of its current replicate.
        looks: how often the arm is looked at, this look included, 1 or more.
        level: share of searches in which the best arm may be stopped, in (0, 1).
        margin: by which an arm must be behind to be hopeless, in the unit of the values, 0 or more.

    Returns:
        the comparison; None where no other arm has the replicate, or the noise is not known: it takes three degrees of
        freedom, as two arms on four replicates have.

    Example:
        Two arms on three replicates whose difference is 0.2 each time; the noise is that of a third arm.

        >>> values = np.array([[0.5, 0.6, 0.4], [0.7, 0.8, 0.6], [0.61, 0.69, 0.51]])
        >>> loss = behind_best(values, arm=0, replicate=2, looks=1)
        >>> loss.rival, loss.replicates, round(loss.difference, 3), loss.is_shown
        (1, 3, -0.2, True)
        >>> behind_best(values, arm=1, replicate=2, looks=1).is_shown
        False
    """
    here = np.isfinite(values[:, replicate])
    here[arm] = False
    rivals = np.flatnonzero(here)
    deviation, freedom = _noise(values)
    if not len(rivals) or freedom < _FEWEST or not deviation:
        return None

    means = np.nanmean(values[rivals], axis=1)
    rival = int(rivals[np.argmax(means)])
    gaps = values[arm] - values[rival]
    gaps = gaps[np.isfinite(gaps)]
    difference, error = float(gaps.mean()), deviation * math.sqrt(2 / len(gaps))

    share = level * 6 / (math.pi * looks) ** 2 / len(rivals)
    behind = difference + margin
    return Loss(rival, len(gaps), difference, t_tail(-behind / error, freedom), share)


def _noise(values: Floats) -> tuple[float, int]:
    """The deviation of a value about the additive model of arms and replicates, and its degrees of freedom."""
    arms, replicates = np.nonzero(np.isfinite(values) & (np.isfinite(values).sum(1) > 1)[:, None])
    if not len(arms):
        return 0.0, 0
    columns = [np.unique(index, return_inverse=True)[1] for index in (arms, replicates)]
    design = np.hstack([np.eye(column.max() + 1)[column] for column in columns])
    fitted, _, rank, _ = np.linalg.lstsq(design, values[arms, replicates], rcond=None)
    freedom = len(arms) - int(rank)
    if freedom < _FEWEST:
        return 0.0, freedom
    residuals = values[arms, replicates] - design @ fitted
    return float(np.sqrt((residuals**2).sum() / freedom)), freedom
