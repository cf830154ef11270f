"""The test part of a data set of lines, and what a trained network is worth on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from policysearch.child.device_data import DeviceData, as_tensor
from policysearch.child.text_lines.alphabet import Alphabet
from policysearch.child.text_lines.reader import LineLogits, line_scores
from policysearch.datasets.dataset import Dataset


@dataclass(frozen=True)
class LineExam:
    """Lines on the device, judged `batch` at a time.

    Attributes:
        images: [N, C, H, W] uint8.
        texts: what each says.
        widths: [N] int64, the columns of each line.
        alphabet: of the training lines.
        batch: lines read at once.
    """

    images: Tensor
    texts: tuple[str, ...]
    widths: Tensor
    alphabet: Alphabet
    batch: int

    @classmethod
    def of(cls, dataset: Dataset, device: torch.device, batch: int) -> LineExam:
        """The test part of a data set on a device; the one place in a worker where it is read."""
        images, widths = as_tensor(dataset.x_test).to(device), torch.tensor(dataset.widths_test, device=device)
        return cls(images, dataset.texts_test, widths, Alphabet.of(dataset.texts_train), batch)

    def __call__(self, data: DeviceData, answers: LineLogits, seed: int) -> dict[str, float]:
        """Judge a network on the test part.

        Args:
            data: the training part, for its normalisation.
            answers: the network.
            seed: of the replicate; nothing is drawn here.

        Returns:
            test_accuracy, test_correct, test_character_accuracy, test_loss, test_images.
        """
        metrics = line_scores(answers, self._inputs(data), self.texts, self.alphabet)
        return {**{f"test_{name}": value for name, value in metrics.items()}, "test_images": len(self.texts)}

    def _inputs(self, data: DeviceData) -> Iterator[tuple[Tensor, Tensor]]:
        for images, widths in zip(self.images.split(self.batch), self.widths.split(self.batch), strict=True):
            yield data.normalise(images), widths
