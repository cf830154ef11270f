"""What a search's children learn: classes, labels, numbers, features without labels, texts, or masks. A row per task.

A new task is a row here, a trainer in `child/trainers.py`, and whatever reads its data.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from policysearch.core.errors import UserError, unknown_name
from policysearch.core.task import Task
from policysearch.core.task_refusals import (
    NOT_CLASSES,
    NOT_FUNCTIONS,
    NOT_LINES,
    NOT_MASKS,
    NOT_ONE_CLASS,
    NOT_PAIRS,
    NOT_TUNED,
)

TaskName = Literal[
    "classification", "self-supervised", "text-lines", "multi-label", "regression", "segmentation", "own-training"
]

CLASSIFICATION, SELF_SUPERVISED, TEXT_LINES = "classification", "self-supervised", "text-lines"
MULTI_LABEL, REGRESSION, SEGMENTATION = "multi-label", "regression", "segmentation"
OWN_TRAINING = "own-training"
"""The task of a search that calls a training function of the user's, `--train`."""
NO_DATA = "none"
"""As `--data`: the training function reads its images by itself."""
NO_DATA_TITLE = "the images that the training function reads"
"""What such data are called in reports."""


TASKS: Mapping[str, Task] = MappingProxyType(
    {
        CLASSIFICATION: Task(
            name=CLASSIFICATION,
            text="networks learn the class of an image",
            needs="labels",
            fixed=("identity", "flip-crop", "randaugment", "trivialaugment-wide"),
            headline="share of validation images predicted right",
            short="accuracy",
            loss="mean cross-entropy on validation, nats",
            refused=MappingProxyType({**NOT_PAIRS, **NOT_LINES}),
        ),
        SELF_SUPERVISED: Task(
            name=SELF_SUPERVISED,
            text="networks learn features from pairs of views without labels (SimSiam), which a linear probe judges",
            needs="nothing",
            fixed=("identity", "flip-crop", "simsiam"),
            headline="share of validation images that a linear probe of the frozen features predicts right "
            "(of predicted rotations, where the data have no labels)",
            short="probe accuracy",
            loss="mean cross-entropy of the probe on validation, nats",
            metrics=MappingProxyType(
                {
                    "knn_accuracy": "share of validation images that their 20 nearest training images by cosine "
                    "predict right, in [0, 1] (of predicted rotations, where the data have no labels)",
                    "rotation": "share of turned validation images whose rotation by 0, 90, 180 or 270 degrees a "
                    "linear probe of the frozen features predicts, in [0, 1] (Reed et al. 2021); needs no labels",
                    "feature_deviation": "deviation of normalised projections times the root of their number; 1: "
                    "spread evenly, 0: collapsed",
                    "feature_rank": "effective rank of the frozen features on validation (Roy & Vetterli 2007)",
                    "augmented_train_loss": "mean negative cosine of the last epoch's pairs, in [-1, 1]",
                    "severity": "mean of 1 - visibility over training images, in [0, 1]",
                }
            ),
            rewards=MappingProxyType(
                {
                    "rotation": "SelfAugment's reward: needs no labels; misleads where pictures look alike when "
                    "turned, or where policies themselves rotate",
                    "knn-accuracy": "nearest neighbours on the frozen features: no probe is fitted, so it asks for "
                    "features whose angles say what an image shows",
                }
            ),
            defaults=MappingProxyType(
                {"model": "quick-resnet", "space": "pairs", "images": 1000, "epochs": 20, "confirm": 8}
            ),
            recipe=MappingProxyType({"schedule": "cosine", "batch": 64, "rate": 0.05, "checkpoints": 2}),
            refused=MappingProxyType({**NOT_CLASSES, **NOT_LINES, **NOT_TUNED}),
        ),
        TEXT_LINES: Task(
            name=TEXT_LINES,
            text="networks read the text of an image of one line (convolutions, recurrence, CTC)",
            needs="texts",
            fixed=("identity", "tia", "randaugment-lines"),
            headline="share of validation lines read without a mistake",
            short="word accuracy",
            loss="mean CTC loss per line on validation, nats",
            metrics=MappingProxyType(
                {
                    "character_accuracy": "1 - edit distance over the number of characters, on validation, in [0, 1]",
                }
            ),
            rewards=MappingProxyType(
                {"character-accuracy": "finer than accuracy, which counts whole lines: takes part of a line read right"}
            ),
            defaults=MappingProxyType(
                {
                    "data": "text-lines-small",
                    "aspect": "line",
                    "space": "text-lines",
                    "model": "line-crnn",
                    "images": 500,
                    "epochs": 25,
                    "trials": 24,
                    "finalists": 3,
                }
            ),
            refused=MappingProxyType({**NOT_CLASSES, **NOT_PAIRS, **NOT_TUNED}),
        ),
        MULTI_LABEL: Task(
            name=MULTI_LABEL,
            text="networks learn which of several labels an image has (binary cross-entropy of each)",
            needs="label-sets",
            fixed=("identity", "flip-crop", "randaugment", "trivialaugment-wide"),
            headline="mean average precision on validation, the mean over the labels that its images have",
            short="mean average precision",
            loss="mean binary cross-entropy over images and labels on validation, nats",
            metrics=MappingProxyType(
                {
                    "macro_f1": "mean over the labels of the harmonic mean of precision and recall on validation, of "
                    "labels predicted with a probability above a half, in [0, 1]",
                    "exact_match": "share of validation images of which every label is predicted right, in [0, 1]",
                    "feature_rank": "effective rank of the features before the last linear layer, on validation",
                    "augmented_train_loss": "training loss of the last epoch, a sum over labels, on augmented images",
                    "severity": "mean of 1 - visibility over training images, in [0, 1]",
                }
            ),
            rewards=MappingProxyType(
                {
                    "macro-f1": "where labels must be given, and each counts alike; misleads with rare labels, whose "
                    "probabilities stay below a half, so that they count as 0 however well they are ranked",
                    "exact-match": "all labels of an image right; coarse, and near 0 with many labels",
                }
            ),
            refused=NOT_ONE_CLASS,
        ),
        REGRESSION: Task(
            name=REGRESSION,
            text="networks learn one or more numbers of an image, under steps that keep them",
            needs="numbers",
            fixed=("identity",),
            headline="share of the numbers' variance on validation that is predicted (R², below 0 where the mean does "
            "better, the mean over numbers)",
            short="R²",
            loss="mean squared error on validation, in units of the training side's variances",
            metrics=MappingProxyType(
                {
                    "mae": "mean absolute error on validation, in the numbers' own units, the mean over numbers",
                    "feature_rank": "effective rank of the features before the last linear layer, on validation",
                    "augmented_train_loss": "training loss (Huber's) of the last epoch, on augmented images",
                    "severity": "mean of 1 - visibility over training images, in [0, 1]",
                }
            ),
            rewards=MappingProxyType(
                {
                    "-mae": "in the unit of the number, and less moved by a few large errors than R²; with several "
                    "numbers the one of the largest unit decides",
                }
            ),
            refused=MappingProxyType({**NOT_ONE_CLASS, "softening": "numbers have no confidence that could fall"}),
        ),
        SEGMENTATION: Task(
            name=SEGMENTATION,
            text="networks learn the class of every pixel of an image (U-Net)",
            needs="masks",
            fixed=("identity", "flip-crop", "randaugment", "trivialaugment-wide"),
            headline="mean over the classes of validation's masks of intersection over union",
            short="mIoU",
            loss="mean cross-entropy per pixel on validation, nats",
            metrics=MappingProxyType(
                {
                    "pixel_accuracy": "share of validation pixels predicted right, in [0, 1]",
                    "worst_iou": "the least of the classes' intersections over unions on validation, in [0, 1]",
                }
            ),
            rewards=MappingProxyType(
                {
                    "pixel-accuracy": "each pixel counts alike; misleads where most are background, which is easy",
                    "worst-iou": "what the worst class gets; misleads where a class has few pixels on validation, "
                    "since their noise decides",
                }
            ),
            defaults=MappingProxyType(
                {
                    "data": "shapes-small",
                    "space": "segmentation",
                    "model": "small-unet",
                    "images": 200,
                    "epochs": 20,
                    "trials": 24,
                    "finalists": 3,
                }
            ),
            refused=MappingProxyType(
                {
                    **{key: why for key, why in NOT_CLASSES.items() if key != "mix"},
                    **NOT_PAIRS,
                    **NOT_LINES,
                    **NOT_MASKS,
                }
            ),
        ),
        OWN_TRAINING: Task(
            name=OWN_TRAINING,
            text="a training function of yours (--train) is called with each policy, and returns metrics",
            needs="function",
            fixed=("identity", "flip-crop", "randaugment", "trivialaugment-wide"),
            headline="what the training function returns by that name, such as the share of validation images that "
            "its network predicts right",
            short="accuracy",
            loss="what the training function returns by that name",
            metrics=MappingProxyType({}),
            rewards=MappingProxyType(
                {
                    "mean_iou": "any metric that the training function returns, by its name, or a sum of such as "
                    "accuracy-0.1*val_loss"
                }
            ),
            defaults=MappingProxyType({"data": NO_DATA, "space": "transforms"}),
            refused=MappingProxyType({**NOT_FUNCTIONS, **NOT_PAIRS, **NOT_LINES}),
            open_metrics=True,
        ),
    }
)
"""The tasks by name."""


def task_named(name: str) -> Task:
    """The row of a task.

    Raises:
        UserError: there is none of that name; the message suggests the nearest.

    Example:
        >>> task_named("text-lines").needs
        'texts'
    """
    if name not in TASKS:
        raise unknown_name("task", name, TASKS)
    return TASKS[name]


def reward_title(task: str, reward: str) -> str:
    """What a reward is called in tables and on axes: accuracy by what it is a share of in this task.

    Example:
        >>> reward_title("text-lines", "accuracy"), reward_title("text-lines", "-loss")
        ('word accuracy', '-loss')
    """
    return task_named(task).short if reward.strip() == "accuracy" else reward


def must_be_possible(task: str, what: str, as_written: str) -> None:
    """Check that a task can do something.

    Args:
        task: its name.
        what: a key of `Task.refused`.
        as_written: what asks for it, as the beginning of the message.

    Raises:
        UserError: it cannot; the message says why.

    Example:
        >>> must_be_possible("classification", "calibrate", "calibrate")
    """
    why = task_named(task).refused.get(what)
    if why is not None:
        raise UserError(f"{as_written} does not go with --task {task}: {why}")
