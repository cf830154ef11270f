"""A Gaussian process whose function drifts with time (Bogunovic et al. 2016), as Population-Based Bandits uses it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_JITTER = 1e-9
_BOUNDS = ((-3.0, 3.0), (-3.0, 2.0), (-3.0, 3.0), (-6.0, -0.05), (-9.0, 1.0))
_CENTRES = np.array([0.0, -1.2, 0.7, -2.3, -2.3])
_SPREADS = np.array([0.5, 0.7, 0.7, 1.0, 1.5])
"""Of the logarithms of variance, length, length_before, drift and noise, before anything is seen: a dozen evaluations
alone would often be explained best by a function that is constant, or all noise."""
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
class Distances:
    """How far points lie from others.

    Attributes:
        numbers: [n, m] mean squares over the parameters.
        before: [n, m] squares.
        times: [n, m] intervals.
    """

    numbers: Floats
    before: Floats
    times: Floats

    @classmethod
    def between(cls, a: Points, b: Points) -> Distances:
        """From each point of `a` to each of `b`."""
        dimensions = max(a.numbers.shape[1], 1)
        squares = (a.numbers**2).sum(1)[:, None] + (b.numbers**2).sum(1)[None, :] - 2 * a.numbers @ b.numbers.T
        return cls(
            np.maximum(squares, 0.0) / dimensions,
            (a.before[:, None] - b.before[None, :]) ** 2,
            np.abs(a.times[:, None] - b.times[None, :]),
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
        return self.over(Distances.between(a, b))

    def over(self, distances: Distances) -> Floats:
        """[n, m] covariances of the function by distances, without noise."""
        apart = distances.numbers / self.length**2 + distances.before / self.length_before**2
        exponent = np.log1p(-self.drift) * distances.times - apart
        covariance: Floats = self.variance * np.exp(exponent / 2)
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

    @cached_property
    def _whitening(self) -> Floats:
        """[n, n] the inverse of the root of the evaluations' covariances."""
        return _inverse(_root(self.kernel, Distances.between(self.points, self.points)))

    @cached_property
    def _explained(self) -> Floats:
        """[n] the evaluations, whitened."""
        return self._whitening @ self.values

    @cached_property
    def _with_pending(self) -> tuple[Points, Floats]:
        """All points whose evaluation lowers the variance, and the inverse of the root of their covariances."""
        if self.pending is None or not len(self.pending):
            return self.points, self._whitening
        every = self.points.joined(self.pending)
        return every, _inverse(_root(self.kernel, Distances.between(every, every)))

    def at(self, where: Points) -> tuple[Floats, Floats]:
        """[m] means and [m] variances of the function."""
        means = (self._whitening @ self.kernel.between(self.points, where)).T @ self._explained
        points, whitening = self._with_pending
        across = whitening @ self.kernel.between(points, where)
        return means, np.maximum(self.kernel.variance - (across**2).sum(0), 0.0)


def fitted(points: Points, values: Floats) -> Kernel:
    """The kernel that is most probable after the evaluations, found from one start within bounds.

    Each number has a log-normal prior, which matters little from some dozens of evaluations on.

    Args:
        points: [n] where the function was evaluated, n 2 or more.
        values: [n] standardised.
    """
    from scipy.optimize import minimize  # late: no other strategy needs it

    distances = Distances.between(points, points)
    result = minimize(
        lambda logs: _penalty(logs) - _log_likelihood(_kernel(logs), distances, values),
        _CENTRES,
        method="L-BFGS-B",
        bounds=_BOUNDS,
        options={"maxiter": _ITERATIONS},
    )
    return _kernel(result.x)


def _penalty(logs: Floats) -> float:
    return float((((logs - _CENTRES) / _SPREADS) ** 2).sum() / 2)


def log_likelihood(kernel: Kernel, points: Points, values: Floats) -> float:
    """The log marginal likelihood of evaluations (Rasmussen & Williams 2006, equation 2.30)."""
    return _log_likelihood(kernel, Distances.between(points, points), values)


def _log_likelihood(kernel: Kernel, distances: Distances, values: Floats) -> float:
    root = _root(kernel, distances)
    explained = np.linalg.solve(root, values)
    return float(-explained @ explained / 2 - np.log(np.diag(root)).sum() - len(values) * np.log(2 * np.pi) / 2)


def _kernel(logs: Floats) -> Kernel:
    variance, length, length_before, drift, noise = np.exp(logs)
    return Kernel(float(variance), float(length), float(length_before), float(drift), float(noise))


def _root(kernel: Kernel, distances: Distances) -> Floats:
    """The lower Cholesky root of the covariances of evaluations."""
    covariance = kernel.over(distances)
    covariance += (kernel.noise + _JITTER * kernel.variance) * np.eye(len(covariance))
    return np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)


def _inverse(root: Floats) -> Floats:
    return np.asarray(np.linalg.inv(root), dtype=np.float64)
