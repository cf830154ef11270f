"""A linear classifier on features that stay as they are: what self-supervised networks are judged by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

DECAY = 1e-3
_STEPS = 200


@dataclass(frozen=True)
class LinearProbe:
    """Features -> logits.

    Attributes:
        weights: [D, classes] float64, on raw features.
        bias: [classes] float64.
    """

    weights: Tensor
    bias: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """[N, D] float -> logits [N, classes] float64."""
        return features.double() @ self.weights + self.bias


def fit_probe(features: Tensor, labels: Tensor, classes: int, decay: float = DECAY) -> LinearProbe:
    """The softmax regression that minimises mean cross-entropy + decay/2 · |W|² on features of mean 0 and deviation 1.

    The bias has no decay. The minimum is the only one, and does not depend on the features' scales; L-BFGS gets to it
    from zero (the papers take a hundred epochs of SGD, whose rate has to be tuned for each network).

    Args:
        features: [N, D] float, of which there is at least one row.
        labels: [N] int64 in 0..classes-1.
        classes: how many.
        decay: above 0.

    Returns:
        The probe, on the features' device.

    Example:
        >>> features = torch.tensor([[-1.0], [-2.0], [1.0], [3.0]])
        >>> probe = fit_probe(features, torch.tensor([0, 0, 1, 1]), 2)
        >>> probe(features).argmax(1).tolist()
        [0, 0, 1, 1]
    """
    mean = features.double().mean(0)
    scale = (features.double() - mean).square().mean(0).sqrt()
    scale = torch.where(scale > 0, scale, 1.0)
    objective = _Objective((features.double() - mean) / scale, labels, classes, decay)
    start = np.zeros((features.shape[1] + 1) * classes)
    solution = minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS, "gtol": 1e-6})

    weights, bias = objective.unpacked(solution.x)
    weights = weights / scale[:, None]
    return LinearProbe(weights, bias - mean @ weights)


@dataclass(frozen=True)
class _Objective:
    """What the fit minimises, of standardised features [N, D] float64."""

    features: Tensor
    labels: Tensor
    classes: int
    decay: float

    def unpacked(self, values: NDArray[np.float64]) -> tuple[Tensor, Tensor]:
        """Weights [D, classes] and bias [classes]."""
        rows = torch.from_numpy(values).to(self.features.device).reshape(-1, self.classes)
        return rows[:-1], rows[-1]

    def __call__(self, values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The objective and its gradient."""
        weights, bias = self.unpacked(values)
        log_p = F.log_softmax(torch.addmm(bias, self.features, weights), 1)
        value = F.nll_loss(log_p, self.labels) + self.decay / 2 * weights.square().sum()

        count = len(self.labels)
        error = log_p.exp()
        error[torch.arange(count, device=error.device), self.labels] -= 1
        error /= count
        gradient = torch.cat([self.features.T @ error + self.decay * weights, error.sum(0, keepdim=True)])
        flat: Any = gradient.flatten().cpu().numpy()
        return float(value), flat
