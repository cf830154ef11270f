"""Population-Based Bandits' choice: the numbers of a policy with the highest upper bound of what they gain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from policysearch.policy.families import Parameters, Value
from policysearch.study.populations.gaussian_process import Floats, Points, Posterior, fitted
from policysearch.study.populations.parameters import Parameter

_FEWEST = 4
"""Evaluations below which nothing can be learned from them."""
_MOST = 200
"""The last evaluations that are used: the time for one choice grows with their cube."""
_DRAWS = 512
_SWEEPS = 3
_C1, _C2 = 0.2, 0.4
"""Of the bound's width, as the authors' implementation has them."""


@dataclass(frozen=True)
class Gain:
    """What an interval of a training gained.

    Attributes:
        parameters: of its policy.
        generation: the interval's number, from 0.
        before: the reward with which it began; nan at the beginning of a training.
        after: the reward with which it ended.
    """

    parameters: Parameters
    generation: int
    before: float
    after: float


@dataclass(frozen=True)
class Start:
    """Where the interval that is chosen for begins.

    Attributes:
        generation: its number.
        before: the reward of the child that is taken over.
        pending: assignments of the interval's other children, as far as they are chosen.
    """

    generation: int
    before: float
    pending: Sequence[Parameters]


def chosen(
    gains: Sequence[Gain], start: Start, numbers: Sequence[Parameter], rng: np.random.Generator
) -> dict[str, Value] | None:
    """The numbers with the highest upper bound, by GP-UCB (Parker-Holder et al. 2020, algorithm 2 and equation 4).

    The bound is mean + sqrt(beta)·deviation with beta = c1 + log(c2·n) for n evaluations; the variance counts children
    of the same interval as if they had been evaluated. Gains are compared within their interval, since all children
    gain much at first and little at the end. The bound is maximised over the choices: from the best of some draws, one
    parameter after the other.

    Args:
        gains: what was seen, of one family.
        start: where the interval begins.
        numbers: parameters with ordered choices.
        rng: all randomness.

    Returns:
        A value for each number; None where too little was seen.
    """
    gains = gains[-_MOST:]
    values = _standardised(gains)
    if len(gains) < _FEWEST or values is None:
        return None
    rewards = [gain.after for gain in gains]
    scale = max(float(np.std(rewards)), 1e-12)
    centre = float(np.mean(rewards))

    def points(parameters: Sequence[Parameters], before: Sequence[float], times: Sequence[int]) -> Points:
        scaled = np.array([_scaled(assignment, numbers) for assignment in parameters]).reshape(-1, len(numbers))
        # A training begins with no reward: one deviation below the mean of all says that it has most to gain.
        begun = np.nan_to_num((np.array(before, dtype=float) - centre) / scale, nan=-1.0)
        return Points(scaled, begun, np.array(times, dtype=float))

    seen = points([g.parameters for g in gains], [g.before for g in gains], [g.generation for g in gains])
    count = len(start.pending)
    pending = points(start.pending, [start.before] * count, [start.generation] * count)
    posterior = Posterior(fitted(seen, values), seen, values, pending)
    beta = _C1 + max(0.0, float(np.log(_C2 * len(gains))))
    bound = _Bound(posterior, float((start.before - centre) / scale), start.generation, float(np.sqrt(beta)))
    places = _highest(bound, [len(parameter.choices) for parameter in numbers], rng)
    return {parameter.name: parameter.choices[place] for parameter, place in zip(numbers, places, strict=True)}


@dataclass(frozen=True)
class _Bound:
    """The upper bound of the gain by scaled numbers, where an interval begins."""

    posterior: Posterior
    before: float
    generation: int
    width: float

    def at(self, scaled: Floats) -> Floats:
        """[m] bounds of [m, d] scaled numbers."""
        times = np.full(len(scaled), float(self.generation))
        means, variances = self.posterior.at(Points(scaled, np.full(len(scaled), self.before), times))
        bounds: Floats = means + self.width * np.sqrt(variances)
        return bounds


def _highest(bound: _Bound, counts: Sequence[int], rng: np.random.Generator) -> list[int]:
    """[d] indices of choices where the bound is highest, as far as a search along the axes finds it."""
    tops = np.array(counts) - 1
    draws = rng.integers(tops + 1, size=(_DRAWS, len(counts)))
    best = draws[int(np.argmax(bound.at(draws / tops)))]
    for _ in range(_SWEEPS):
        before = best.copy()
        for axis, count in enumerate(counts):
            line = np.repeat(best[None], count, axis=0)
            line[:, axis] = np.arange(count)
            best = line[int(np.argmax(bound.at(line / tops)))]
        if (best == before).all():
            break
    return [int(place) for place in best]


def _standardised(gains: Sequence[Gain]) -> Floats | None:
    """[n] gains less the mean of their interval, over the deviation of all; None where they do not differ."""
    raw = np.array([gain.after - (0.0 if np.isnan(gain.before) else gain.before) for gain in gains])
    generations = np.array([gain.generation for gain in gains])
    for generation in np.unique(generations):
        here = generations == generation
        raw[here] -= raw[here].mean()
    deviation = float(raw.std()) if len(raw) else 0.0
    return raw / deviation if deviation > 1e-12 else None


def _scaled(parameters: Parameters, numbers: Sequence[Parameter]) -> list[float]:
    return [number.place(parameters[number.name]) / (len(number.choices) - 1) for number in numbers]
