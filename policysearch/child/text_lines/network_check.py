"""A network that is to read lines, tried before anything is spent."""

from __future__ import annotations

from torch import Tensor

from policysearch.child.networks.dense_probe import DenseAnswer, Shape, try_dense


def line_network_notes(name: str, shape: Shape, classes: int, smallest_batch: int = 2) -> tuple[str, ...]:
    """Try a network on two black lines, forward and back; arguments as `try_dense`, classes are characters and blank.

    Returns:
        What a person should know of the network: nothing.

    Raises:
        UserError: as `build`, or the network does not map float32 [2, C, H, W] to floating-point [2, T, classes] that
            can be trained.

    Example:
        >>> line_network_notes("line-crnn", (1, 16, 96), 27)
        ()
    """

    def unfit(out: object, images: int) -> str:
        return _unfit(out, images, classes)

    def need(images: int) -> str:
        return f"--task text-lines needs float [{images}, steps, {classes}], the blank first: --model line-crnn does it"

    try_dense(name, shape, classes, smallest_batch, DenseAnswer("lines", 2, unfit, need))
    return ()


def _unfit(out: object, images: int, classes: int) -> str:
    if not isinstance(out, Tensor):
        return type(out).__name__
    fits = out.dim() == 3 and out.shape[0] == images and out.shape[2] == classes and out.shape[1] > 0
    return "" if fits and out.is_floating_point() else f"{str(out.dtype).removeprefix('torch.')} {[*out.shape]}"
