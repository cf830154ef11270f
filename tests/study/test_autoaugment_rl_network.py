"""The controller's network: probabilities and gradients against torch, and bits that no thread changes."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import nn

from policysearch.study.autoaugment_rl.adam import Adam
from policysearch.study.autoaugment_rl.network import (
    Shape,
    Weights,
    gradient,
    log_probabilities,
    read,
    write,
)
from policysearch.study.autoaugment_rl.products import product

SHAPES = {
    "plain": Shape((5, 3), (0, 1, 0, 1), 7),
    "cooled and bent": Shape((4, 3, 2), (0, 1, 2, 0, 1, 2), 6, temperature=5.0, tanh=2.5),
    "a single choice": Shape((1, 3), (0, 1, 0), 4, temperature=0.5),
}


def drawn(shape: Shape, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights far from 0, and decisions."""
    rng = np.random.default_rng(0)
    tokens = np.stack([rng.integers(shape.sizes[kind], size=batch) for kind in shape.kinds], axis=1)
    return 8 * shape.initial(rng), tokens


def in_torch(shape: Shape, weights: Weights, tokens: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """[B] joint log-probabilities and summed entropies by torch's own LSTM and distributions."""
    cell = nn.LSTMCell(shape.hidden, shape.hidden).double()
    x = weights.start.expand(len(tokens), -1)
    state = (torch.zeros(len(tokens), shape.hidden).double(), torch.zeros(len(tokens), shape.hidden).double())
    split = {
        "weight_ih": weights.kernel[: shape.hidden].T,
        "weight_hh": weights.kernel[shape.hidden :].T,
        "bias_ih": weights.bias,
        "bias_hh": torch.zeros_like(weights.bias),
    }
    logs, sums = [], []
    for t, kind in enumerate(shape.kinds):
        state = torch.func.functional_call(cell, split, (x, state))
        logits = (state[0] @ weights.outputs[kind] + weights.offsets[kind]) / shape.temperature
        chance = torch.distributions.Categorical(logits=shape.tanh * torch.tanh(logits) if shape.tanh else logits)
        chosen = torch.from_numpy(tokens[:, t])
        logs.append(chance.log_prob(chosen))
        sums.append(chance.entropy())
        x = weights.embeddings[kind][chosen]
    return torch.stack(logs).sum(0), torch.stack(sums).sum(0)


def views_in_torch(shape: Shape, vector: torch.Tensor) -> Weights:
    places = shape.views(np.arange(shape.weights, dtype=np.float64))

    def part(of: np.ndarray) -> torch.Tensor:
        return vector[torch.from_numpy(of.astype(np.int64))]

    return Weights(
        part(places.kernel),
        part(places.bias),
        part(places.start),
        [part(p) for p in places.embeddings],
        [part(p) for p in places.outputs],
        [part(p) for p in places.offsets],
    )


@pytest.mark.parametrize("name", SHAPES)
def test_probabilities_and_gradients_are_those_of_torch(name):
    shape = SHAPES[name]
    vector, tokens = drawn(shape, 6)
    rng = np.random.default_rng(1)
    by_log, by_entropy = rng.standard_normal((2, 6))
    weights = shape.views(vector)
    steps = read(shape, weights, tokens)

    leaf = torch.from_numpy(vector.copy()).requires_grad_()
    logs, sums = in_torch(shape, views_in_torch(shape, leaf), tokens)
    (logs @ torch.from_numpy(by_log) + sums @ torch.from_numpy(by_entropy)).backward()

    assert log_probabilities(steps, tokens) == pytest.approx(logs.detach().numpy(), abs=1e-12)
    assert sum(step.entropy for step in steps) == pytest.approx(sums.detach().numpy(), abs=1e-12)
    ours = gradient(shape, weights, steps, tokens, by_log, by_entropy)
    assert ours == pytest.approx(leaf.grad.numpy(), abs=1e-12)
    assert np.abs(ours).max() > 0.1


def test_the_probabilities_of_all_policies_sum_to_1():
    shape = SHAPES["cooled and bent"]
    vector, _ = drawn(shape, 1)
    every = np.array([*itertools.product(*(range(shape.sizes[kind]) for kind in shape.kinds))])
    steps = read(shape, shape.views(vector), every)
    for step in steps:
        assert np.exp(step.log_probabilities).sum(axis=1) == pytest.approx(1, abs=1e-12)
    assert np.exp(log_probabilities(steps, every)).sum() == pytest.approx(1, abs=1e-12)


def test_policies_are_written_as_often_as_their_probability_says():
    """Chi-squared over the 15 policies of two decisions; it fails in one of 10^4 right implementations."""
    shape = Shape((5, 3), (0, 1), 4)
    vector, _ = drawn(shape, 1)
    rng = np.random.default_rng(2)
    every = np.array([*itertools.product(range(5), range(3))])
    chances = np.exp(log_probabilities(read(shape, shape.views(vector), every), every))
    counts = np.zeros(15)
    for _ in range(2000):
        tokens, log = write(shape, shape.views(vector), rng)
        place = 3 * tokens[0] + tokens[1]
        counts[place] += 1
        assert np.exp(log) == pytest.approx(chances[place], rel=1e-12)
    assert chisquare(counts, 2000 * chances / chances.sum()).pvalue > 1e-4
    assert chisquare(counts, np.full(15, 2000 / 15)).pvalue < 1e-4, "even draws would be caught"


def test_adam_by_hand():
    """Gradients 1 and 3. Averages of gradients 0.1 and 0.39, of squares 0.001 and 0.009999, both without their bias."""
    weights, adam = np.zeros(1), Adam(np.zeros(1), np.zeros(1))
    weights, adam = adam.ascended(weights, np.array([1.0]), 0.01)
    assert weights == pytest.approx([0.01], rel=1e-7)  # (0.1 / 0.1) / sqrt(0.001 / 0.001)
    weights, adam = adam.ascended(weights, np.array([3.0]), 0.01)
    second = (0.39 / 0.19) / math.sqrt(0.009999 / 0.001999)
    assert weights == pytest.approx([0.01 + 0.01 * second], rel=1e-7)


@pytest.mark.parametrize(
    "sizes", [(1, 200, 400), (10, 200, 400), (200, 10, 400), (10, 2000, 3), (3, 5, 1), (700, 500, 2)]
)
def test_products_in_blocks_are_products(sizes):
    rows, inner, columns = sizes
    rng = np.random.default_rng(0)
    left, right = rng.standard_normal((rows, inner)), rng.standard_normal((inner, columns))
    assert product(left, right) == pytest.approx(left @ right, abs=1e-10)


BITS = """
import hashlib
import numpy as np
from policysearch.study.autoaugment_rl.network import Shape, gradient, read, write

shape = Shape((15, 11, 10), (0, 1, 2) * 3, 100)
rng = np.random.default_rng(0)
weights = shape.initial(rng)
tokens = np.array([write(shape, shape.views(weights), rng)[0] for _ in range(20)])
steps = read(shape, shape.views(weights), tokens)
slope = gradient(shape, shape.views(weights), steps, tokens, np.ones(20), np.ones(20))
print(hashlib.sha256(slope.tobytes()).hexdigest())
"""


def test_bits_do_not_depend_on_the_number_of_threads():
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    digests = {
        subprocess.run(
            [sys.executable, "-c", BITS],
            env={**os.environ, **dict.fromkeys(names, threads)},
            check=True,
            capture_output=True,
        ).stdout
        for threads in "12"
    }
    assert len(digests) == 1
