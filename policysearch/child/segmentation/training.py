"""One short training of a network that gives the class of every pixel: the counterpart of `child.training`."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from policysearch.child.segmentation.mask_run import MaskRun
from policysearch.child.segmentation.refusals import must_take_masks
from policysearch.child.training import completed, with_plain_errors
from policysearch.child.training_spec import Metrics, TrainingSpec

_OF_CLASSES = ("feature_rank", "reliability", "class_counts")


class _MeanOverPixels(nn.Module):
    """A network of masks as one of images: what its memory is measured with."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images).mean((2, 3))
        return logits


def train_segmenter(spec: TrainingSpec) -> Metrics:
    """Train a network to give the class of every pixel, on a random subset, and judge it on validation.

    Args:
        spec: the child. The data have masks; the network takes [B, C, H, W] float32 and gives logits
            [B, classes, H, W]. It has no loss, and no further metrics: those are of classes of images.

    Returns:
        accuracy, the mean over classes of intersection over union on validation; worst_iou and pixel_accuracy (see
        `Overlap.scores`); loss, the mean cross-entropy per pixel, nats; class_pixels, [intersection, union, true]
        of each class in pixels; train_accuracy and train_loss on the clean subset; augmented_train_loss, the mean per
        image of its batch's loss in the last epoch; and the curve, gaps, seconds and severity of `train_classifier`.

    Raises:
        CheckpointError: as `train_classifier`.
        ChildError: the same.
        UserError: the policy, the loss or the recipe does not suit masks.
    """
    must_take_masks(spec.policy, spec.recipe, spec.loss)

    def work() -> Metrics:
        metrics, _ = completed(MaskRun(replace(spec, further=())))
        others = {name: value for name, value in metrics.items() if name not in _OF_CLASSES}
        return {**others, "class_pixels": metrics["class_counts"]}

    return with_plain_errors(replace(spec, factory=lambda: _MeanOverPixels(spec.factory())), work)
