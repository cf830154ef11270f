"""Successive halving and Hyperband, asynchronous: cheap pulls for many arms, expensive ones for the best of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from policysearch.core.errors import UserError
from policysearch.rules.history import Choice, Counts, History, Need, Rule, fewest_turns
from policysearch.stats.arrays import Floats

Scores = Callable[[History, int], Floats]
"""From a history and an index of fidelity to [K] what arms are promoted by, higher is better."""


def must_have_fidelities(history: History, rule: str) -> None:
    """Check that a history has several fidelities.

    Raises:
        UserError: the history has one fidelity.
    """
    if len(history.fidelities) < 2:
        raise UserError(f"{rule} needs two fidelities or more, got {max(len(history.fidelities), 1)}")


@dataclass(frozen=True)
class Promoting(Rule):
    """What rules that promote 1/eta of the arms to the next fidelity share.

    A fidelity is more images, or more epochs of the same child where promoted pulls continue the child of the fidelity
    below; a rule sees no difference.

    Raises:
        UserError: eta is not above 1.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"fidelities"})
    eta: float = 3.0

    def fewest_arms(self, fidelities: int) -> int:
        """Arms without which none ever reaches the last of so many fidelities."""
        return 1

    def __post_init__(self) -> None:
        if not 1 < self.eta < float("inf"):
            raise UserError(f"eta must be above 1, got {self.eta}")


@dataclass(frozen=True)
class SuccessiveHalving(Promoting):
    """Successive halving (Jamieson & Talwalkar 2016) by asynchronous promotion (ASHA, Li et al. 2020, algorithm 2).

    From the highest fidelity but one downwards: the best 1/eta of the arms with a reward there may be pulled one
    fidelity higher, as often as they were here; the best that was not yet is pulled. If there is none, the
    cheapest fidelity gets an arm of those with the fewest pulls there. Once every arm has ended a pull there at least
    one is promoted from each fidelity, so that few arms reach the top too.

    ASHA takes a new configuration where this begins anew: when all arms were tried, each has another pull at the
    cheapest fidelity and the best are promoted again, their means over all pulls by then. Successive halving finds
    the best arm when rewards converge with fidelity (Jamieson & Talwalkar, theorem 1). Nothing is proved where they
    are noisy, or where a cheap pull ranks strong policies last, as pulls with few epochs do: let a fidelity buy
    images at fixed epochs. Failures count at each fidelity apart: an arm may be abandoned at one and pulled at another.

    Attributes:
        eta: of how many arms one is promoted, above 1.
    """

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        must_have_fidelities(history, "successive-halving")
        return promote_or_start(history, 0, self.eta, rng)


@dataclass(frozen=True)
class Asha(Promoting):
    """The asynchronous successive halving algorithm as published (ASHA, Li et al. 2020, algorithm 2).

    Whenever a worker is free: from the highest fidelity but one downwards, an arm among the best floor(n/eta) of the n
    arms that have ended a pull there, and that was not promoted yet, is pulled one fidelity higher. If there is none, a
    new arm is started at the cheapest fidelity; nobody ever waits. Pruned arms count among the n: they were there, and
    lost.

    The paper draws new configurations for ever. Here the arms of a space are finite: once all were started, the one
    with the fewest pulls gets another replicate. Unlike `successive-halving`, which sees to it that at least one arm is
    promoted from each fidelity once all have ended there, this promotes nothing while n is below eta: with F
    fidelities no arm reaches the top before eta^(F-1) arms were started. The paper shows no regret bound for noisy
    rewards; its argument (section 3.3) is that arms promoted by mistake are few, of order sqrt(n).

    Attributes:
        eta: of how many arms one is promoted, above 1.

    Example:
        Of three arms with a reward at the cheapest fidelity the best is promoted; with two, a third arm is started.

        >>> from policysearch.rules import Pull, Tally
        >>> tally = Tally(fidelities=2)
        >>> for arm, reward in [("flip", 0.75), ("crop", 0.5), ("rotate", 0.25)]:
        ...     choice = Asha(eta=3).choose(tally.history(["flip", "crop", "rotate"]), np.random.default_rng(0))
        ...     assert choice.fidelity == 0
        ...     tally.start(Pull(arm))
        ...     tally.finish(Pull(arm), reward)
        >>> choice = Asha(eta=3).choose(tally.history(["flip", "crop", "rotate"]), np.random.default_rng(0))
        >>> choice.arm, choice.fidelity
        (0, 1)
    """

    def fewest_arms(self, fidelities: int) -> int:
        """Arms without which none ever reaches the last of so many fidelities.

        Example:
            >>> Asha(eta=3).fewest_arms(3)
            9
        """
        arms = 1
        for _ in range(fidelities - 1):
            arms = int(np.ceil(arms * self.eta))
        return arms

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        must_have_fidelities(history, "asha")
        return _highest_promotion(history, 0, self.eta, rng) or Choice(fewest_turns(history.fidelities[0], rng), 0)


