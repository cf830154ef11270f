"""The result of one strategy with one budget."""

from __future__ import annotations

from dataclasses import dataclass

from policysearch.stats.estimate import Estimate


@dataclass(frozen=True)
class Result:
    """Means over the runs of one strategy with one budget; nan where something is not known.

    Attributes:
        simple: simple regret at the end, in the reward's unit.
        within: share of the runs that end within δ of the best arm.
        cumulative: regret gathered by the end.
        truth: simple regret of the final pick after long training, interval over runs alone.
        truth_error: standard error that `truth` has besides, from the errors of truth itself.
        pulls_to_delta: median over all runs of the first checkpoint's pulls from which on the pick stays within δ;
            nan where at most half of the runs get there (the share that does is `within`).
        pulls_of_random: pulls until the mean simple regret stays at or below what random search ends with.
        share_of_random: the same as a share of random search's largest budget.
        seconds: worker-seconds spent; clock: seconds from a run's start to its end.
        utilisation: share of workers × clock that was busy; failures: failed attempts a run.
        overhead: seconds of the strategy's own computing for one choice.
        picks: (arm, runs that ended with it), most often first.
    """

    strategy: str
    budget: int
    runs: int
    simple: Estimate
    within: Estimate
    cumulative: Estimate
    truth: Estimate
    truth_error: float
    pulls_to_delta: float
    pulls_of_random: float
    share_of_random: float
    seconds: Estimate
    clock: float
    utilisation: float
    failures: float
    overhead: float
    picks: tuple[tuple[str, int], ...]

    @property
    def rank(self) -> tuple[float, float, float, str]:
        """Sorts the best first: smaller simple regret, then more often within δ, then less regret on the way."""
        return (self.simple.mean, -self.within.mean, self.cumulative.mean, self.strategy)
