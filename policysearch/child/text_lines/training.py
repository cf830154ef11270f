"""One short training of a network that reads lines: the counterpart of `child.training` for strings."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from policysearch.child.text_lines.line_run import LineRun
from policysearch.child.text_lines.refusals import must_take_lines
from policysearch.child.training import completed, with_plain_errors
from policysearch.child.training_spec import Metrics, TrainingSpec

_OF_CLASSES = ("feature_rank", "reliability", "class_counts")


class _MeanOverSteps(nn.Module):
    """A network of lines as one of images: what its memory is measured with."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images).mean(1)
        return logits


def train_reader(spec: TrainingSpec) -> Metrics:
    """Train a network to read lines by CTC (Graves et al. 2006) on a random subset, and judge it on validation.

    Args:
        spec: the child. A mix of lines joins their strings too; the data have what lines say; the network takes
            [B, C, H, W] float32 and gives logits [B, T, classes], class 0 CTC's blank. It has no loss, and no further
            metrics: those are of classes.

    Returns:
        accuracy, the share of validation lines read without a mistake; correct; character_accuracy (see
        `reading_scores`); loss, the mean of CTC's per line, nats; train_accuracy and train_loss on the clean subset;
        augmented_train_loss, the mean per line of the last epoch; and the curve, gaps, seconds and severity of
        `train_classifier`.

    Raises:
        CheckpointError: as `train_classifier`.
        ChildError: the same; or a line has fewer steps than its string needs.
        UserError: the policy, the loss or the recipe does not suit lines.
    """
    must_take_lines(spec.policy, spec.recipe, spec.loss)

    def work() -> Metrics:
        metrics, _ = completed(LineRun(replace(spec, further=())))
        return {name: value for name, value in metrics.items() if name not in _OF_CLASSES}

    return with_plain_errors(replace(spec, factory=lambda: _MeanOverSteps(spec.factory())), work)
