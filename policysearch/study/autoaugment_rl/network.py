"""The controller's network: a one-layer LSTM that takes T decisions one after the other, and its gradients.

Notation, as in the code:
    B  batch; T  decisions; H  hidden units; V  choices of a decision
    x  [B, H]  embedding of the decision before; for the first the learned vector `start`
    h, c  [B, H]  the LSTM's output and cell (Hochreiter & Schmidhuber 1997, with forget gates)

A step is [i, f, g, o] = [x, h] · kernel + bias, c' = σ(f) c + σ(i) tanh(g), h' = σ(o) tanh(c'), and the probabilities
of the decision are softmax(h' · output + offset), the logits shaped by temperature and tanh constant.

It is NumPy alone, since the process that chooses arms does without torch; gradients are tested against torch's.
All numbers are float64. Products are made in blocks that one thread computes, so that a search is repeated to the
last bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from policysearch.stats.arrays import Floats
from policysearch.study.autoaugment_rl.products import product

_BOUND = 0.1  # weights begin evenly in [-0.1, 0.1] (Cubuk et al. 2018, section 3)

Tokens = NDArray[np.int64]


@dataclass(frozen=True)
class Shape:
    """What the network decides.

    Attributes:
        sizes: choices of each kind of decision.
        kinds: [T] of which kind each decision is.
        hidden: units of the LSTM.
        temperature: by which logits are divided.
        tanh: where above 0, a logit x becomes tanh · tanh(x).
    """

    sizes: tuple[int, ...]
    kinds: tuple[int, ...]
    hidden: int
    temperature: float = 1.0
    tanh: float = 0.0

    @cached_property
    def _parts(self) -> list[tuple[int, ...]]:
        h = self.hidden
        of_kinds = [((size, h), (h, size), (size,)) for size in self.sizes]
        return [(2 * h, 4 * h), (4 * h,), (h,), *(part for parts in of_kinds for part in parts)]

    @property
    def weights(self) -> int:
        """The number of weights."""
        return sum(math.prod(part) for part in self._parts)

    def initial(self, rng: np.random.Generator) -> Floats:
        """[W] weights to begin with, biases included, evenly from [-0.1, 0.1]."""
        return rng.uniform(-_BOUND, _BOUND, self.weights)

    def views(self, vector: Floats) -> Weights:
        """The parts of a vector of all weights, or of its gradient; they share its memory."""
        parts, start = [], 0
        for part in self._parts:
            stop = start + math.prod(part)
            parts.append(vector[start:stop].reshape(part))
            start = stop
        kernel, bias, begin, *of_kinds = parts
        return Weights(kernel, bias, begin, of_kinds[0::3], of_kinds[1::3], of_kinds[2::3])


@dataclass(frozen=True)
class Weights:
    """The weights by part.

    Attributes:
        kernel: [2 H, 4 H], rows of x before those of h, columns of i, f, g and o.
        bias: [4 H].
        start: [H] the input of the first decision.
        embeddings: [V, H] by kind.
        outputs: [H, V] by kind.
        offsets: [V] by kind.
    """

    kernel: Floats
    bias: Floats
    start: Floats
    embeddings: Sequence[Floats]
    outputs: Sequence[Floats]
    offsets: Sequence[Floats]


@dataclass(frozen=True)
class Step:
    """One decision of a batch, with what its gradient needs.

    Attributes:
        inputs: [B, 2 H] x and h before it.
        gates: σ(i), σ(f), tanh(g) and σ(o), [B, H] each.
        before, cell: [B, H] c before and after it.
        hidden: [B, H] h after it.
        log_probabilities: [B, V] of its choices.
        slope: [B, V] derivative of the shaped logits by the plain ones.
    """

    inputs: Floats
    gates: tuple[Floats, Floats, Floats, Floats]
    before: Floats
    cell: Floats
    hidden: Floats
    log_probabilities: Floats
    slope: Floats

    @property
    def entropy(self) -> Floats:
        """[B] of the decision, in nats."""
        return np.asarray(-(np.exp(self.log_probabilities) * self.log_probabilities).sum(axis=1))


def write(shape: Shape, weights: Weights, rng: np.random.Generator) -> tuple[list[int], float]:
    """Draw T decisions; returns them and the logarithm of their joint probability."""
    tokens: list[int] = []
    total = 0.0
    x, h, c = weights.start[None], np.zeros((1, shape.hidden)), np.zeros((1, shape.hidden))
    for kind in shape.kinds:
        step = _stepped(shape, weights, kind, x, h, c)
        log_probabilities = step.log_probabilities[0]
        bounds = np.cumsum(np.exp(log_probabilities))
        token = int(np.searchsorted(bounds, rng.random() * bounds[-1], side="right"))
        token = min(token, len(bounds) - 1)
        tokens.append(token)
        total += float(log_probabilities[token])
        x, h, c = weights.embeddings[kind][token][None], step.hidden, step.cell
    return tokens, total


def read(shape: Shape, weights: Weights, tokens: Tokens) -> list[Step]:
    """The T steps in which the network would write these decisions, [B, T]."""
    count = len(tokens)
    steps: list[Step] = []
    x = np.broadcast_to(weights.start, (count, shape.hidden))
    h, c = np.zeros((count, shape.hidden)), np.zeros((count, shape.hidden))
    for t, kind in enumerate(shape.kinds):
        step = _stepped(shape, weights, kind, x, h, c)
        steps.append(step)
        x, h, c = weights.embeddings[kind][tokens[:, t]], step.hidden, step.cell
    return steps


def log_probabilities(steps: Sequence[Step], tokens: Tokens) -> Floats:
    """[B] logarithm of the joint probability of the decisions, [B, T]."""
    rows = np.arange(len(tokens))
    of_steps = [step.log_probabilities[rows, tokens[:, t]] for t, step in enumerate(steps)]
    return np.asarray(np.sum(of_steps, axis=0))


def _stepped(shape: Shape, weights: Weights, kind: int, x: Floats, h: Floats, c: Floats) -> Step:
    inputs = np.concatenate([x, h], axis=1)
    i, f, g, o = np.split(product(inputs, weights.kernel) + weights.bias, 4, axis=1)
    i, f, g, o = _sigmoid(i), _sigmoid(f), np.tanh(g), _sigmoid(o)
    cell = f * c + i * g
    hidden = o * np.tanh(cell)
    logits, slope = _shaped(shape, product(hidden, weights.outputs[kind]) + weights.offsets[kind])
    logits = logits - logits.max(axis=1, keepdims=True)
    logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return Step(inputs, (i, f, g, o), c, cell, hidden, logits, slope)


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))


def _shaped(shape: Shape, plain: Floats) -> tuple[Floats, Floats]:
    """Logits after temperature and tanh constant, and their derivative."""
    cooled = plain / shape.temperature
    if not shape.tanh:
        return cooled, np.full_like(plain, 1 / shape.temperature)
    bent = np.tanh(cooled)
    return shape.tanh * bent, shape.tanh * (1 - bent**2) / shape.temperature


def gradient(
    shape: Shape, weights: Weights, steps: Sequence[Step], tokens: Tokens, by_log: Floats, by_entropy: Floats
) -> Floats:
    """The gradient of a number that depends on the joint log-probabilities and the entropies of a batch.

    Args:
        shape: of the network.
        weights: with which the steps were made.
        steps: T, from `read`.
        tokens: [B, T] the decisions.
        by_log: [B] derivative by each joint log-probability.
        by_entropy: [B] derivative by the sum of the entropies of the steps, each given the decisions before it.

    Returns:
        [W] its derivative by each weight.
    """
    vector = np.zeros(shape.weights)
    parts = shape.views(vector)
    by_hidden = np.zeros((len(tokens), shape.hidden))
    by_cell = np.zeros_like(by_hidden)
    for t in reversed(range(len(steps))):
        step, kind = steps[t], shape.kinds[t]
        by_logits = _by_logits(step, tokens[:, t], by_log, by_entropy)
        parts.outputs[kind][:] += product(step.hidden.T, by_logits)
        parts.offsets[kind][:] += by_logits.sum(axis=0)
        by_gates, by_cell = _by_gates(step, by_hidden + product(by_logits, weights.outputs[kind].T), by_cell)
        parts.kernel[:] += product(step.inputs.T, by_gates)
        parts.bias[:] += by_gates.sum(axis=0)
        by_inputs = product(by_gates, weights.kernel.T)
        by_x, by_hidden = by_inputs[:, : shape.hidden], by_inputs[:, shape.hidden :]
        if t:
            np.add.at(parts.embeddings[shape.kinds[t - 1]], tokens[:, t - 1], by_x)
        else:
            parts.start[:] += by_x.sum(axis=0)
    return vector


def _by_logits(step: Step, tokens: Tokens, by_log: Floats, by_entropy: Floats) -> Floats:
    """[B, V] derivative by the plain logits: d log p_j / d z_k = [j = k] - p_k, dH / d z_k = -p_k (log p_k + H)."""
    probabilities = np.exp(step.log_probabilities)
    of_log = -probabilities
    of_log[np.arange(len(tokens)), tokens] += 1
    of_entropy = -probabilities * (step.log_probabilities + step.entropy[:, None])
    return np.asarray((by_log[:, None] * of_log + by_entropy[:, None] * of_entropy) * step.slope)


def _by_gates(step: Step, by_hidden: Floats, by_cell: Floats) -> tuple[Floats, Floats]:
    """[B, 4 H] derivative by i, f, g and o before their nonlinearity, and [B, H] by the cell before."""
    i, f, g, o = step.gates
    bent = np.tanh(step.cell)
    by_cell = by_cell + by_hidden * o * (1 - bent**2)
    by_gates = [
        by_cell * g * i * (1 - i),
        by_cell * step.before * f * (1 - f),
        by_cell * i * (1 - g**2),
        by_hidden * bent * o * (1 - o),
    ]
    return np.concatenate(by_gates, axis=1), by_cell * f
