"""Regret of repeated runs: over pulls or worker-seconds, when it settles, and when it falls to a target."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from policysearch.experiments.comparison.outcomes import Arms, Runs
from policysearch.reports.curves import Curve
from policysearch.stats.arrays import Floats
from policysearch.stats.intervals import mean_interval, wilson

TOLERANCE = 1e-9
"""Regrets are differences of means: what exceeds δ by less than this is rounding."""


def blind_regret(arms: Arms) -> float:
    """Mean simple regret of an arm drawn at random."""
    return float(arms.means.max() - arms.means.mean())


def near(runs: Runs, arms: Arms, delta: float) -> NDArray[np.bool_]:
    """[R, P] whether the pick is within δ of the best arm."""
    return np.asarray(runs.simple_regret(arms) <= delta + TOLERANCE)


def settled(runs: Runs, arms: Arms, delta: float) -> Floats:
    """[R] pulls at the first checkpoint from which on the pick stays within δ of the best arm; inf if never."""
    stays = np.logical_and.accumulate(near(runs, arms, delta)[:, ::-1], axis=1)[:, ::-1]
    return np.where(stays.any(1), runs.pulls[stays.argmax(1)], np.inf)


def pulls_to(runs: Runs, arms: Arms, target: float) -> float:
    """Pulls from which on the mean simple regret stays at `target` or below, by straight lines between checkpoints.

    The first checkpoint's pulls where it is so from the start; nan where the last is above.
    """
    y = np.sort(runs.simple_regret(arms), 0).mean(0)
    above = np.flatnonzero(y > target + TOLERANCE)
    if not len(above):
        return float(runs.pulls[0])
    i = int(above[-1])
    if i + 1 == len(y):
        return float("nan")
    share = (y[i] - target) / (y[i] - y[i + 1])
    return float(runs.pulls[i] + min(share, 1.0) * (runs.pulls[i + 1] - runs.pulls[i]))


def curve(runs: Runs, arms: Arms, delta: float, quantity: str, against: str) -> Curve:
    """One of `QUANTITIES` against `pulls` or `seconds`.

    Against worker-seconds every run's values are read off at the runs' mean spending at each checkpoint, by straight
    lines; a run that had spent all of its own by then keeps its last value.
    """
    if against == "pulls":
        return Curve(runs.strategy, runs.pulls.astype(np.float64), *QUANTITIES[quantity](runs, arms, delta))
    grid = np.sort(runs.seconds, 0).mean(0)
    values, blind = _VALUES[quantity](runs, arms)
    rows = zip(runs.seconds, values, strict=True)
    read = np.stack([np.interp(grid, spent, row) for spent, row in rows])
    return Curve(runs.strategy, grid, *mean_interval(read, blind))


Band = tuple[Floats, Floats, Floats]


_VALUES: dict[str, Callable[[Runs, Arms], tuple[Floats, float | None]]] = {
    "simple": lambda runs, arms: (runs.simple_regret(arms), blind_regret(arms)),
    "cumulative": lambda runs, arms: (runs.regret, None),
}


QUANTITIES: dict[str, Callable[[Runs, Arms, float], Band]] = {
    "simple": lambda runs, arms, _: mean_interval(*_VALUES["simple"](runs, arms)),
    "cumulative": lambda runs, arms, _: mean_interval(*_VALUES["cumulative"](runs, arms)),
    "within": lambda runs, arms, delta: wilson(near(runs, arms, delta).sum(0), len(runs.picks)),
}
"""Name -> mean, low and high, [P] each; the share `within` only goes against pulls."""
