"""A network that reads lines: how well it does, and which strings it has steps enough for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from policysearch.child.text_lines.alphabet import Alphabet
from policysearch.child.text_lines.ctc import ctc_losses, greedy_readings, steps_of
from policysearch.child.text_lines.reading_scores import reading_scores
from policysearch.datasets.text_lines.fit import steps_needed

LineLogits = Callable[[Tensor], Tensor]
"""[B, C, H, W] float32, normalised -> [B, T, classes] float32."""


@torch.no_grad()
def line_scores(
    answers: LineLogits, inputs: Iterable[tuple[Tensor, Tensor]], texts: Sequence[str], alphabet: Alphabet
) -> dict[str, float]:
    """Read lines by greedy decoding, and judge what was read.

    Args:
        answers: the network.
        inputs: normalised images [B, C, H, W] and the widths [B] of their lines, a part of the lines at a time.
        texts: what all the lines say.
        alphabet: what the classes mean.

    Returns:
        Those of `reading_scores`; and loss, the mean over the lines of CTC's, nats.
    """
    readings: list[str] = []
    losses: list[Tensor] = []
    for images, widths in inputs:
        logits = answers(images)
        lengths = steps_of(widths, images.shape[3], logits.shape[1])
        targets = [alphabet.encode(text) for text in texts[len(readings) : len(readings) + len(images)]]
        losses.append(ctc_losses(logits, targets, lengths).double())
        readings += [alphabet.decode(classes) for classes in greedy_readings(logits, lengths)]
    return {**reading_scores(readings, texts), "loss": float(torch.cat(losses).mean())}


def fits_in(pixels: float) -> Callable[[str, int], bool]:
    """(string, columns) -> whether a network that takes so many pixels as a step can read the one from the other.

    Example:
        >>> fits = fits_in(4.0)
        >>> fits("kite", 16), fits("kite", 12), fits("keel", 16)
        (True, False, False)
    """

    def fits(text: str, columns: int) -> bool:
        return -(-columns // pixels) >= steps_needed(text)

    return fits
