"""What trained networks came to, as arrays: the input of all statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policysearch.experiments.evaluation.contenders import Contender
from policysearch.experiments.evaluation.metrics import METRICS
from policysearch.study.rows import COMPLETE, Row

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """Policies × replicates.

    Attributes:
        names: of the policies, the evaluated one first.
        fixed: the names of those that are fixed policies.
        values: metric -> [P, R] float64, a column a replicate, nan where the training failed.
    """

    names: tuple[str, ...]
    fixed: tuple[str, ...]
    values: Mapping[str, Floats]

    @property
    def searched(self) -> str:
        """The policy that is evaluated."""
        return self.names[0]

    @property
    def replicates(self) -> int:
        return len(next(iter(self.values.values()))[0])

    def of(self, name: str, metric: str) -> Floats:
        """[R] values of one policy."""
        return np.asarray(self.values[metric][self.names.index(name)])


def measured(contenders: Sequence[Contender], rows: Sequence[Row], replicates: int, first: int) -> Measured:
    """The metrics of recorded trials.

    Args:
        contenders: the policies, the evaluated one first.
        rows: trials; those of other arms or replicates do not count.
        replicates: how many, counted from `first`.
    """
    place = {contender.arm.key: i for i, contender in enumerate(contenders)}
    values = {name: np.full((len(contenders), replicates), np.nan) for name in METRICS}
    for row in rows:
        at = (place.get(row.arm.key, -1), row.replicate - first)
        if row.state == COMPLETE and at[0] >= 0 and 0 <= at[1] < replicates:
            for name, metric in METRICS.items():
                values[name][at] = metric.read(row)
    fixed = tuple(contender.name for contender in contenders if contender.fixed)
    return Measured(tuple(contender.name for contender in contenders), fixed, values)
