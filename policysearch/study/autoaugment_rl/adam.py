"""Adam, for one vector of weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policysearch.stats.arrays import Floats

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-8


@dataclass(frozen=True)
class Adam:
    """The state of Adam (Kingma & Ba 2015, algorithm 1) with the paper's constants.

    Attributes:
        first, second: [W] moving averages of gradients and of their squares.
        steps: how many were taken.
    """

    first: Floats
    second: Floats
    steps: int = 0

    def ascended(self, weights: Floats, gradient: Floats, rate: float) -> tuple[Floats, Adam]:
        """Weights after a step up the gradient, and the state after it."""
        first = _BETA_1 * self.first + (1 - _BETA_1) * gradient
        second = _BETA_2 * self.second + (1 - _BETA_2) * gradient**2
        steps = self.steps + 1
        size = rate / (1 - _BETA_1**steps)
        scale = np.sqrt(second / (1 - _BETA_2**steps)) + _EPSILON
        return weights + size * first / scale, Adam(first, second, steps)
