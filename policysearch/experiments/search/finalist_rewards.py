"""The rewards of finalists on their common replicates, and what one of them leads the fixed policies by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from policysearch.policy.spaces import Arm
from policysearch.stats.arrays import Floats
from policysearch.stats.best_of_several import Margin, leads, margin
from policysearch.stats.intervals import standard_error
from policysearch.stats.paired import Paired, count_error

NEGLIGIBLE = 1e-4
"""A lead of less than this is none, in the reward's unit: 0.01 points of accuracy."""
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Finalists:
    """Arms that finished every replicate: by key, their rewards [n], and the images that these are shares of.

    `free` are the names of the fixed policies by key, the simplest first, whether they finished or not.
    """

    arms: Mapping[str, Arm]
    rewards: Mapping[str, Floats]
    images: int
    free: Mapping[str, str]

    def rank(self, key: str) -> int:
        """The place of an arm among the fixed policies, the simplest first; all others come after them."""
        return [*self.free, key].index(key)

    @property
    def best(self) -> str:
        """The key of the best mean; equal means go to the fixed policies, identity first."""
        return max(self.arms, key=lambda key: (self.rewards[key].mean(), -self.rank(key)))

    def fixed(self) -> list[str]:
        """The keys of the fixed policies among them, identity first."""
        return [key for key in self.free if key in self.arms]

    def leads(self, best: str) -> dict[str, Paired]:
        """What an arm leads each fixed policy by."""
        others = [key for key in self.fixed() if key != best]
        pairs = leads(best, self.rewards, others, self.images)
        return {self.free[pair.other]: pair for pair in pairs}

    def margin(self, best: str) -> Margin:
        """What an arm that was searched leads the best fixed policy by, and the fixed ones that may be as good."""
        lead = margin(best, self.rewards, self.fixed(), self.images, NEGLIGIBLE)
        pair = replace(lead.pair, other=self.free[lead.pair.other])
        return Margin(pair, tuple(self.free[key] for key in lead.unsure))

    def is_tied(self, best: str, other: str) -> bool:
        """Whether the other's mean is within a standard error of the best, or negligibly below it.

        The error is the pair's own, or that of counts where this is larger.
        """
        gaps = self.rewards[best] - self.rewards[other]
        alone = float(standard_error(gaps)) if len(gaps) > 1 else 0.0
        return bool(gaps.mean() <= max(alone, count_error(gaps, self.images), NEGLIGIBLE) + _ROUNDING)
