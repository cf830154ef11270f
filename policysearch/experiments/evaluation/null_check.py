"""How often the verdict calls one of several equal policies better than the rest: the check of the whole procedure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from policysearch.experiments.evaluation.measured import Measured
from policysearch.experiments.evaluation.verdict import Finding, judge


@dataclass(frozen=True)
class FalseClaims:
    """Shares of the deals in which a policy that equals all others was called better, or worse, than the best fixed."""

    deals: int
    better: float
    worse: float


def dealt(measured: Measured, deals: int, rng: np.random.Generator) -> Iterator[Measured]:
    """The same networks under names dealt anew: within each replicate, who is called what is drawn at random.

    All policies are then equal by construction, whatever they were, and replicates are still paired. A network keeps
    its metrics together. Only replicates that every policy finished are dealt.

    Args:
        measured: policies × replicates.
        deals: how many.
        rng: the names.
    """
    whole = np.all([np.isfinite(values).all(0) for values in measured.values.values()], axis=0)
    values = {name: value[:, whole] for name, value in measured.values.items()}
    for _ in range(deals):
        order = rng.permuted(np.tile(np.arange(len(measured.names))[:, None], (1, int(whole.sum()))), axis=0)
        yield replace(measured, values={k: np.take_along_axis(v, order, 0) for k, v in values.items()})


def false_claims(
    measured: Measured,
    deals: int,
    rng: np.random.Generator,
    verdict: Callable[[Measured], Finding] = lambda measured: judge(measured).finding,
) -> FalseClaims:
    """Deal the names again and again, and count what the verdict says. It should claim "better" in at most 5 %.

    Args:
        measured, deals, rng: as for `dealt`.
        verdict: the procedure that is checked.
    """
    found = [verdict(each) for each in dealt(measured, deals, rng)]
    return FalseClaims(deals, found.count("better") / deals, found.count("worse") / deals)
