"""The recorded metrics that a reward may name, and examples of rewards."""

from __future__ import annotations

from collections.abc import Mapping

from policysearch.core.tasks import task_named

METRICS: dict[str, str] = {
    "accuracy": "share of validation images predicted right, in [0, 1]",
    "correct": "the same as a count",
    "balanced_accuracy": "mean over the classes of the share of their validation images predicted right, in [0, 1]",
    "worst_class": "the least of the classes' shares of their validation images predicted right, in [0, 1]",
    "macro_f1": "mean over the classes of the harmonic mean of precision and recall on validation, in [0, 1]",
    "top_5": "with 6 classes or more: share of validation images whose class is among the 5 likeliest, in [0, 1]",
    "auroc": "where a reward names it: area under the ROC curve on validation, mean of each class against the rest",
    "loss": "mean cross-entropy on validation, nats",
    "entropy": "mean entropy of the predictions on validation, nats",
    "ece": "expected calibration error on validation, 10 bins, in [0, 1]",
    "most_predicted": "share of validation images that get the class predicted most often; 1: always the same answer",
    "reciprocal_rank": "mean of 1/r on validation, r the rank of the true class among the logits, in (0, 1]",
    "feature_rank": "effective rank of the features before the last linear layer, on validation (Roy & Vetterli 2007)",
    "train_accuracy": "accuracy on the clean training subset",
    "train_loss": "cross-entropy on the clean training subset",
    "accuracy_gap": "train_accuracy - accuracy",
    "loss_gap": "loss - train_loss",
    "augmented_train_loss": "plain training loss of the last epoch, on augmented images (Gontijo-Lopes's diversity)",
    "severity": "mean of 1 - visibility over training images, in [0, 1]",
    "affinity": "with base_epochs: the base's accuracy on augmented validation images, less that on clean ones",
    "density_loss": "with base_epochs: the base's cross-entropy on augmented validation images, nats",
    "held_out_loss": "with strategy density: the fold's network's cross-entropy on augmented held-out images, nats",
    "held_out_accuracy": "with strategy density: the share of augmented held-out images predicted right, in [0, 1]",
    "seconds": "the pull's duration",
    "cpu_seconds": "processor time of the thread that trained; steadier than seconds where others use the machine",
}
"""The recorded metrics of classification that a reward may name."""


class OpenMetrics(dict[str, str]):
    """A table of metrics to which trainings add their own, so that a reward may name any.

    Example:
        >>> table = OpenMetrics(accuracy="share of images predicted right")
        >>> "mean_iou" in table, "mean iou" in table, list(table)
        (True, False, ['accuracy'])
    """

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.isidentifier()


_OF_EVERY_TASK = ("seconds", "cpu_seconds")


REWARDS: dict[str, str] = {
    "accuracy": "what one usually wants; coarse on small validation sets (steps of 1/n)",
    "balanced-accuracy": "where classes are uneven: each counts alike; coarse where one has few validation images",
    "worst-class": (
        "what the worst class gets, for where none may be left behind; misleads with few validation images a class: "
        "the least of many noisy numbers lies below them all, and differs from pull to pull in which class it is"
    ),
    "macro-f1": (
        "as balanced-accuracy, but a class that is named too often costs as well; noise of the smallest classes; where "
        "classes are even it is nearly accuracy"
    ),
    "top-5": (
        "right among the five likeliest; for many classes that resemble each other; misleads with few classes, where "
        "it is near 1 for every arm"
    ),
    "auroc": (
        "how well each class's images are ranked above all others, whatever the threshold; misleads where a label must "
        "be given, and with rare classes, since it is near 1 while most of their alarms are false; adds some "
        "milliseconds to a pull and a second to a worker's start"
    ),
    "reciprocal-rank": (
        "mean of 1/r, r the rank of the true class: second places count half, so finer than accuracy; misleads where "
        "near misses are worth nothing, and with two classes it is accuracy again"
    ),
    "-loss": "finer than accuracy; misleads when arms differ in calibration: overconfidence costs, at equal accuracy",
    "-entropy": "confident predictions; needs no labels, but also rewards being confidently wrong",
    "entropy": "uncertain predictions; only sensible in a sum, as a brake on overconfidence",
    "-ece": "calibration alone; a useless but honest net wins, so use it in a sum",
    "feature-rank": (
        "how many directions the features use; needs no labels, but knows nothing of classes: features that are noise "
        "have full rank, so use it in a sum"
    ),
    "accuracy-0.5*ece": "a weighted sum: any metrics, signs and weights",
    "module:function": "your own: called with the metrics as a dict, returns a number",
}
"""Examples with what they mean and when they mislead."""


def metrics_of_task(task: str) -> Mapping[str, str]:
    """The recorded metrics that a reward may name, with what they are.

    Args:
        task: its name.

    Example:
        >>> list(metrics_of_task("text-lines"))
        ['accuracy', 'loss', 'character_accuracy', 'seconds', 'cpu_seconds']
    """
    row = task_named(task)
    if row.metrics is None:
        return METRICS
    headline = {"accuracy": f"{row.headline}, in [0, 1]", "loss": row.loss}
    table = OpenMetrics if row.open_metrics else dict[str, str]
    return table({**headline, **row.metrics, **{name: METRICS[name] for name in _OF_EVERY_TASK}})
