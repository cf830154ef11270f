"""Lines of text in a made-up alphabet that a few lines of code can read: what the pixels say, without a network."""

from __future__ import annotations

from collections.abc import Sequence

import torch

HEIGHT = 12
PAPER, INK = 230, 20
ALPHABET = "abcdefgh"
_LETTER = 4
"""Columns of a letter: its first is inked whole, the others hold its number in binary."""
_GAP = 3
_MARGIN = 2


def letter(name: str) -> torch.Tensor:
    """[HEIGHT, 4] uint8."""
    out = torch.full((HEIGHT, _LETTER), PAPER, dtype=torch.uint8)
    out[1:-1, 0] = INK
    out[1, :] = INK
    for bit in range(3):
        if ALPHABET.index(name) >> bit & 1:
            out[4:8, bit + 1] = INK
    return out


def written(text: str, width: int) -> tuple[torch.Tensor, int]:
    """A line [1, HEIGHT, width] uint8, and how many columns hold it."""
    out = torch.full((1, HEIGHT, width), PAPER, dtype=torch.uint8)
    at = _MARGIN
    for name in text:
        out[0, :, at : at + _LETTER] = letter(name)
        at += _LETTER + _GAP
    return out, at - _GAP + _MARGIN


def batch_of(texts: Sequence[str], width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Lines [B, 1, HEIGHT, width] uint8 and their widths [B] int64."""
    lines = [written(text, width) for text in texts]
    return torch.stack([image for image, _ in lines]), torch.tensor([columns for _, columns in lines])


def read(image: torch.Tensor) -> str:
    """What a line [1, HEIGHT, W] says."""
    out, at, columns = "", 0, image.shape[2]
    while at < columns:
        if int(image[0, 1, at]) == PAPER:
            at += 1
            continue
        part = image[0, :, at : at + _LETTER]
        out += next((name for name in ALPHABET if torch.equal(letter(name), part)), "?")
        at += _LETTER
    return out
