"""Connectionist temporal classification: the loss of a line, and what a network reads (Graves et al. 2006)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from policysearch.child.text_lines.alphabet import BLANK


def steps_of(widths: Tensor, width: int, steps: int) -> Tensor:
    """How many of a network's steps lie on each line, the padding behind it left out.

    Args:
        widths: [B] int64, pixels of each line's own width, 1 or more.
        width: pixels of the images.
        steps: of the network along an image.

    Returns:
        [B] int64 in 1..steps: the steps that begin within the line.

    Example:
        >>> steps_of(torch.tensor([1, 5, 8]), width=8, steps=4)
        tensor([1, 3, 4])
    """
    return ((widths * steps + width - 1) // width).clamp(1, steps)


def ctc_losses(logits: Tensor, targets: Sequence[Sequence[int]], lengths: Tensor, spare: bool = False) -> Tensor:
    """The negative log-likelihood of each string, summed over all alignments (Graves et al. 2006, equation 8).

    Args:
        logits: [B, T, K] float, class 0 the blank.
        targets: the classes of each string, none of them 0.
        lengths: [B] int64, how many of the T steps count.
        spare: whether a string that no alignment can give counts 0, without a gradient, and not infinity.

    Returns:
        [B] float, nats.

    Example:
        >>> even = torch.zeros(1, 2, 3)  # 2 steps of 3 classes: 9 paths, of which aa, a- and -a read "a"
        >>> ctc_losses(even, [[1]], torch.tensor([2])).exp()
        tensor([3.])
    """
    joined = torch.tensor([number for target in targets for number in target], dtype=torch.int64)
    return F.ctc_loss(
        logits.float().log_softmax(2).transpose(0, 1),
        joined.to(logits.device),
        lengths.cpu(),
        torch.tensor([len(target) for target in targets]),
        blank=BLANK,
        reduction="none",
        zero_infinity=spare,
    )


def greedy_readings(logits: Tensor, lengths: Tensor) -> list[list[int]]:
    """Best-path decoding (Graves et al. 2006, section 3.2): the likeliest class per step, repeats joined, no blanks.

    Args:
        logits: [B, T, K] float.
        lengths: [B] int64, how many of the T steps count.

    Returns:
        The classes of each string.

    Example:
        >>> path = torch.tensor([[1, 1, 0, 1, 2, 2]])
        >>> greedy_readings(F.one_hot(path, 3).float(), torch.tensor([5]))
        [[1, 1, 2]]
    """
    paths = logits.argmax(2).cpu()
    pairs = zip(paths, lengths.tolist(), strict=True)
    return [_collapsed(path[:length].tolist()) for path, length in pairs]


def _collapsed(path: Sequence[int]) -> list[int]:
    before = [BLANK, *path[:-1]]
    return [number for number, last in zip(path, before, strict=True) if number not in (last, BLANK)]
