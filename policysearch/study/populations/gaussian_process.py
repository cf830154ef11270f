"""A Gaussian process whose function drifts with time (Bogunovic et al. 2016), as Population-Based Bandits uses it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_JITTER = 1e-9
_BOUNDS = ((-3.0, 3.0), (-3.0, 2.0), (-3.0, 3.0), (-6.0, -0.05), (-9.0, 1.0))
_START = (0.0, -0.7, 0.5, -2.3, -2.3)
_ITERATIONS = 40


@dataclass(frozen=True)
class Points:
    """Where the function is, or was, evaluated.

    Attributes:
        numbers: [n, d] parameters, each scaled to [0, 1].
        before: [n] the reward with which the interval began, standardised.
        times: [n] the interval's number.
    """

    numbers: Floats
    before: Floats
    times: Floats

    def __len__(self) -> int:
        return len(self.times)

    def joined(self, others: Points) -> Points:
        """These points and then others."""
        return Points(
            np.concatenate([self.numbers, others.numbers]),
            np.concatenate([self.before, others.before]),
            np.concatenate([self.times, others.times]),
        )


@dataclass(frozen=True)
class Kernel:
    """variance · SE(parameters) · SE(reward before) · (1 - drift)^(|t - t'| / 2).

    The first and the last factor are Parker-Holder et al. 2020, section 4.1; that what a child gains depends on where
    it begins is taken from the authors' implementation in Ray Tune.

    Attributes:
        variance: of the function, above 0.
        length: over which it changes with the parameters, in their scale, times the root of their number.
        length_before: over which it changes with the reward before.
        drift: how much it changes from one interval to the next, in [0, 1): the paper's epsilon.
        noise: variance of an evaluation, 0 or more.
    """

    variance: float = 1.0
    length: float = 0.5
    length_before: float = 1.0
    drift: float = 0.1
    noise: float = 0.1

    def between(self, a: Points, b: Points) -> Floats:
        """[n, m] covariances of the function, without noise."""
        dimensions = max(a.numbers.shape[1], 1)
        apart = ((a.numbers[:, None, :] - b.numbers[None, :, :]) ** 2).sum(-1) / (self.length**2 * dimensions)
        apart_before = ((a.before[:, None] - b.before[None, :]) / self.length_before) ** 2
        lasting = (1 - self.drift) ** (np.abs(a.times[:, None] - b.times[None, :]) / 2)
        covariance: Floats = self.variance * np.exp(-(apart + apart_before) / 2) * lasting
        return covariance


@dataclass(frozen=True)
class Posterior:
    """What the evaluations say of the function.

    Attributes:
        kernel: of the process.
        points: [n] where it was evaluated.
        values: [n] what came out.
        pending: where it is being evaluated, which lowers the variance there, whatever comes out (Desautels et al.
            2014).
    """

    kernel: Kernel
    points: Points
    values: Floats
    pending: Points | None = None

    def at(self, where: Points) -> tuple[Floats, Floats]:
        """[m] means and [m] variances of the function."""
        root = _root(self.kernel, self.points)
        across = _solved(root, self.kernel.between(self.points, where))
        means = across.T @ _solved(root, self.values)

        if self.pending is not None and len(self.pending):
            every = self.points.joined(self.pending)
            across = _solved(_root(self.kernel, every), self.kernel.between(every, where))
        variances = self.kernel.variance - (across**2).sum(0)
        return means, np.maximum(variances, 0.0)


def fitted(points: Points, values: Floats) -> Kernel:
    """The kernel that makes the evaluations most likely, found from one start within bounds.

    Args:
        points: [n] where the function was evaluated, n 2 or more.
        values: [n] standardised.
    """
    from scipy.optimize import minimize  # late: no other strategy needs it

    result = minimize(
        lambda logs: -log_likelihood(_kernel(logs), points, values),
        np.array(_START),
        method="L-BFGS-B",
        bounds=_BOUNDS,
        options={"maxiter": _ITERATIONS},
    )
    return _kernel(result.x)


def log_likelihood(kernel: Kernel, points: Points, values: Floats) -> float:
    """The log marginal likelihood of evaluations (Rasmussen & Williams 2006, equation 2.30)."""
    root = _root(kernel, points)
    explained = _solved(root, values)
    return float(-explained @ explained / 2 - np.log(np.diag(root)).sum() - len(values) * np.log(2 * np.pi) / 2)


def _kernel(logs: Floats) -> Kernel:
    variance, length, length_before, drift, noise = np.exp(logs)
    return Kernel(float(variance), float(length), float(length_before), float(drift), float(noise))


def _root(kernel: Kernel, points: Points) -> Floats:
    """The lower Cholesky root of the covariances of evaluations."""
    covariance = kernel.between(points, points)
    covariance += (kernel.noise + _JITTER * kernel.variance) * np.eye(len(points))
    return np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)


def _solved(root: Floats, right: Floats) -> Floats:
    return np.asarray(np.linalg.solve(root, right), dtype=np.float64)
