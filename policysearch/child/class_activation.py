"""Where in an image a network sees its class: class activation maps, for SnapMix."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from policysearch.child.evaluation_mode import evaluating


@torch.no_grad()
def activation_maps(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Class activation maps (Zhou et al. 2016, equation 2), cut at 0, of each image's own class.

    The map of class c is the last feature map before the network's last linear layer, its channels weighted by
    that layer's weights of c. Where these do not fit each other (the layer takes something else than the channels'
    means), the channels count alike. The network runs in evaluation mode and gets its mode back, so that batch norm
    does not move.

    Args:
        network: [B, C, H, W] float32 -> logits [B, classes].
        images: [B, C, H, W] float32, normalised as in training.
        labels: [B] int64.

    Returns:
        [B, h, w] float32, 0 or more, of the size of the feature map (1×1 if the network has none). A map is 0
        everywhere where the class is seen nowhere.

    Example:
        >>> from policysearch.child.networks import build
        >>> network = build("small-resnet", (1, 28, 28), 10)
        >>> activation_maps(network, torch.zeros(2, 1, 28, 28), torch.tensor([3, 7])).shape
        torch.Size([2, 4, 4])
    """
    features, heads = _features_and_heads(network, images)
    if not features or not len(images):
        return torch.ones(len(images), 1, 1, device=images.device)
    last = features[-1].float()
    head = heads[-1] if heads else None
    if head is not None and head.weight.shape[1] == last.shape[1]:
        last = last * head.weight.detach().float()[labels][:, :, None, None]
    return last.sum(1).clamp_(min=0)


def _features_and_heads(network: nn.Module, images: Tensor) -> tuple[list[Tensor], list[nn.Linear]]:
    """Every output with places of more than one pixel, and every linear layer, in the order of a forward pass."""
    features: list[Tensor] = []
    heads: list[nn.Linear] = []

    def watch(module: nn.Module, inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and output.dim() == 4 and min(output.shape[2:]) > 1:
            features.append(output)
        elif isinstance(module, nn.Linear):
            heads.append(module)

    handles = [module.register_forward_hook(watch) for module in network.modules()]
    try:
        with evaluating(network):
            network(images)
    finally:
        for handle in handles:
            handle.remove()
    return features, heads
