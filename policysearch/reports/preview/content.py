"""What images hold besides a class: the texts of lines, or masks; and pictures of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policysearch.datasets.dataset import Dataset
from policysearch.policy.policy import Policy
from policysearch.reports.preview.lines import Writing, line_pictures, training_writing
from policysearch.reports.preview.masks import Masking, mask_pictures, training_masks
from policysearch.reports.preview.sheet import Picture

if TYPE_CHECKING:
    import torch

Content = Writing | Masking


def training_content(dataset: Dataset) -> Content | None:
    """What the training images of a data set hold; None where they have classes, or nothing."""
    return training_writing(dataset) or training_masks(dataset)


def content_pictures(
    policy: Policy,
    batch: torch.Tensor,
    content: Content,
    rows: int,
    draws: int,
    generator: torch.Generator,
    progress: float,
) -> list[list[Picture]]:
    """The pictures of lines, or of images with masks; arguments and errors are those of `line_pictures`."""
    if isinstance(content, Masking):
        return mask_pictures(policy, batch, content, rows, draws, generator, progress)
    return line_pictures(policy, batch, content, rows, draws, generator, progress)
