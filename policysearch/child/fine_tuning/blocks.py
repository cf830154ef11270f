"""The blocks of a network in the order in which images go through them, for rates and layers that stay as they are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn

from policysearch.child.evaluation_mode import evaluating
from policysearch.child.networks.last_layer import last_layer
from policysearch.child.recipe import Recipe
from policysearch.core.errors import UserError

Blocks = tuple[tuple[str, ...], ...]
"""Names of modules by block, from the stem to the classifier, which is a block by itself."""
_ATTRIBUTE = "policysearch_blocks"
_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def blocks_in_order(network: nn.Module, images: Tensor) -> Blocks:
    """Cut a network into blocks.

    A block is a child of the network, or of a sequence in it: a convolution, a residual block, a layer of a
    transformer. What has no kernel or matrix of its own, such as a norm, counts with the block before it.

    Args:
        network: on the device of the images; it is left as it was.
        images: [B, C, H, W] float32.

    Returns:
        The blocks in the order of a forward pass, the last of which is the layer that gives the answers.

    Raises:
        UserError: no linear layer or convolution gives the answers.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 2))
        >>> blocks_in_order(network, torch.zeros(2, 1, 8, 8))
        (('0', '1'), ('3',))
    """
    classifier = last_layer(network, images, nn.Linear, nn.Conv2d)
    if classifier is None:
        raise UserError(
            "it does not end with a linear layer or a convolution (torch.nn.Linear, torch.nn.Conv2d) that gives its "
            "answers, so its classifier cannot be told from what --weights are for"
        )
    blocks: list[tuple[str, ...]] = []
    for name in _in_order(network, images, list(_units(network))):
        sizes = [weight.dim() for key, weight in network.named_parameters() if _lies_in(key, name, classifier)]
        if not sizes:
            continue
        if max(sizes) > 1 or not blocks:
            blocks.append((name,))
        else:
            blocks[-1] = (*blocks[-1], name)
    return (*blocks, (classifier,))


def _lies_in(parameter: str, unit: str, classifier: str) -> bool:
    return parameter.startswith(f"{unit}.") and not parameter.startswith(f"{classifier}.")


def _units(module: nn.Module, prefix: str = "") -> Iterator[str]:
    """Names of the modules that are blocks, or parts of one."""
    for name, child in module.named_children():
        if not any(True for _ in child.parameters()):
            continue
        if _is_container(child):
            yield from _units(child, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _is_container(module: nn.Module) -> bool:
    """Whether it only strings blocks together, as an encoder does with its layers."""
    return type(module) in _CONTAINERS or any(_is_stack(child) for child in module.children())


def _is_stack(module: nn.Module) -> bool:
    """Whether it is a sequence of two or more blocks of one kind, with two kernels or matrices each or more."""
    children = list(module.children())
    kinds = {type(child) for child in children}
    return type(module) in _CONTAINERS and len(children) > 1 and len(kinds) == 1 and min(map(_kernels, children)) > 1


def _kernels(module: nn.Module) -> int:
    return sum(weight.dim() > 1 for weight in module.parameters())


def _in_order(network: nn.Module, images: Tensor, units: list[str]) -> list[str]:
    """The units in the order of a forward pass; those that it does not call come first."""
    calls: list[str] = []

    def see(name: str, module: nn.Module, inputs: object) -> None:
        calls.append(name)

    handles = [network.get_submodule(name).register_forward_pre_hook(partial(see, name)) for name in units]
    try:
        with torch.no_grad(), evaluating(network):
            network(images)
    finally:
        for handle in handles:
            handle.remove()
    order = list(dict.fromkeys(calls))
    return [*(name for name in units if name not in order), *order]


def with_blocks(network: nn.Module, blocks: Blocks) -> nn.Module:
    """The network, which knows its blocks from now on; its copies do too."""
    setattr(network, _ATTRIBUTE, blocks)
    return network


def blocks_of(network: nn.Module) -> Blocks:
    """What `with_blocks` gave the network; empty where it did not."""
    blocks: Blocks = getattr(network, _ATTRIBUTE, ())
    return blocks


def rate_shares(network: nn.Module, recipe: Recipe) -> tuple[float, ...] | None:
    """The share of the rate that each weight has: the classifier all of it, each block before it `layer_decay` of that.

    Args:
        network: that knows its blocks.
        recipe: whose decay is taken.

    Returns:
        Shares in (0, 1] in the order of `parameters()`; None where all weights have the whole rate.

    Example:
        >>> network = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
        >>> rate_shares(with_blocks(network, (("0",), ("1",))), Recipe(layer_decay=0.5))
        (0.5, 1.0)
    """
    blocks = blocks_of(network)
    if recipe.layer_decay == 1 or not blocks:
        return None
    last = len(blocks) - 1
    return tuple(recipe.layer_decay ** (last - _place(name, blocks)) for name, _ in network.named_parameters())


def _place(parameter: str, blocks: Blocks) -> int:
    """The block of a weight: that of the innermost module of a block that it lies in; the first if it lies in none."""
    places = {name: place for place, block in enumerate(blocks) for name in block}
    names = [name for name in places if parameter.startswith(f"{name}.")]
    return places[max(names, key=len)] if names else 0


def frozen_modules(network: nn.Module, recipe: Recipe) -> tuple[nn.Module, ...]:
    """Stop the gradients of the blocks that the recipe freezes.

    Args:
        network: that knows its blocks; weights that lie in no block, as position embeddings do, belong to the first.
        recipe: whose `frozen` first blocks stay as they are.

    Returns:
        The modules of these blocks; kept in evaluation mode, their norms stay as they are too.
    """
    blocks = blocks_of(network)
    if not recipe.frozen or not blocks:
        return ()
    for name, weight in network.named_parameters():
        if _place(name, blocks) < recipe.frozen:
            weight.requires_grad_(False)
    classifier = network.get_submodule(blocks[-1][0])
    names = [name for block in blocks[: recipe.frozen] for name in block]
    modules = [module for name in names for module in network.get_submodule(name).modules()]
    return tuple(module for module in modules if module is not classifier)
