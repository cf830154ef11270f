"""How the children of each task are trained, judged on the test part, and tried before anything is spent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from policysearch.core.errors import UserError
from policysearch.core.tasks import (
    CLASSIFICATION,
    MULTI_LABEL,
    REGRESSION,
    SEGMENTATION,
    SELF_SUPERVISED,
    TEXT_LINES,
    task_named,
)

if TYPE_CHECKING:
    import torch
    from torch import nn

    from policysearch.child.targets.goal import GoalOf
    from policysearch.child.training_spec import Metrics, TrainingSpec
    from policysearch.datasets.dataset import Dataset

Shape = tuple[int, int, int]
"""Channels, height and width of an image."""


@dataclass(frozen=True)
class Training:
    """The functions of one task.

    Attributes:
        train: trains one child; what it returns and raises is that of `child.training.train_classifier`.
        exam: (data set, device, images judged at once) -> what judges a trained network on the test part. It is called
            as (device data, what a training calls `examine` with, seed=...) and returns metrics whose names begin with
            `test_`, `test_accuracy` among them.
        memory_format: (factory of the network, shape, outputs) -> the memory format of its batches.
        network_notes: (name of the network, shape, outputs, images of the smallest batch) -> what a person should know
            of the network, a sentence each; raises `UserError` where it cannot be trained.
    """

    train: Callable[[TrainingSpec], Metrics]
    exam: Callable[[Dataset, torch.device, int], Callable[..., Any]]
    memory_format: Callable[[Callable[[], nn.Module], Shape, int], torch.memory_format]
    network_notes: Callable[[str, Shape, int, int], tuple[str, ...]]


def outputs_of(task: str, dataset: Dataset) -> int:
    """How many numbers a network gives for an image, for each place along a line, or for each pixel.

    These are the classes, the labels of which an image may have several, or its numbers; for texts the characters of
    the training lines, and one more for CTC's blank.

    Args:
        task: its name.
        dataset: what it is trained on.
    """
    if task_named(task).needs == "texts":
        return len(set("".join(dataset.texts_train))) + 1
    if dataset.targets_train is not None:
        return len(dataset.target_names)
    return len(dataset.mask_classes or dataset.classes)


def training_of(task: str) -> Training:
    """The functions of a task; torch is imported when this is called.

    Raises:
        UserError: there is no such task.
    """
    name = task_named(task).name
    if name not in _TRAININGS:
        raise UserError(f"--task {name} cannot be trained by this version: take another task")
    return _TRAININGS[name]()


def _classification() -> Training:
    from policysearch.child.networks import dry_forward, memory_format_of
    from policysearch.child.test_set import Exam
    from policysearch.child.training import train_classifier

    return Training(train_classifier, Exam.of, memory_format_of, dry_forward)


def _self_supervised() -> Training:
    from policysearch.child.networks import memory_format_of
    from policysearch.child.self_supervised.network_check import backbone_notes
    from policysearch.child.self_supervised.rotations import exam_of
    from policysearch.child.self_supervised.training import train_siamese

    return Training(train_siamese, exam_of, memory_format_of, backbone_notes)


def _text_lines() -> Training:
    from policysearch.child.networks.dense_probe import channels_last
    from policysearch.child.text_lines.exam import LineExam
    from policysearch.child.text_lines.network_check import line_network_notes
    from policysearch.child.text_lines.training import train_reader

    return Training(train_reader, LineExam.of, channels_last, line_network_notes)


def _multi_label() -> Training:
    from policysearch.child.targets.label_sets import label_goal

    return _with_targets(MULTI_LABEL, label_goal)


def _regression() -> Training:
    from policysearch.child.targets.numbers import number_goal

    return _with_targets(REGRESSION, number_goal)


def _with_targets(task: str, goal_of: GoalOf) -> Training:
    from policysearch.child.networks import dry_forward, memory_format_of
    from policysearch.child.targets.exam import TargetExam
    from policysearch.child.targets.training import train_with_targets

    train, exam = partial(train_with_targets, task, goal_of), partial(TargetExam.of, goal_of)
    return Training(train, exam, memory_format_of, dry_forward)


def _segmentation() -> Training:
    from policysearch.child.networks.dense_probe import channels_last
    from policysearch.child.segmentation.exam import MaskExam
    from policysearch.child.segmentation.network_check import mask_network_notes
    from policysearch.child.segmentation.training import train_segmenter

    return Training(train_segmenter, MaskExam.of, channels_last, mask_network_notes)


_TRAININGS: Mapping[str, Callable[[], Training]] = MappingProxyType(
    {
        CLASSIFICATION: _classification,
        SELF_SUPERVISED: _self_supervised,
        TEXT_LINES: _text_lines,
        MULTI_LABEL: _multi_label,
        REGRESSION: _regression,
        SEGMENTATION: _segmentation,
    }
)
"""The functions of each task, imported when they are needed."""
