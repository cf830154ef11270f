"""A network tried before anything is spent."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from policysearch.child.networks.factory import CannotBeMade, build, in_short
from policysearch.child.networks.registry import OWN, network_row
from policysearch.core.errors import UserError

_SIZES = (32, 64, 96, 128, 224)


def dry_forward(name: str, shape: tuple[int, int, int], classes: int) -> None:
    """Build the network and run two black images through it, judging and training, and one step back.

    Torch's global generator is left as it was.

    Args:
        name: as for `build`.
        shape: channels, height, width of an image.
        classes: logits that it is to give.

    Raises:
        UserError: as `build`, or the network does not map float32 [2, C, H, W] to floating-point [2, classes] that
            can be trained; told with the next size of images that it takes, if there is one.
    """
    with torch.random.fork_rng(devices=[]):
        wrong = _wrong(name, shape, classes)
        if wrong:
            raise UserError(wrong + _larger(name, shape, classes))


def _wrong(name: str, shape: tuple[int, int, int], classes: int) -> str | None:
    """What is the matter, or None."""
    try:
        network = build(name, shape, classes)
        if network_row(name) is OWN and network is build(name, shape, classes):
            return f"model {name!r} gives the same network again: its factory must make a new one at each call"
        unfit = _unfit(network, shape, classes)
    except CannotBeMade as error:
        return str(error)
    except UserError:
        raise
    except Exception as error:  # a network of libraries or users may raise anything
        return f"model {name!r} cannot take images {shape}: {in_short(error)}"
    return unfit and f"model {name!r} gives {unfit} and not float [2, {classes}]"


def _unfit(network: nn.Module, shape: tuple[int, int, int], classes: int) -> str | None:
    """What it gives instead of logits, or None; in the memory format of a training."""
    network = network.to(memory_format=torch.channels_last)
    images = torch.zeros(2, *shape).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        judged = network.eval()(images)
    trained = network.train()(images)
    for out, when in ((judged, "in evaluation"), (trained, "in training")):
        if not isinstance(out, Tensor):
            return f"{type(out).__name__} for two images {when}"
        if not out.is_floating_point() or tuple(out.shape) != (2, classes):
            return f"{str(out.dtype).removeprefix('torch.')} {[*out.shape]} for two images of {classes} classes {when}"
    nn.functional.cross_entropy(trained.float(), torch.zeros(2, dtype=torch.long)).backward()
    return None


def _larger(name: str, shape: tuple[int, int, int], classes: int) -> str:
    """The advice to use larger images, if a size helps."""
    for side in _SIZES:
        square = (shape[0], side, side)
        if side >= max(shape[1:]) and square != shape and _wrong(name, square, classes) is None:
            return f"; it takes {side}×{side} pixels: give --resize {side}"
    return ""
