"""The classifier by nearest neighbours on frozen features."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

NEIGHBOURS = 20
TEMPERATURE = 0.07
_AT_ONCE = 1000  # rows that are compared with all


def neighbour_votes(
    features: Tensor,
    labels: Tensor,
    queries: Tensor,
    classes: int,
    *,
    neighbours: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
) -> Tensor:
    """The votes of the nearest features by cosine s, each with weight exp(s / temperature).

    Wu et al. 2018, section 3.4. Twenty neighbours and a temperature of 0.07 are those of Caron et al. 2021.

    Args:
        features: [N, D] float, of images with labels.
        labels: [N] int64 in 0..classes-1.
        queries: [M, D] float.
        classes: how many.
        neighbours: how many vote; all where there are fewer.
        temperature: above 0.

    Returns:
        [M, classes] float64, the share of the votes; rows sum to 1.

    Example:
        >>> features = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
        >>> votes = neighbour_votes(features, torch.tensor([0, 0, 1]), torch.tensor([[2.0, 0.0]]), 2, neighbours=3)
        >>> votes.argmax().item()
        0
    """
    rows = F.normalize(features.double(), dim=1)
    voted = F.one_hot(labels, classes).double()
    count = min(neighbours, len(rows))
    shares = []
    for part in queries.split(_AT_ONCE):
        similarity, nearest = (F.normalize(part.double(), dim=1) @ rows.T).topk(count)
        votes = (similarity / temperature).softmax(1)
        shares.append((votes[:, :, None] * voted[nearest]).sum(1))
    return torch.cat(shares)
