"""What a bandit rule sees and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from policysearch.stats.arrays import Floats

Need = Literal["budget", "features", "fidelities"]

MOST_FAILURES = 4
"""An arm without a reward is pulled again until this many of its pulls have failed; then it is left alone."""


@dataclass(frozen=True)
class Choice:
    """What to pull next.

    Attributes:
        arm: its index.
        fidelity: how much training the pull buys, an index; 0 is the cheapest and, for most rules, the only one.
        probability: with which the arm was drawn, for rules that weigh by it; nan where it does not matter.
    """

    arm: int
    fidelity: int = 0
    probability: float = float("nan")


@dataclass(frozen=True)
class Counts:
    """Pulls and their rewards, one entry per arm, all arrays [K] float64.

    A failed pull says nothing about what its arm is worth, so every rule treats it alike: an arm's first three
    failures are no `turns` of it, and it is pulled again. An arm that has no reward after four of them is `abandoned`.
    A pruned pull was stopped because its arm looked hopeless: it is a turn, without a reward, and is not made up for.

    Attributes:
        pulls: finished pulls with a reward.
        sums, squares: sums of their rewards and of the squared rewards.
        pending: pulls under way.
        failures: pulls that ended without a reward.
        correct, judged: validation images predicted right in those pulls, and images judged; 0 where nobody counted.
        pruned: pulls that a pruner stopped; by default none.
    """

    pulls: Floats
    sums: Floats
    squares: Floats
    pending: Floats
    failures: Floats
    correct: Floats
    judged: Floats
    pruned: Floats = field(default_factory=lambda: np.zeros(()))

    @property
    def arms(self) -> int:
        return len(self.pulls)

    @property
    def started(self) -> Floats:
        """Pulls of every state."""
        return self.pulls + self.pending + self.failures + self.pruned

    @property
    def taken(self) -> Floats:
        """[K] pulls that count in an arm's bound: those with a reward, under way, or pruned."""
        return self.pulls + self.pending + self.pruned

    @property
    def turns(self) -> Floats:
        """[K] what an arm has had of its share: pulls with a reward, under way or pruned, and failures beyond three.

        Without failures the same as `started`.
        """
        return self.taken + np.maximum(self.failures - (MOST_FAILURES - 1), 0)

    @property
    def abandoned(self) -> NDArray[np.bool_]:
        """[K] whether an arm failed four times and has no reward: no rule pulls it while others are left."""
        return np.asarray((self.failures >= MOST_FAILURES) & (self.pulls == 0))

    @property
    def candidates(self) -> NDArray[np.int64]:
        """The arms that are not abandoned, ascending; all arms where every one is."""
        return np.flatnonzero(~self.abandoned | self.abandoned.all())

    @property
    def to_repeat(self) -> NDArray[np.int64]:
        """The arms whose pulls have only failed so far and that are not abandoned, ascending."""
        return np.flatnonzero((self.turns == 0) & (self.failures > 0))

    @property
    def means(self) -> Floats:
        """Mean reward, -inf for an arm that has none."""
        return np.where(self.pulls > 0, self.sums / np.maximum(self.pulls, 1), -np.inf)

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the pooled deviation: sum_i max(n_i - 1, 0)."""
        return float(np.maximum(self.pulls - 1, 0).sum())

    @property
    def deviation(self) -> float:
        """The pooled deviation of rewards within arms: sqrt(sum_i SS_i / sum_i (n_i - 1)).

        While no arm has two rewards, the deviation of all rewards together; 0 with fewer than two.
        """
        freedom = self.freedom
        if freedom:
            within = self.squares - self.sums**2 / np.maximum(self.pulls, 1)
            return float(np.sqrt(max(within.sum(), 0.0) / freedom))
        total = self.pulls.sum()
        if total < 2:
            return 0.0
        return float(np.sqrt(max(self.squares.sum() - self.sums.sum() ** 2 / total, 0.0) / (total - 1)))


@dataclass(frozen=True)
class Log:
    """Finished pulls with a reward in the order in which they ended, T entries each.

    Attributes:
        arms, fidelities: [T] int64 indices.
        rewards: [T] float64.
        probabilities: [T] float64, those of the choices; nan where the rule gave none.
    """

    arms: NDArray[np.int64]
    fidelities: NDArray[np.int64]
    rewards: Floats
    probabilities: Floats


_NO_LOG = Log(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0))


@dataclass(frozen=True)
class History(Counts):
    """Everything that a rule sees: counts per arm, over all fidelities, and what some rules need besides.

    Attributes:
        pulls, sums, squares, pending, failures, correct, judged, pruned: [K], as in `Counts`, which also has `arms`,
            their number, and what follows: `started`, `turns`, `abandoned`, `candidates`, `means`, `deviation`.
        fidelities: the counts per fidelity, F entries, cheapest first.
        features: [K, D] float64 that describe the arms; None where nobody described them.
        budget: pulls of the whole search, 0 where it is not known.
        log: the pulls with a reward, in the order in which they ended.

    Example:
        A history of three arms, as a rule sees it after three pulls: two of the first arm, a failed one of the last.

        >>> from policysearch.rules import Pull, Tally
        >>> tally = Tally()
        >>> for arm, reward in [("flip", 0.75), ("flip", 0.5), ("rotate", None)]:
        ...     tally.start(Pull(arm))
        ...     tally.finish(Pull(arm), reward)
        >>> history = tally.history(["flip", "crop", "rotate"])
        >>> history.arms, history.pulls, history.failures
        (3, array([2., 0., 0.]), array([0., 0., 1.]))
        >>> history.means
        array([0.625,  -inf,  -inf])

        A rule of your own takes it and returns the index of an arm. This one pulls every arm once, then the best mean:

        >>> def choose(history, rng):
        ...     untried = np.flatnonzero(history.turns == 0)
        ...     return rng.choice(untried) if len(untried) else np.argmax(history.means)
        >>> int(choose(history, np.random.default_rng(0)))
        2
    """

    fidelities: tuple[Counts, ...] = ()
    features: Floats | None = None
    budget: int = 0
    log: Log = field(default=_NO_LOG)


class Rule(Protocol):
    """A bandit algorithm: a pure function of a history and a generator. Rules inherit from it.

    A rule of your own need not: a function `choose(history, rng)`, or an object with that method, will do.

    Attributes:
        needs: fields of `History` that the rule cannot do without: `budget` above 0, `features` not None, two
            `fidelities` or more. It raises UserError where one is missing; whoever builds histories asks here first.
        accuracies: whether it maximises counted correct predictions, and without counts takes rewards in [0, 1] only.
    """

    needs: ClassVar[frozenset[Need]] = frozenset()
    accuracies: ClassVar[bool] = False

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        """What to pull next. All randomness comes from `rng`, so that a search can be resumed and repeated."""


def argmax(values: Floats, rng: np.random.Generator) -> int:
    """The index of the largest of values [K], nan below all others; ties break at random."""
    values = np.where(np.isnan(values), -np.inf, values)
    best = np.flatnonzero(values == values.max())
    return int(best[0] if len(best) == 1 else rng.choice(best))


def any_candidate(counts: Counts, rng: np.random.Generator) -> int:
    """A candidate at random."""
    candidates = counts.candidates
    return int(candidates[rng.integers(len(candidates))])


def fewest_turns(counts: Counts, rng: np.random.Generator) -> int:
    """A candidate that has had the fewest turns; of several the one with the fewest failures, ties at random."""
    candidates = counts.candidates
    turns = counts.turns[candidates]
    first = candidates[turns == turns.min()]
    return int(first[argmax(-counts.started[first], rng)])


def least_failed(counts: Counts, rng: np.random.Generator) -> int:
    """Of the arms `to_repeat` the one with the fewest failures, ties at random."""
    arms = counts.to_repeat
    return int(arms[argmax(-counts.failures[arms], rng)])


def untried(history: Counts) -> bool:
    """Whether an arm has had no turn, or no reward is known yet: rules that start with every arm are not done."""
    return bool((history.turns == 0).any() or not history.pulls.any())
