"""A network tried before anything is spent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from policysearch.child.network_names import task_of_network
from policysearch.child.network_registry import USER_DEFINED, network_row
from policysearch.child.networks.factory import CannotBeMade, build, in_short
from policysearch.child.networks.first_step import first_step
from policysearch.core.errors import UserError

_SIZES = (32, 64, 96, 128, 224)
_SAME_START = "so replicates share their first weights and vary less than trainings from random weights do"


@dataclass(frozen=True)
class _Model:
    """A network by name, for images [C, H, W] and so many classes."""

    name: str
    shape: tuple[int, int, int]
    classes: int

    def build(self) -> nn.Module:
        return build(self.name, self.shape, self.classes)


def dry_forward(name: str, shape: tuple[int, int, int], classes: int, smallest_batch: int = 2) -> tuple[str, ...]:
    """Build the network and run two black images through it, in evaluation and in training, and one step back.

    Torch's global generator is left as it was.

    Args:
        name: as for `build`.
        shape: channels, height, width of an image.
        classes: number of logits per image.
        smallest_batch: images of the smallest batch that trainings will have; 1 is tried too.

    Returns:
        What a person should know of the network, a sentence each: that it needs the plain memory format, or starts
        from the same weights at every seed.

    Raises:
        UserError: as `build`, or the network does not map float32 [2, C, H, W] to floating-point [2, classes] that
            can be trained; the message names the next size of images that works, if there is one.

    Example:
        >>> dry_forward("small-resnet", (1, 28, 28), 10)
        ()
    """
    model = _Model(name, shape, classes)
    with torch.random.fork_rng(devices=[]):
        fault, memory_format = _first_step(model)
        if fault:
            raise UserError(fault + _fitting_size(model))
        if smallest_batch == 1:
            _must_take_one_image(model, memory_format)
        return (*_format_notes(model, memory_format), *_seed_notes(model))


def _first_step(model: _Model) -> tuple[str, torch.memory_format]:
    """What is wrong (empty if nothing is), and the memory format that works."""
    memory_format = torch.channels_last
    try:
        memory_format, unfit = first_step(model.build, model.shape, model.classes)
    except CannotBeMade as error:
        return str(error), memory_format
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # a network of libraries or users may raise anything
        return f"model {model.name!r} cannot take images {model.shape}: {in_short(error)}", memory_format
    fault = unfit and f"model {model.name!r} gives {unfit} and not float [2, {model.classes}]"
    other = task_of_network(model.name)
    if unfit and other:
        fault += f": it {other}"
    return fault, memory_format


def _fitting_size(model: _Model) -> str:
    """The advice to use images of another size, if one helps."""
    _, height, width = model.shape
    larger = [side for side in _SIZES if side >= max(height, width)]
    sides = larger if height == width else [max(height, width), min(height, width), *larger]
    takes = partial(_takes, model)
    for side in sides:
        if (side, side) == (height, width) or not takes(side, side):
            continue
        if height != width and not takes(side, 2 * side):
            return f"; it takes square images only: give one number, such as --resize {side}"
        return f"; it takes {side}×{side} pixels: give --resize {side}"
    return ""


def _takes(model: _Model, height: int, width: int) -> bool:
    fault, _ = _first_step(_Model(model.name, (model.shape[0], height, width), model.classes))
    return not fault


def _must_take_one_image(model: _Model, memory_format: torch.memory_format) -> None:
    """Batch normalisation over a single value has no variance, and torch refuses it."""
    network = model.build().to(memory_format=memory_format).train()
    try:
        network(torch.zeros(1, *model.shape).contiguous(memory_format=memory_format))
    except (Exception, SystemExit) as error:  # a network of libraries or users may raise anything
        raise UserError(
            f"model {model.name!r} cannot train on a single image, and an odd number of images in batches of 2 leaves "
            f"one ({in_short(error)}): give --batch 3 or more"
        ) from None


def _format_notes(model: _Model, memory_format: torch.memory_format) -> list[str]:
    if memory_format == torch.channels_last:
        return []
    return [
        f"model {model.name!r} fails on images in channels-last order, so it is trained in the plain order, which may "
        "be slower; where it has .view, .flatten(1) or .reshape works in both"
    ]


def _seed_notes(model: _Model) -> list[str]:
    """What is odd about the first weights of a network of the user's own, or nothing.

    Raises:
        UserError: the factory gives the same weights, not only equal ones, to two networks.
    """
    if network_row(model.name) is not USER_DEFINED:
        return []
    first, state = _seeded(model, 0)
    second, other_state = _seeded(model, 1)
    if {id(weights) for weights in first.parameters()} & {id(weights) for weights in second.parameters()}:
        raise UserError(
            f"model {model.name!r} gives the same network again: its factory must make a new one at each call"
        )
    if torch.equal(state, other_state):
        return [f"model {model.name!r} seeds torch itself, {_SAME_START}: take the seed out of its factory"]
    if _equal_weights(first, second):
        return [f"model {model.name!r} starts from the same weights at every seed, {_SAME_START}"]
    return []


def _seeded(model: _Model, seed: int) -> tuple[nn.Module, Tensor]:
    """A network made under this seed, and the state in which its factory leaves torch's global generator."""
    torch.default_generator.manual_seed(seed)
    return model.build(), torch.get_rng_state()


def _equal_weights(first: nn.Module, second: nn.Module) -> bool:
    weights, others = list(first.parameters()), list(second.parameters())
    return len(weights) == len(others) and all(map(torch.equal, weights, others))
