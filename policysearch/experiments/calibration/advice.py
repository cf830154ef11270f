"""Which cheap pull to search with."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from policysearch.experiments.calibration.analysis import Analysis, Candidate
from policysearch.experiments.calibration.proxies import Estimated
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.stats.arrays import Floats

_SURE = 0.05


@dataclass(frozen=True)
class Misleading:
    """A cheap pull whose picks are worse than another's by more than the tolerance; `loss` is the difference."""

    fidelity: Fidelity
    reward: str
    loss: Estimated


@dataclass(frozen=True)
class Advice:
    """The pull to search with, and the pulls to avoid.

    Attributes:
        chosen: the cheapest candidate within the tolerance of the best; the best where none is.
        judged: whether long training is steady enough to judge pulls by; where it is not, none is recommended.
        within: whether the chosen one is within the tolerance of the best candidate and of long training itself.
        leaders: the best candidate of each fidelity, cheapest first.
        misleading: pulls to avoid, by the first reward.
        tolerance: in units of the truth.
    """

    chosen: Candidate
    within: bool
    leaders: tuple[Candidate, ...]
    misleading: tuple[Misleading, ...]
    tolerance: float
    judged: bool = True

    @property
    def recommended(self) -> Candidate | None:
        """The candidate to search with; None where pulls could not be judged."""
        return self.chosen if self.judged else None


def advise(analysis: Analysis, tolerance: float = 0.003) -> Advice:
    """Choose the cheapest pull whose picks can be trusted.

    At each fidelity the first of the rewards speaks, unless another's expected regret is less by more than the standard
    error of the difference (paired, over the draws that all share); a fitted reward must beat that one likewise. Of
    these leaders the cheapest is chosen whose expected regret is within the tolerance of the least there is, long
    training's own (a pick by as many long trainings as were measured) included. A fidelity misleads where the first
    reward's expected regret exceeds the best leader's by more than the tolerance, and does so in 95 % of the draws.
    Among six rewards that pick alike, another than the first is taken in some 10 % of tables
    (tests/experiments/test_calibration_advice.py), which costs little: they pick alike.

    Args:
        analysis: every fidelity and reward of a table, judged.
        tolerance: regret that a cheap pull may have more than the best, in units of the truth.
    """
    groups = [list(group) for _, group in groupby(analysis.candidates, lambda c: c.fidelity)]
    leaders = sorted((_leader(group) for group in groups), key=lambda c: c.share)

    best = min(leaders, key=lambda c: c.proxy.all.value)
    enough = min(best.proxy.all.value, analysis.long_regret.value) + tolerance
    near = [c for c in leaders if c.proxy.all.value <= enough]
    chosen = near[0] if near else best

    losses = [_against(group[0], best) for group in groups]
    misleading = tuple(pull for pull in losses if pull.loss.value > tolerance and pull.loss.low > 0)
    return Advice(chosen, bool(near), tuple(leaders), misleading, tolerance, analysis.truth.judges)


def _leader(candidates: list[Candidate]) -> Candidate:
    plain = [c for c in candidates if c.correction is None]
    leader = _better(plain[0], plain[1:])
    return _better(leader, [c for c in candidates if c.correction is not None])


def _better(first: Candidate, others: list[Candidate]) -> Candidate:
    """The other that gains most, of those that gain more than a standard error; else the first."""
    gains = [(first.proxy.draws - other.proxy.draws, other) for other in others]
    real = [(float(gain.mean()), other) for gain, other in gains if gain.mean() > gain.std()]
    return max(real, key=lambda pair: pair[0])[1] if real else first


def _against(candidate: Candidate, best: Candidate) -> Misleading:
    lost: Floats = candidate.proxy.draws - best.proxy.draws
    low, high = np.quantile(lost, [_SURE, 1 - _SURE])
    loss = Estimated(float(lost.mean()), float(low), float(high), float(lost.std()))
    return Misleading(candidate.fidelity, candidate.reward, loss)
