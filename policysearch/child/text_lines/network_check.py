"""A network that is to read lines, tried before anything is spent."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from policysearch.child.networks.factory import build, in_short
from policysearch.core.errors import UserError

_IMAGES = 2

Shape = tuple[int, int, int]
"""Channels, height and width of an image."""


def line_network_notes(name: str, shape: Shape, classes: int, smallest_batch: int = 2) -> tuple[str, ...]:
    """Build the network and run two black lines through it, in evaluation and in training, and one step back.

    Torch's global generator is left as it was.

    Args:
        name: as for `build`.
        shape: channels, height, width of an image.
        classes: characters and the blank.
        smallest_batch: lines of the smallest batch that trainings will have; 1 is tried too.

    Returns:
        What a person should know of the network: nothing.

    Raises:
        UserError: as `build`, or the network does not map float32 [2, C, H, W] to floating-point [2, T, classes] that
            can be trained.

    Example:
        >>> line_network_notes("line-crnn", (1, 16, 96), 27)
        ()
    """
    with torch.random.fork_rng(devices=[]):
        network = build(name, shape, classes)
        for images in {_IMAGES, min(smallest_batch, _IMAGES)}:
            _try(name, network, images, shape, classes)
    return ()


def line_memory_format(factory: Callable[[], nn.Module], shape: Shape, classes: int) -> torch.memory_format:
    """The memory format of batches of lines: channels last, in which convolutions are faster.

    Args:
        factory, shape, classes: unused; a network that fails in this format is refused before.
    """
    return torch.channels_last


def _try(name: str, network: nn.Module, images: int, shape: Shape, classes: int) -> None:
    lines = torch.zeros(images, *shape).contiguous(memory_format=torch.channels_last)
    network = network.to(memory_format=torch.channels_last)
    try:
        with torch.no_grad():
            judged = network.eval()(lines)
        trained = network.train()(lines)
        unfit = _unfit(judged, images, classes) or _unfit(trained, images, classes)
        if not unfit:
            trained.float().logsumexp(2).mean().backward()
    except (Exception, SystemExit) as error:  # a network of libraries or users may raise anything
        few = "; give --batch 3 or more" if images == 1 else ""
        raise UserError(f"model {name!r} cannot take lines {shape}: {in_short(error)}{few}") from None
    if unfit:
        raise UserError(
            f"model {name!r} gives {unfit} for {images} lines; --task text-lines needs float [{images}, steps, "
            f"{classes}], the blank first: --model line-crnn does it"
        )


def _unfit(out: object, images: int, classes: int) -> str:
    if not isinstance(out, Tensor):
        return type(out).__name__
    fits = out.dim() == 3 and out.shape[0] == images and out.shape[2] == classes and out.shape[1] > 0
    return "" if fits and out.is_floating_point() else f"{str(out.dtype).removeprefix('torch.')} {[*out.shape]}"