@dataclass(frozen=True)
class Hyperband(Promoting):
    """Hyperband (Li et al. 2018, algorithm 1): successive halving started at every fidelity in turn.

    With F fidelities, bracket s = F-1, ..., 0 starts ceil(F/(s + 1)·eta^s) arms at fidelity F-1-s and promotes 1/eta
    of them at each step. The number of pulls started says which bracket a pull belongs to, the brackets repeating
    for ever; inside it arms are promoted as in `successive-halving`. Unlike the paper's, brackets share what
    they know: an arm's rewards at a fidelity count whichever bracket they came from, and a bracket starts with the
    arms least pulled at its fidelity. The paper's guarantee (within a log factor of the best bracket) is
    for separate brackets and rewards that converge.

    Attributes:
        eta: of how many arms one is promoted, above 1.
    """

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        must_have_fidelities(history, "hyperband")
        ends = np.cumsum(brackets(len(history.fidelities), self.eta))
        lowest = int(np.searchsorted(ends, history.started.sum() % ends[-1], side="right"))
        return promote_or_start(history, lowest, self.eta, rng)


def brackets(fidelities: int, eta: float) -> list[int]:
    """Pulls of each of Hyperband's brackets, first the one that starts at the cheapest fidelity."""
    pulls = []
    for s in range(fidelities - 1, -1, -1):
        arms = int(np.ceil(fidelities / (s + 1) * eta**s))
        pulls.append(sum(int(arms / eta**i) for i in range(s + 1)))
    return pulls


def _means(history: History, level: int) -> Floats:
    return history.fidelities[level].means


def promote_or_start(
    history: History, lowest: int, eta: float, rng: np.random.Generator, scores: Scores = _means
) -> Choice:
    """Promote an arm that is among the best 1/eta by `scores` at some fidelity, or pull one at fidelity `lowest`.

    Once every arm has ended a pull at `lowest`, at least one may rise from each fidelity.
    """
    start = history.fidelities[lowest]
    ended = (start.pulls > 0) | (start.pruned > 0) | start.abandoned
    promotion = _highest_promotion(history, lowest, eta, rng, scores, int(ended.all()))
    return promotion or Choice(fewest_turns(start, rng), lowest)


def _highest_promotion(
    history: History, lowest: int, eta: float, rng: np.random.Generator, scores: Scores = _means, least: int = 0
) -> Choice | None:
    """The promotion from the highest fidelity that has one, down to `lowest`; None if there is none.

    At least `least` arms of a fidelity may rise, however few are there.
    """
    levels = history.fidelities
    for level in range(len(levels) - 2, lowest - 1, -1):
        arm = _promotable(levels[level], levels[level + 1], scores(history, level), eta, least, rng)
        if arm is not None:
            return Choice(arm, level + 1)
    return None


def _promotable(
    here: Counts, above: Counts, scores: Floats, eta: float, least: int, rng: np.random.Generator
) -> int | None:
    """The best of the top 1/eta arms of one fidelity that was pulled less often at the next; None if there is none."""
    allowed = max(int(((here.pulls > 0) | (here.pruned > 0)).sum() / eta), least)
    order = np.lexsort((rng.random(here.arms), -scores))[:allowed]
    waiting = (here.pulls > above.turns) & ~above.abandoned
    ready = order[waiting[order]]
    return int(ready[0]) if len(ready) else None
