"""From a name to an untrained network."""

from __future__ import annotations

from torch import nn

from policysearch.child.networks.registry import network_row
from policysearch.core.errors import UserError


class CannotBeMade(UserError):
    """Whoever makes the network raised an error; images of another size may help."""


def build(name: str, shape: tuple[int, int, int], classes: int) -> nn.Module:
    """The untrained network called `name`; its first weights come from torch's global generator.

    Args:
        name: a built-in name, torchvision:NAME, timm:NAME, MODULE:FACTORY or PATH.py:FACTORY.
        shape: channels, height, width of an image.
        classes: logits that it is to give.

    Raises:
        UserError: unknown name (the nearest are told), a library that is not installed, or something other than a
            network is given.
        CannotBeMade: whoever makes the network raised an error.
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
    return network


def in_short(error: BaseException) -> str:
    """The error on one line, cut where it goes on for long."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200].rstrip(".!: ")
