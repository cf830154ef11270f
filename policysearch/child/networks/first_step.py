"""A network's first step on black images: whether it works, and in which memory format."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

_FORMATS = (torch.channels_last, torch.contiguous_format)
"""The memory formats of a training, the preferred one first: convolutions are faster in it."""


def memory_format_of(
    factory: Callable[[], nn.Module], shape: tuple[int, int, int], classes: int
) -> torch.memory_format:
    """The memory format in which a network is trained: channels last, or the plain one where only that works.

    `.view` after a convolution, as in many tutorials, fails on channels-last batches. Torch's global generator is left
    as it was.

    Args:
        factory: makes the untrained network.
        shape: channels, height, width of an image.
        classes: number of logits per image.
    """
    with torch.random.fork_rng(devices=[]):
        try:
            return first_step(factory, shape, classes)[0]
        except (Exception, SystemExit):  # the training itself will say what is wrong
            return _FORMATS[0]


def first_step(
    factory: Callable[[], nn.Module], shape: tuple[int, int, int], classes: int
) -> tuple[torch.memory_format, str]:
    """Run two black images through a network, in evaluation and in training, and one step back.

    Args:
        factory: makes the untrained network.
        shape: channels, height, width of an image.
        classes: number of logits per image.

    Returns:
        The first memory format in which the network raises nothing, and what it gives there instead of floating-point
        logits [2, classes]; empty where it gives these.

    Raises:
        Exception, SystemExit: what the network raises in the preferred format, where it fails in all of them.
    """
    try:
        return _FORMATS[0], _unfit(factory(), shape, classes, _FORMATS[0])
    except (Exception, SystemExit) as error:  # a network of libraries or users may raise anything
        for other in _FORMATS[1:]:
            try:
                return other, _unfit(factory(), shape, classes, other)
            except (Exception, SystemExit):
                continue
        raise error from None


def _unfit(network: nn.Module, shape: tuple[int, int, int], classes: int, memory_format: torch.memory_format) -> str:
    network = network.to(memory_format=memory_format)
    images = torch.zeros(2, *shape).contiguous(memory_format=memory_format)
    with torch.no_grad():
        judged = network.eval()(images)
    trained = network.train()(images)
    for out, when in ((judged, "in evaluation"), (trained, "in training")):
        if not isinstance(out, Tensor):
            return f"{type(out).__name__} for two images {when}"
        if not out.is_floating_point() or tuple(out.shape) != (2, classes):
            return f"{str(out.dtype).removeprefix('torch.')} {[*out.shape]} for two images of {classes} classes {when}"
    nn.functional.cross_entropy(trained.float(), torch.zeros(2, dtype=torch.long)).backward()
    return ""
