"""Numbers of an image: Huber's loss in units of their own deviation, R² and the mean absolute error."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from policysearch.child.device_data import DeviceData
from policysearch.child.targets.goal import Goal, Scores, targets_of


def number_goal(data: DeviceData) -> Goal:
    """To predict each number, less its mean and over its deviation on the training side.

    So numbers of any unit weigh alike, and one learning rate suits them.
    """
    train = targets_of(data)[data.train].double()
    mean, deviation = train.mean(0), train.std(0, correction=0)
    deviation = torch.where(deviation > 0, deviation, 1.0)

    def scale(targets: Tensor) -> Tensor:
        return ((targets.double() - mean) / deviation).float()

    def scores(outputs: Tensor, targets: Tensor) -> Scores:
        return number_scores(outputs, targets, deviation)

    return Goal(scale, huber, scores)


def huber(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Mean over the batch of w·the mean over numbers of Huber's loss (Huber 1964).

    That is half the squared error up to an error of one deviation, and from there on a straight line: a slope of at
    most 1, as cross-entropy has, so that the learning rates of classes suit numbers too, where squared errors diverge.

    Args:
        outputs: [B, K] float, in deviations.
        targets: [B, K] float, in deviations.
        weights: [B] float, 0 or more.

    Example:
        >>> huber(torch.tensor([[0.5, 3.0]]), torch.zeros(1, 2), torch.ones(1))  # (0.125 + 2.5) / 2
        tensor(1.3125)
    """
    return (weights * F.huber_loss(outputs, targets, reduction="none").mean(1)).mean()


def number_scores(outputs: Tensor, targets: Tensor, deviation: Tensor) -> Scores:
    """Metrics of outputs [N, K] against targets [N, K], both in units of the numbers' deviations.

    Args:
        outputs: of the network.
        targets: scaled as they are.
        deviation: [K] float64, what a unit is.

    Returns:
        accuracy: R², the mean over numbers of 1 - (mean squared error over their variance on these images); 1 is
        perfect, 0 is always giving the mean, and below 0 is worse. Numbers that are the same in all of these images do
        not count; where all are, it is 0. mae: mean absolute error, in the numbers' own units, the mean over numbers.
        loss: mean squared error, in units of the training side's variances.

    Example:
        >>> guess, truth = torch.tensor([[1.0], [1.0], [3.0]]), torch.tensor([[0.0], [1.0], [2.0]])
        >>> scores = number_scores(guess, truth, torch.tensor([10.0]))
        >>> {name: round(value, 3) for name, value in scores.items()}
        {'accuracy': 0.0, 'mae': 6.667, 'loss': 0.667}
    """
    errors, truth = outputs.double() - targets.double(), targets.double()
    squared, variance = errors.square().mean(0), truth.var(0, correction=0)
    varied = variance > 0
    explained = 1 - squared[varied] / variance[varied]
    return {
        "accuracy": float(explained.mean()) if bool(varied.any()) else 0.0,
        "mae": float((errors.abs().mean(0) * deviation).mean()),
        "loss": float(squared.mean()),
    }
