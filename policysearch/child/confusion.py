"""Which classes a network takes for which, counted on validation."""

from __future__ import annotations

import torch

from policysearch.child.device_data import DeviceData
from policysearch.child.test_set import Logits

Mistakes = dict[int, dict[int, int]]
"""By the true class and the predicted one, how many images; without the diagonal."""


@torch.no_grad()
def mistakes(answers: Logits, data: DeviceData, batch: int) -> Mistakes:
    """Count the wrong predictions on the validation side.

    Args:
        answers: of a network, in evaluation mode.
        data: images and labels.
        batch: images judged at a time.
    """
    counts = torch.zeros(data.classes, data.classes, dtype=torch.int64, device=data.images.device)
    for rows in data.validation.split(batch):
        predicted = answers(data.normalise(data.images[rows])).argmax(1)
        counts.index_put_((data.labels[rows], predicted), torch.ones_like(predicted), accumulate=True)
    counts.fill_diagonal_(0)
    out: Mistakes = {}
    for true, other in counts.nonzero().tolist():
        out.setdefault(true, {})[other] = int(counts[true, other])
    return out
