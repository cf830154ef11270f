"""A network of the registry as the backbone of another: all of it but the classifier."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from policysearch.child.evaluation_mode import evaluating
from policysearch.child.networks.last_layer import last_layer
from policysearch.core.errors import UserError, in_one_line

_FEWEST = 2
"""Features without which there is no direction to compare."""


def without_classifier(network: nn.Module, shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
    """Take the last linear layer out of a network, so that it gives what went into that layer.

    The layer is the linear one that is called last, if its outputs are the network's.

    Args:
        network: as `networks.build` makes it, on the CPU; it is changed in place.
        shape: channels, height, width of an image.

    Returns:
        The network, from images [B, C, H, W] float32 to features [B, D] float, and D.

    Raises:
        UserError: it does not end with a linear layer, or what goes into that layer is no row of 2 or more features per
            image.

    Example:
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(64, 6), nn.ReLU(), nn.Linear(6, 3))
        >>> features, width = without_classifier(network, (1, 8, 8))
        >>> features(torch.zeros(5, 1, 8, 8)).shape, width
        (torch.Size([5, 6]), 6)
    """
    images = torch.zeros(2, *shape)
    name = _classifier(network, images)
    parent, _, attribute = name.rpartition(".")
    setattr(network.get_submodule(parent), attribute, nn.Identity())

    try:
        with torch.no_grad(), evaluating(network):
            features = network(images)
    except (Exception, SystemExit) as error:  # a network of libraries or users may raise anything
        raise UserError(f"this network cannot do without its last layer {name!r}: {in_one_line(error)[:200]}") from None
    if not isinstance(features, Tensor) or features.dim() != 2 or features.shape[1] < _FEWEST:
        size = [*features.shape] if isinstance(features, Tensor) else type(features).__name__
        raise UserError(
            f"before its last layer {name!r} this network gives {size} for two images, and a self-supervised child "
            f"needs rows of {_FEWEST} or more features: take another --model"
        )
    return network, features.shape[1]


def _classifier(network: nn.Module, images: Tensor) -> str:
    """The name of the linear layer whose outputs are the network's.

    Raises:
        UserError: there is none.
    """
    name = last_layer(network, images, nn.Linear)
    if name is None:
        raise UserError(
            "this network does not end with a linear layer (torch.nn.Linear), without which its features could be "
            "told from its answers: take another --model for a self-supervised child"
        )
    return name
