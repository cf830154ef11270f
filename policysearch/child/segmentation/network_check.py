"""A network that is to learn masks, tried before anything is spent."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from policysearch.child.networks.factory import build, in_short
from policysearch.core.errors import UserError

_IMAGES = 2

Shape = tuple[int, int, int]
"""Channels, height and width of an image."""


def mask_network_notes(name: str, shape: Shape, classes: int, smallest_batch: int = 2) -> tuple[str, ...]:
    """Build the network and run two black images through it, in evaluation and in training, and one step back.

    Torch's global generator is left as it was.

    Args:
        name: as for `build`.
        shape: channels, height, width of an image.
        classes: of pixels.
        smallest_batch: images of the smallest batch that trainings will have; 1 is tried too.

    Returns:
        What a person should know of the network: nothing.

    Raises:
        UserError: as `build`, or the network does not map float32 [2, C, H, W] to floating-point [2, classes, H, W]
            that can be trained.

    Example:
        >>> mask_network_notes("small-unet", (1, 32, 32), 4)
        ()
    """
    with torch.random.fork_rng(devices=[]):
        network = build(name, shape, classes)
        for images in {_IMAGES, min(smallest_batch, _IMAGES)}:
            _try(name, network, images, shape, classes)
    return ()


def mask_memory_format(factory: Callable[[], nn.Module], shape: Shape, classes: int) -> torch.memory_format:
    """The memory format of batches of images with masks: channels last, in which convolutions are faster.

    Args:
        factory, shape, classes: unused; a network that fails in this format is refused before.
    """
    return torch.channels_last


def _try(name: str, network: nn.Module, images: int, shape: Shape, classes: int) -> None:
    black = torch.zeros(images, *shape).contiguous(memory_format=torch.channels_last)
    network = network.to(memory_format=torch.channels_last)
    answer = [images, classes, *shape[1:]]
    try:
        with torch.no_grad():
            judged = network.eval()(black)
        trained = network.train()(black)
        unfit = _unfit(judged, answer) or _unfit(trained, answer)
        if not unfit:
            trained.float().logsumexp(1).mean().backward()
    except (Exception, SystemExit) as error:  # a network of libraries or users may raise anything
        few = "; give --batch 3 or more" if images == 1 else ""
        raise UserError(f"model {name!r} cannot take images {shape}: {in_short(error)}{few}") from None
    if unfit:
        raise UserError(
            f"model {name!r} gives {unfit} for {images} images; --task segmentation needs float {answer}, the classes "
            "of every pixel: --model small-unet does it"
        )


def _unfit(out: object, answer: list[int]) -> str:
    if isinstance(out, Mapping) and isinstance(out.get("out"), Tensor):
        return f"{type(out).__name__} (return its ['out'])"
    if not isinstance(out, Tensor):
        return type(out).__name__
    fits = [*out.shape] == answer and out.is_floating_point()
    return "" if fits else f"{str(out.dtype).removeprefix('torch.')} {[*out.shape]}"
