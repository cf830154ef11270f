"""The networks of timm (PyTorch Image Models), by name."""

from __future__ import annotations

from typing import Any

from torch import nn

from policysearch.core.errors import UserError, unknown_name


def make_timm(name: str, shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Make the untrained network `timm:NAME`; nothing is downloaded.

    Args:
        name: with its prefix.
        shape: channels, height, width of an image.
        classes: number of logits per image.

    Raises:
        UserError: timm is not installed, or has no network of that name (the message suggests the nearest).
        ValueError: the patches of a vision transformer do not tile the images.
    """
    try:
        import timm
    except ImportError:
        raise UserError(
            f"model {name!r} needs timm, which is not installed: pip install 'policysearch[timm]'"
        ) from None
    model = name.partition(":")[2]
    if not timm.is_model(model):
        raise unknown_name("timm model", model, timm.list_models())
    published = timm.get_pretrained_cfg(model)
    sized: dict[str, Any] = {"img_size": shape[1:]} if published is not None and published.fixed_input_size else {}
    network: nn.Module = timm.create_model(model, pretrained=False, num_classes=classes, in_chans=shape[0], **sized)
    _must_tile(network, shape[1:])
    return network


def _must_tile(network: nn.Module, size: tuple[int, ...]) -> None:
    """Refuse images that patches do not tile, of which timm's transformers ignore the rest: 12 of 28 pixels at 16."""
    patch = getattr(getattr(network, "patch_embed", None), "patch_size", None) or 1
    sides = patch if isinstance(patch, tuple) else (patch, patch)
    if any(whole % part for whole, part in zip(size, sides, strict=True)):
        raise ValueError(f"its patches of {'×'.join(map(str, sides))} pixels do not tile {'×'.join(map(str, size))}")
