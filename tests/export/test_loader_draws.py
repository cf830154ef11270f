"""The test of exported transforms in a DataLoader: how often it raises a false alarm, and the faults that it sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from policysearch.augmentation.apply import apply
from policysearch.augmentation.sampling import draw
from tests.support.exports import FALSE_ALARM
from tests.support.loader_draws import (
    ABSENT,
    PICTURE,
    SEQUENCE,
    WEIGHTED,
    drawn_in_loader,
    faults,
    pvalues,
    rows_of,
)

SCENARIOS = {"sequence": SEQUENCE, "weighted": WEIGHTED}


@dataclass
class Recipe:
    """Draws of SEQUENCE's or WEIGHTED's rows from one generator, with faults that a library may have.

    `chance` is the probability of posterize, `signs` that of a positive sign, `quarters` is how many quarters of the
    magnitudes occur, `shares` are those of the sub-policies; `one_number` decides all that is drawn for an image.
    """

    weighted: bool = False
    chance: float = 0.3
    signs: float = 0.5
    quarters: int = 4
    shares: tuple[float, ...] = (0.5, 0.25, 0.25)
    one_number: bool = False

    def rows(self, count: int, rng: np.random.Generator) -> np.ndarray:
        numbers = rng.random((count, 5))
        if self.one_number:
            numbers[:] = numbers[:, :1]
        posterize, invert = numbers[:, 0] < self.chance, numbers[:, 1] < 0.25
        sign, quarter = numbers[:, 2] < self.signs, np.floor(numbers[:, 3] * self.quarters)
        if not self.weighted:
            return np.stack([sign, invert, quarter, posterize], axis=1).astype(np.int8)
        sub = np.searchsorted(np.cumsum(self.shares), numbers[:, 4])
        parts = [np.where(sub == k, v, ABSENT) for v, k in ((invert, 0), (posterize, 0), (sign, 1), (quarter, 2))]
        return np.stack([sub, *parts], axis=1).astype(np.int8)

    def streams(self, key, images: int = 120) -> dict[tuple[int, int], np.ndarray]:
        """Of three epochs and two workers, `key(epoch, worker)` seeding each."""
        cells = [(epoch, worker) for epoch in range(3) for worker in range(2)]
        return {cell: self.rows(images, np.random.default_rng(key(*cell))) for cell in cells}


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_picture_shows_what_was_drawn(name):
    """Draws of this program: every picture is read again as what the draw says."""
    scenario = SCENARIOS[name]
    drawn = draw(scenario.policy, 300, torch.Generator().manual_seed(0))
    rows = rows_of(scenario, apply(drawn, PICTURE.expand(300, 1, 16, 16)))
    factors = dict(zip(scenario.factors, rows.T, strict=True))
    for i, operations in enumerate(drawn.operations.tolist()):
        steps = {drawn.names[k]: float(m) for k, m in zip(operations, drawn.magnitudes[i], strict=True)}
        seen = {name: int(values[i]) for name, values in factors.items()}
        if seen["invert"] != ABSENT:
            assert seen["invert"] == ("invert" in steps) and seen["posterize"] == ("posterize" in steps)
        assert (seen["sign"] != ABSENT) == ("translate-x" in steps)
        assert seen["sign"] == ABSENT or (steps["translate-x"] > 0) == seen["sign"]
        assert (seen["magnitude"] != ABSENT) == ("solarize" in steps)
        assert seen["magnitude"] == ABSENT or seen["magnitude"] == int((steps["solarize"] - 130) / 23)


@pytest.mark.parametrize("name", SCENARIOS)
def test_false_alarms_are_as_rare_as_stated(name):
    """40 ideal sets of streams: p-values below 1 % number about 1 % (a Poisson count, exceeded once in 10^5)."""
    ideal = Recipe(weighted=name == "weighted")
    runs = [ideal.streams(lambda epoch, worker, run=run: (run, epoch, worker)) for run in range(40)]
    found = [p for run in runs for p in pvalues(SCENARIOS[name], run).values()]
    expected = len(found) / 100
    assert sum(p < 0.01 for p in found) < expected + 4.5 * expected**0.5
    assert min(found) > FALSE_ALARM and not any(faults(SCENARIOS[name], run) for run in runs)


def apart(epoch: int, worker: int) -> tuple[int, int]:
    return epoch, worker


BUGS = {
    "workers and epochs alike": (Recipe(), lambda epoch, worker: 0, {"workers", "epochs"}),
    "workers alike": (Recipe(), lambda epoch, worker: epoch, {"workers"}),
    "epochs alike": (Recipe(), lambda epoch, worker: worker, {"epochs"}),
    "seeds that overlap": (Recipe(), lambda epoch, worker: epoch + worker, {"epochs"}),
    "steps from one number": (Recipe(one_number=True), apart, {"invert against posterize"}),
    "a wrong probability": (Recipe(chance=0.5), apart, {"frequency of posterize"}),
    "never negative": (Recipe(signs=1.0), apart, {"frequency of sign"}),
    "the strongest left out": (Recipe(quarters=3), apart, {"frequency of magnitude"}),
}


@pytest.mark.parametrize("bug", BUGS)
def test_each_kind_of_fault_is_seen(bug):
    recipe, key, signs = BUGS[bug]
    found = faults(SEQUENCE, recipe.streams(key))
    assert all(any(sign in fault for fault in found) for sign in signs), found


def test_ignored_weights_are_seen():
    equal = Recipe(weighted=True, shares=(1 / 3, 1 / 3, 1 / 3))
    assert "frequency of sub-policy" in faults(WEIGHTED, equal.streams(apart))[0]


class OwnGenerator:
    """A transform that draws from a generator of its own, which every worker gets a copy of."""

    def __init__(self, scenario) -> None:
        self.policy, self.generator = scenario.policy, torch.Generator().manual_seed(0)

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        return apply(draw(self.policy, 1, self.generator), image[None])[0]

    def worker_init(self, worker: int) -> None:
        self.generator.manual_seed(torch.initial_seed())


def test_a_loader_whose_workers_copy_one_generator_is_seen():
    transform = OwnGenerator(WEIGHTED)
    right = drawn_in_loader(WEIGHTED, transform, worker_init_fn=transform.worker_init)
    assert faults(WEIGHTED, right) == []
    found = faults(WEIGHTED, drawn_in_loader(WEIGHTED, transform))
    assert any("workers" in fault for fault in found) and any("epochs" in fault for fault in found)
