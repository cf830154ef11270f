"""The screening design: which levels are pulled together before anything is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from policysearch.stats.arrays import Floats

_ROUNDS = 20
_RIDGE = 1e-3


def screening(sizes: Sequence[int], runs: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """A design in which each level of a factor has an even share of the runs, and factors can be told apart.

    Columns are balanced first: every level of a factor has runs/levels of them, give or take one. Then pairs of runs
    exchange their levels of one factor, which keeps the balance, as long as that raises the determinant of the
    information matrix of all main effects: a D-optimal design among the balanced ones, by exchange (Fedorov 1972;
    Meyer & Nachtsheim 1995 for coordinates).

    Args:
        sizes: [F] levels of each factor, 2 or more.
        runs: N, 1 or more.
        rng: draws the first design, and the order of exchanges.

    Returns:
        [N, F] int64 levels.

    Example:
        >>> design = screening([2, 2], 4, np.random.default_rng(0))
        >>> sorted(map(tuple, design.tolist()))
        [(0, 0), (0, 1), (1, 0), (1, 1)]
    """
    design = np.stack([rng.permutation(np.arange(runs) % size) for size in sizes], axis=1)
    if runs < 2:
        return design
    value = _information(design, sizes)
    for _ in range(_ROUNDS):
        before = value
        for factor in rng.permutation(len(sizes)):
            value = _exchanged(design, sizes, int(factor), value, rng)
        if value <= before + 1e-9:
            break
    return design


def _exchanged(
    design: NDArray[np.int64], sizes: Sequence[int], factor: int, value: float, rng: np.random.Generator
) -> float:
    """Exchange levels of one factor between runs where that helps; gives the value of the design, changed in place."""
    for first in rng.permutation(len(design)).tolist():
        others = np.flatnonzero(design[:, factor] != design[first, factor])
        if not len(others):
            return value
        second = int(rng.choice(others))
        design[[first, second], factor] = design[[second, first], factor]
        exchanged = _information(design, sizes)
        if exchanged > value:
            value = exchanged
        else:
            design[[first, second], factor] = design[[second, first], factor]
    return value


def screening_among(
    candidates: NDArray[np.int64], sizes: Sequence[int], runs: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """A D-optimal choice of runs among given assignments, by exchange of one run for another candidate.

    Args:
        candidates: [M, F] levels; -1 where a factor has no say.
        sizes: [F] levels of each factor.
        runs: N; all candidates where there are no more.
        rng: draws the first choice, and the candidates that are tried.

    Returns:
        [min(N, M)] int64 indices of candidates, none twice.
    """
    order = rng.permutation(len(candidates))
    chosen, others = order[:runs].copy(), order[runs:].copy()
    value = _information(candidates[chosen], sizes)
    for _ in range(_ROUNDS if len(others) else 0):
        before = value
        for place in rng.permutation(len(chosen)).tolist():
            other = int(rng.integers(len(others)))
            chosen[place], others[other] = others[other], chosen[place]
            exchanged = _information(candidates[chosen], sizes)
            if exchanged > value:
                value = exchanged
            else:
                chosen[place], others[other] = others[other], chosen[place]
        if value <= before + 1e-9:
            break
    return chosen


def _information(design: NDArray[np.int64], sizes: Sequence[int]) -> float:
    """The log-determinant of the information matrix of an intercept and all main effects, lightly regularised."""
    columns = contrasts(design, sizes)
    matrix = columns.T @ columns + _RIDGE * np.eye(columns.shape[1])
    return float(np.linalg.slogdet(matrix)[1])


def contrasts(design: NDArray[np.int64], sizes: Sequence[int]) -> Floats:
    """[N, 1 + sum(sizes - 1)] an intercept, and a column of 0 and 1 for every level but the first of each factor.

    Args:
        design: [N, F] levels; -1 is nowhere 1.
        sizes: [F] levels of each factor.
    """
    ones = [np.ones((len(design), 1))]
    return np.hstack(ones + [(design[:, [f]] == np.arange(1, size)).astype(float) for f, size in enumerate(sizes)])
