"""Whether a Siamese network has collapsed: whether it gives (nearly) the same for every image."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor

from policysearch.child.feature_rank import effective_rank

_LEAST_DEVIATION = 0.1
"""Of 1, that of directions without preference; trainings that work stay near 1 (Chen & He 2021, figure 2)."""
_LEAST_RANK = 1.2
"""Directions; projections that differ in one alone have 1, whatever their deviation."""
_ROUNDING = 0.01
"""Of the deviation that batch norm gives outputs: what is below is rounding, to which no length is given."""


def deviation(outputs: Tensor) -> float:
    """√d times the mean, over the d outputs, of the standard deviation of the rows brought to length 1.

    Chen & He 2021, section 4.1, where it is compared with 1/√d: 0 where all rows point one way, and 1 where they have
    no preferred direction.

    Args:
        outputs: [N, d] float of a batch norm, N of 2 or more; rows near 0 stay there.

    Returns:
        A number in [0, 1], up to N / (N - 1); nan where an output is not finite.

    Example:
        >>> import torch
        >>> deviation(torch.ones(6, 4)), round(deviation(torch.cat([torch.eye(4), -torch.eye(4)])), 2)
        (0.0, 1.07)
    """
    rows = _directions(outputs)
    spread = float(rows.std(0).mean() * math.sqrt(rows.shape[1]))
    return round(spread, 9) + 0.0


def collapse(outputs: Tensor, spread: float) -> str:
    """Why these are the outputs of a network that has collapsed; empty where it has not.

    Args:
        outputs: [N, d] float.
        spread: their `deviation`.
    """
    if spread < _LEAST_DEVIATION:
        return (
            f"the deviation of its normalised outputs is {spread:.3f} times that of outputs without preference "
            f"(at least {_LEAST_DEVIATION} is needed)"
        )
    rank = effective_rank(_directions(outputs))
    if rank < _LEAST_RANK:
        return f"all its outputs lie on one line (effective rank {rank:.2f}; at least {_LEAST_RANK} is needed)"
    return ""


def _directions(outputs: Tensor) -> Tensor:
    """The rows [N, d] float64 brought to length 1."""
    return F.normalize(outputs.double(), dim=1, eps=_ROUNDING * math.sqrt(outputs.shape[1]))
