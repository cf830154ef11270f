"""A network with many answers per image, such as one per pixel or step, tried before anything is spent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from policysearch.child.networks.factory import build, in_short
from policysearch.core.errors import UserError

_IMAGES = 2
Shape = tuple[int, int, int]
"""Channels, height and width of an image."""


@dataclass(frozen=True)
class DenseAnswer:
    """What a network is to give.

    Attributes:
        inputs: what its images are called, for messages.
        class_axis: of its answer, over which the classes lie.
        unfit: what is wrong with an answer to so many images, in a few words; empty where nothing is.
        need: what so many images need, as the clause that ends a message.
    """

    inputs: str
    class_axis: int
    unfit: Callable[[object, int], str]
    need: Callable[[int], str]


def try_dense(name: str, shape: Shape, classes: int, smallest_batch: int, answer: DenseAnswer) -> None:
    """Build the network and run two black images through it, in evaluation and in training, and one step back.

    Torch's global generator is left as it was.

    Args:
        name: as for `build`.
        shape: channels, height, width of an image.
        classes: of each answer.
        smallest_batch: images of the smallest batch that trainings will have; 1 is tried too.
        answer: what it is to give.

    Raises:
        UserError: as `build`, or the network's answer does not fit, or cannot be trained.
    """
    with torch.random.fork_rng(devices=[]):
        network = build(name, shape, classes)
        for images in {_IMAGES, min(smallest_batch, _IMAGES)}:
            _try(name, network, images, shape, answer)


def channels_last(factory: Callable[[], nn.Module], shape: Shape, classes: int) -> torch.memory_format:
    """The memory format of these networks' batches: channels last, in which convolutions are faster.

    Args:
        factory, shape, classes: unused; a network that fails in this format is refused before.
    """
    return torch.channels_last


def _try(name: str, network: nn.Module, images: int, shape: Shape, answer: DenseAnswer) -> None:
    black = torch.zeros(images, *shape).contiguous(memory_format=torch.channels_last)
    network = network.to(memory_format=torch.channels_last)
    try:
        with torch.no_grad():
            judged = network.eval()(black)
        trained = network.train()(black)
        unfit = answer.unfit(judged, images) or answer.unfit(trained, images)
        if not unfit:
            trained.float().logsumexp(answer.class_axis).mean().backward()
    except (Exception, SystemExit) as error:  # a network of libraries or users may raise anything
        few = "; give --batch 3 or more" if images == 1 else ""
        raise UserError(f"model {name!r} cannot take {answer.inputs} {shape}: {in_short(error)}{few}") from None
    if unfit:
        raise UserError(f"model {name!r} gives {unfit} for {images} {answer.inputs}; {answer.need(images)}")
