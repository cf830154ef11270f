"""What exported files say about images that they cannot augment."""

from __future__ import annotations

from typing import Any

CHANNELS = (1, 3)


def described(image: Any) -> str:
    """What was passed as an image: its type, and its mode and size or its dtype and shape."""
    facts = ("dtype", "shape") if hasattr(image, "dtype") else ("mode", "size")
    values = (getattr(image, fact) for fact in facts if hasattr(image, fact))
    return " ".join([type(image).__name__, *(str(list(one) if isinstance(one, tuple) else one) for one in values)])


def has_right_channels(image: Any) -> bool:
    """Whether a tensor [C, H, W] or [B, C, H, W] is grey or RGB."""
    return image.ndim in (3, 4) and image.shape[-3] in CHANNELS


def advice_on_channels(shape: Any) -> str:
    """How a tensor of this shape becomes [C, H, W] or [B, C, H, W] with 1 or 3 channels."""
    if len(shape) not in (3, 4) or shape[-3] in CHANNELS:
        return ""
    if shape[-1] in (*CHANNELS, 4):
        order = "2, 0, 1" if len(shape) == 3 else "0, 3, 1, 2"
        return f": channels come first, permute({order})"
    return ": drop the transparency, image[..., :3, :, :]" if shape[-3] == 4 else ""


def check_mode(image: Any) -> None:
    """Refuse a PIL image that is neither grey nor RGB."""
    if image.mode not in ("L", "RGB"):
        raise TypeError(f"PIL images must be in mode L or RGB, got {image.mode}: use image.convert('RGB')")
