"""A network that is to learn masks, tried before anything is spent."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from policysearch.child.networks.dense_probe import DenseAnswer, Shape, try_dense


def mask_network_notes(name: str, shape: Shape, classes: int, smallest_batch: int = 2) -> tuple[str, ...]:
    """Try a network on two black images, forward and back; arguments as `try_dense`, classes are those of pixels.

    Returns:
        What a person should know of the network: nothing.

    Raises:
        UserError: as `build`, or the network does not map float32 [2, C, H, W] to floating-point [2, classes, H, W]
            that can be trained.

    Example:
        >>> mask_network_notes("small-unet", (1, 32, 32), 4)
        ()
    """

    def unfit(out: object, images: int) -> str:
        return _unfit(out, [images, classes, *shape[1:]])

    def need(images: int) -> str:
        answer = [images, classes, *shape[1:]]
        return f"--task segmentation needs float {answer}, the classes of every pixel: --model small-unet does it"

    try_dense(name, shape, classes, smallest_batch, DenseAnswer("images", 1, unfit, need))
    return ()


def _unfit(out: object, answer: list[int]) -> str:
    if isinstance(out, Mapping) and isinstance(out.get("out"), Tensor):
        return f"{type(out).__name__} (return its ['out'])"
    if not isinstance(out, Tensor):
        return type(out).__name__
    fits = [*out.shape] == answer and out.is_floating_point()
    return "" if fits else f"{str(out.dtype).removeprefix('torch.')} {[*out.shape]}"
