"""From a name to an untrained network."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from policysearch.child.evaluation_mode import evaluating
from policysearch.child.network_registry import network_row
from policysearch.core.errors import UserError, in_one_line


class CannotBeMade(UserError):
    """The code that makes the network raised an error; images of another size may help."""


def build(name: str, shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Build the untrained network called `name`; its first weights come from torch's global generator.

    Layers that learn their sizes from the first batch, such as `nn.LazyLinear`, see one black image.

    Args:
        name: a built-in name, torchvision:NAME, timm:NAME, MODULE:FACTORY or PATH.py:FACTORY.
        shape: channels, height, width of an image.
        classes: number of logits per image.

    Raises:
        UserError: the name is unknown (the message suggests the nearest), a library is not installed, or the factory
            returns something other than a network.
        CannotBeMade: the code that makes the network raised an error.

    Example:
        >>> network = build("small-resnet", (1, 28, 28), 10)
        >>> network(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """
    row = network_row(name)
    try:
        network = row.make(name, shape, classes)
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # code of libraries and users, which may raise anything
        raise CannotBeMade(f"model {name!r} cannot be made for images {shape}: {in_short(error)}") from None
    if not isinstance(network, nn.Module):
        raise UserError(f"model {name!r} gives {type(network).__name__} and not a torch.nn.Module")
    if _has_lazy_layers(network):
        _size_lazy_layers(name, network, shape)
    return network


def _has_lazy_layers(network: nn.Module) -> bool:
    return any(is_lazy(tensor) for tensor in [*network.parameters(), *network.buffers()])


def _size_lazy_layers(name: str, network: nn.Module, shape: tuple[int, int, int]) -> None:
    try:
        with torch.no_grad(), evaluating(network):
            network(torch.zeros(1, *shape))
    except (Exception, SystemExit) as error:  # code of users, which may raise anything
        raise CannotBeMade(f"model {name!r} cannot take images {shape}: {in_short(error)}") from None
    if _has_lazy_layers(network):
        raise UserError(
            f"model {name!r} has lazy layers that a forward pass in evaluation mode does not reach: "
            "give these layers their sizes"
        )


def in_short(error: BaseException) -> str:
    """The error on one line, cut where it goes on for long."""
    return in_one_line(error)[:200].rstrip(".!: ")
