"""Mixes of lines of text: what they do to the images they do to the strings.

A mix takes (image a, its string and width, image b likewise, two numbers in [0, 1)) and returns the mixed `Line`, or
None where the two cannot be mixed; a then stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor

from policysearch.augmentation.kernels.glyphs import background, ink_columns
from policysearch.augmentation.sampling import MixDraw

Fits = Callable[[str, int], bool]
"""(string, columns of its image) -> whether a network can read the one from the other."""

_GAP = 8
"""Two joined lines keep a gap of the height over this, less than the space between two words."""

_FURTHEST_SHADE = 64
"""Backgrounds further apart, in grey values, are not made alike: dark letters on light paper and the reverse."""


@dataclass(frozen=True)
class Line:
    """One line of text.

    Attributes:
        image: [C, H, W] uint8.
        text: what it says.
        width: how many columns from the left hold it, 1..W.
        ink: [W] bool, on the CPU: which columns hold ink.
    """

    image: Tensor
    text: str
    width: int
    ink: Tensor

    @cached_property
    def letters(self) -> list[int]:
        """Where in the string there is something to be seen: the indices of all but white space."""
        return [i for i, letter in enumerate(self.text) if not letter.isspace()]

    @cached_property
    def runs(self) -> list[tuple[int, int]]:
        """Connected columns with ink from the left, each as (first, one behind the last)."""
        edges = F.pad(self.ink.int(), (1, 1)).diff()
        starts, stops = ((edges == edge).nonzero().flatten().tolist() for edge in (1, -1))
        return list(zip(starts, stops, strict=True))


Mixed = tuple[Tensor, str, int]
"""Image [C, H, W] uint8, string, width."""


def mix_lines(
    draw: MixDraw, images: Tensor, texts: Sequence[str], widths: Sequence[int], fits: Fits | None = None
) -> tuple[Tensor, tuple[str, ...], list[int]]:
    """Mix the lines that take part, each with its partner; a line that cannot be mixed with it stays as it is.

    Args:
        draw: what was drawn for these B lines.
        images: [B, C, H, W] uint8; left as they are.
        texts: B strings.
        widths: how many columns hold each line, 1..W.
        fits: mixed lines for which this is False are left out.

    Returns:
        New images, strings and widths.
    """
    mixer, out = LINE_MIXERS[draw.operation], images.clone()
    new_texts, new_widths = list(texts), list(widths)
    ink = ink_columns(images, torch.tensor(widths, device=images.device)).cpu()
    lines = [Line(image, text, width, row) for image, text, width, row in zip(images, texts, widths, ink, strict=True)]
    numbers, partners = draw.numbers.tolist(), draw.partners[:, 0].tolist()
    for i in draw.applied.nonzero().flatten().tolist():
        mixed = mixer(lines[i], lines[partners[i]], numbers[i])
        if mixed is None or (fits is not None and not fits(mixed[1], mixed[2])):
            continue
        out[i], new_texts[i], new_widths[i] = mixed
    return out, tuple(new_texts), new_widths


def _line_join(a: Line, b: Line, numbers: Sequence[float]) -> Mixed | None:
    """Line b after line a with a small gap between their inked columns, and both strings without a space between them.

    Where both do not fit into the image's width they are squeezed to it, to half at most, as neither is wider.
    """
    if not (a.runs and b.runs):
        return None
    width, gap = a.image.shape[2], max(1, a.image.shape[1] // _GAP)
    stop = min(a.runs[-1][1] + gap // 2, width)
    start = max(b.runs[0][0] - (gap - gap // 2), 0)
    joined = torch.cat([a.image[:, :, :stop], b.image[:, :, start:]], 2)
    together = stop + b.width - start
    if together > width:
        joined = _squeezed(joined[:, :, :together], width)
    return _as_wide(joined, width), a.text + b.text, min(together, width)


def _squeezed(image: Tensor, width: int) -> Tensor:
    """[C, H, w] uint8 -> [C, H, width], bilinear over the columns that fall together."""
    pixels = F.interpolate(image[None].float(), (image.shape[1], width), mode="bilinear", antialias=True)[0]
    return pixels.round_().clamp_(0, 255).to(torch.uint8)


def _as_wide(image: Tensor, width: int) -> Tensor:
    """[C, H, w] -> [C, H, width]: cut off on the right, or its last column repeated."""
    missing = max(width - image.shape[2], 0)
    return torch.cat([image[:, :, :width], image[:, :, -1:].expand(-1, -1, missing)], 2)


def _glyph_paste(a: Line, b: Line, numbers: Sequence[float]) -> Mixed | None:
    """A letter of b in place of a letter of a, columns and string alike; both are any of their lines' letters.

    The letter takes a's background: it is made lighter or darker by the difference of the two medians.

    Only lines whose letters stand apart take part: as many connected runs of inked columns as the string has letters
    (white space aside). Otherwise nothing says which columns belong to which letter.
    """
    if not a.letters or not b.letters or len(a.letters) != len(a.runs) or len(b.letters) != len(b.runs):
        return None
    at, taken = int(numbers[0] * len(a.runs)), int(numbers[1] * len(b.runs))
    (left, right), (first, behind) = a.runs[at], b.runs[taken]
    width = a.width + (behind - first) - (right - left)
    if width > a.image.shape[2]:
        return None
    glyph = _on_paper_of(a.image, b.image)[:, :, first:behind]
    pasted = torch.cat([a.image[:, :, :left], glyph, a.image[:, :, right:]], 2)
    place = a.letters[at]
    text = a.text[:place] + b.text[b.letters[taken]] + a.text[place + 1 :]
    return _as_wide(pasted, a.image.shape[2]), text, width


def _on_paper_of(a: Tensor, b: Tensor) -> Tensor:
    """Image b made lighter or darker, so that its background is a's; as it is where that would take its ink away."""
    shift = background(a[None])[0].int() - background(b[None])[0].int()
    if int(shift.abs().max()) > _FURTHEST_SHADE:
        return b
    return (b.int() + shift).clamp_(0, 255).to(torch.uint8)


LINE_MIXERS: Mapping[str, Callable[[Line, Line, Sequence[float]], Mixed | None]] = MappingProxyType(
    {"line-join": _line_join, "glyph-paste": _glyph_paste}
)
