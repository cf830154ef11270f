"""Several networks that answer together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from policysearch.child.device_data import DeviceData
from policysearch.child.metrics import class_counts, scores
from policysearch.child.out_of_memory import evaluation_batch
from policysearch.child.recipe import Recipe
from policysearch.child.test_set import Exam, Examined, Logits
from policysearch.child.training_spec import Metrics

Examine = Callable[[Logits], Examined]
_SUMMED = ("seconds", "cpu_seconds", "augmentation_seconds", "step_seconds", "evaluation_seconds", "trained_epochs")
_VALIDATION = "validation"


def train_ensemble(
    train_member: Callable[[int, Examine], Metrics],
    seeds: Sequence[int],
    data: DeviceData,
    exam: Exam | None,
    recipe: Recipe,
) -> Metrics:
    """Train networks one after the other, and judge the mean of their probabilities (Lakshminarayanan et al. 2017).

    Args:
        train_member: (seed, examine) -> the metrics of one training, which calls `examine` with its network.
        seeds: of the members; the first places the patches of the exam.
        data: what they are judged on, its validation side.
        exam: the test part; None where it is not to be read.
        recipe: of the members, for the size of batches that are judged.

    Returns:
        The metrics of `train` on validation, those of the exam, members, and the seconds of all trainings together.
    """
    mean = _MeanAnswers(len(seeds))

    def examine(logits: Logits) -> Examined:
        parts = data.validation.split(evaluation_batch(recipe))
        answers = torch.cat([logits(data.normalise(data.images[part])) for part in parts])
        mean.add({_VALIDATION: answers})
        if exam is not None:
            mean.add(exam.answers(data, logits, seeds[0]))
        return {}

    members = [train_member(seed, examine) for seed in seeds]
    answers, labels = mean.logits[_VALIDATION], data.labels[data.validation]
    judged: Metrics = {**scores(answers, labels), "class_counts": class_counts(answers, labels)}
    tested = (
        {}
        if exam is None
        else exam.judged({share: out for share, out in mean.logits.items() if isinstance(share, float)})
    )
    spent = {name: sum(float(member.get(name, 0.0)) for member in members) for name in _SUMMED}  # type: ignore[arg-type, misc]
    return {**judged, "validation_images": len(data.validation), **tested, **spent, "members": len(seeds)}


class _MeanAnswers:
    """The mean of softmax probabilities over the members, by what was asked."""

    def __init__(self, members: int) -> None:
        self._members = members
        self._totals: dict[str | float, Tensor] = {}

    def add(self, answers: Mapping[str, Tensor] | Mapping[float, Tensor]) -> None:
        """Add one member's logits."""
        for name, logits in answers.items():
            probabilities = logits.double().softmax(1)
            self._totals[name] = self._totals[name] + probabilities if name in self._totals else probabilities

    @property
    def logits(self) -> dict[str | float, Tensor]:
        """Logarithms of the mean probabilities, whose softmax these are."""
        return {name: (total / self._members).log().float() for name, total in self._totals.items()}
