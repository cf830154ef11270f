"""Assignments of the parameters of families: all of them, or drawn by a generator and none twice."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from policysearch.policy.families import Family, Parameters, Value


@dataclass(frozen=True)
class _Grid:
    """The parameters of one family with their choices."""

    family: str
    names: tuple[str, ...]
    choices: tuple[list[Value], ...]

    @property
    def size(self) -> int:
        return math.prod(len(values) for values in self.choices)

    def assignment(self, indices: Sequence[int]) -> Parameters:
        """The assignment with these indices, one per parameter."""
        values = {name: v[i] for name, v, i in zip(self.names, self.choices, indices, strict=True)}
        return {"family": self.family, **values}

    def indices(self, number: int) -> tuple[int, ...]:
        """The indices of an assignment by its number, 0 to size - 1, the last parameter running fastest."""
        digits = []
        for values in reversed(self.choices):
            number, digit = divmod(number, len(values))
            digits.append(digit)
        return tuple(reversed(digits))


def _grid(family: Family) -> _Grid:
    choices = family.choices()
    return _Grid(family.name, tuple(choices), tuple(choices.values()))


def size(families: Sequence[Family]) -> int:
    """The number of assignments of all families."""
    return sum(_grid(family).size for family in families)


def every(families: Sequence[Family]) -> Iterator[Parameters]:
    """All assignments, family by family, the last parameter running fastest."""
    for grid in map(_grid, families):
        for values in itertools.product(*grid.choices):
            yield {"family": grid.family, **dict(zip(grid.names, values, strict=True))}


def drawn(families: Sequence[Family], rng: np.random.Generator, attempts: int) -> Iterator[Parameters]:
    """Assignments in the order in which independent draws first show them, so that none comes twice.

    A family is drawn by its number of assignments, at most a million; then each of its parameters evenly. Where the
    attempts have not shown all and there are no more of them than attempts, the others follow in random order.

    Args:
        families: at least one.
        rng: all randomness.
        attempts: how many draws are made at most.
    """
    grids = [_grid(family) for family in families]
    total = sum(grid.size for grid in grids)
    weights = np.array([min(grid.size, 1e6) for grid in grids], dtype=float)
    shares = (weights / weights.sum()).cumsum()
    bounds = (shares / shares[-1]).tolist()  # as `rng.choice` computes them: published searches keep their arms
    lengths = [[len(values) for values in grid.choices] for grid in grids]
    seen: set[tuple[int, ...]] = set()

    for _ in range(attempts):
        if len(seen) == total:
            return
        family = bisect.bisect_right(bounds, rng.random())
        indices = [int(rng.integers(length)) for length in lengths[family]]
        key = (family, *indices)
        if key not in seen:
            seen.add(key)
            yield grids[family].assignment(indices)

    if total <= attempts:
        yield from _others(grids, seen, rng.permutation(total).tolist())


def _others(grids: Sequence[_Grid], seen: set[tuple[int, ...]], order: Sequence[int]) -> Iterator[Parameters]:
    """The assignments that were not seen, by their numbers over all grids in this order."""
    ends = list(itertools.accumulate(grid.size for grid in grids))
    for number in order:
        family = bisect.bisect_right(ends, number)
        indices = grids[family].indices(number - (ends[family] - grids[family].size))
        if (family, *indices) not in seen:
            yield grids[family].assignment(indices)
