"""Pictures of lines of text: what a policy makes of a line, and what the result says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from policysearch.augmentation import Draw, Lines
from policysearch.augmentation.lines import drawn_lines
from policysearch.core.readable import readable_name
from policysearch.datasets.dataset import Dataset
from policysearch.policy.policy import Policy
from policysearch.reports.preview.captions import steps_in_words
from policysearch.reports.preview.sheet import Picture, pixels

if TYPE_CHECKING:
    import torch


class Writing(NamedTuple):
    """What images of lines say.

    Attributes:
        texts: a string per image.
        widths: how many columns of each image hold it.
    """

    texts: Sequence[str]
    widths: Sequence[int]

    def of_rows(self, rows: NDArray[np.int64]) -> Writing:
        """What some of the images say."""
        indices = rows.tolist()
        return Writing([self.texts[i] for i in indices], [self.widths[i] for i in indices])


def training_writing(dataset: Dataset) -> Writing | None:
    """What the training images of a data set say; None where they have no texts."""
    return Writing(dataset.texts_train, dataset.widths_train) if dataset.texts_train else None


def line_pictures(
    policy: Policy,
    batch: torch.Tensor,
    writing: Writing,
    rows: int,
    draws: int,
    generator: torch.Generator,
    progress: float,
) -> list[list[Picture]]:
    """A row per line: the image as it is, then its draws, with what each says in bold.

    Args:
        policy: what is drawn from.
        batch: [B, C, H, W] uint8, the lines shown first, then those that a mix may take.
        writing: what these B images say.
        rows: lines shown.
        draws: of each.
        generator: all randomness.
        progress: share of training done, in [0, 1].

    Raises:
        UserError: the policy is not one for lines.
    """
    import torch

    widths = torch.tensor(writing.widths)
    grid = [[Picture(pixels(batch[row].numpy()), (readable_name(writing.texts[row]),))] for row in range(rows)]
    for _ in range(draws):
        lines, drawn = drawn_lines(policy, batch, writing.texts, widths, generator, progress=progress)
        for row, pictures in enumerate(grid):
            words = (readable_name(lines.texts[row]), *steps_in_words(drawn, row), *_mix(lines, drawn, row, writing))
            pictures.append(Picture(pixels(lines.images[row].numpy()), words))
    return grid


def _mix(lines: Lines, drawn: Draw, row: int, writing: Writing) -> list[str]:
    """With which line it was drawn to be mixed; where its text is the same, they may not have fitted each other."""
    if drawn.mix is None or not drawn.mix.applied[row]:
        return []
    partner = readable_name(writing.texts[int(drawn.mix.partners[row, 0])])
    changed = lines.texts[row] != writing.texts[row]
    return [f"{drawn.mix.operation} with {partner}{'' if changed else ': the same text'}"]
