"""Averages of a network's weights over the end of its training."""

from __future__ import annotations

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

_Tensors = tuple[Tensor, ...] | list[Tensor]


def averaged(network: nn.Module, share: float) -> AveragedModel:
    """A copy of the network that `update_parameters` moves towards it by 1/max(1, share·steps).

    Its weights are about the mean over the last `share` of the steps done, however many these are, and so are its
    running statistics; it can be judged after any step. Shamir & Zhang 2013, section 4, with weights of the same order.

    Args:
        network: on its device.
        share: in (0, 1]; 1 is the mean over all steps.
    """

    def move(means: _Tensors, current: _Tensors, steps: Tensor | int) -> None:
        weight = 1 / max(1.0, share * float(steps + 1))
        for mean, value in zip(means, current, strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, weight)
            else:
                mean.copy_(value)

    return AveragedModel(network, multi_avg_fn=move, use_buffers=True)
