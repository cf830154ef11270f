"""One training on images with masks at work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from torch import Tensor

from policysearch.augmentation.segmentation import Segmentation, augment_masks
from policysearch.child.device_data import DeviceData
from policysearch.child.joined_batches import joined_batches
from policysearch.child.judgement import Judgement
from policysearch.child.out_of_memory import evaluation_batch
from policysearch.child.segmentation.overlap import pixel_losses
from policysearch.child.segmentation.segmenter import judged_masks
from policysearch.child.training_run import TrainingRun
from policysearch.policy.policy import Policy


class MaskRun(TrainingRun):
    """A training that minimises the cross-entropy of pixels; all but the steps and the judgement is as for
    `TrainingRun`.

    The network of its spec gives logits [B, classes, H, W].
    """

    def _train_on(self, batches: Sequence[Tensor], first: int, rate: Callable[[int], float], total: int) -> None:
        """Take one step on each of the batches, the first of which is step `first` of `total`."""
        data, learner = self.spec.data, self.learner
        learner.train()
        feed = self._augmented(batches, first, total)
        for step, (images, masks) in enumerate(self.clock.timed(feed), first):
            mark = time.perf_counter()
            loss, pixels = pixel_losses(learner.logits(data.normalise(images)), masks)
            mean = loss / pixels.clamp(min=1)  # a batch may be hidden whole
            learner.update(mean, rate(step))
            self.clock.steps += time.perf_counter() - mark
            self.total += mean.detach() * len(images)

    def _augmented(self, batches: Sequence[Tensor], first: int, total: int) -> Iterator[Segmentation]:
        """The batches in their order, augmented."""
        data, values = self.spec.data, self.spec.data.images[:1].numel()
        calls = joined_batches(self.spec.policy, batches, step=first, steps=total, values=values, may_join=_may_join)
        for call in calls:
            images, masks = data.images[call.rows], masks_at(data, call.rows)
            out = augment_masks(call.policy, images, masks, self._generators.draws)
            parts = zip(out.images.split(call.sizes), out.masks.split(call.sizes), strict=True)
            yield from map(Segmentation._make, parts)

    def validate(self, epoch: int) -> None:
        """Measure the network on the validation part."""
        mark = time.perf_counter()
        self.judgement = self._judgement(self.spec.data.validation)
        self.clock.evaluation += time.perf_counter() - mark
        self._add_point(epoch)

    def finish(self) -> dict[str, float]:
        """Stop the clock, and return the scores on the clean subset."""
        train_scores = self._judgement(self._subset).scores
        self.clock.stop()
        return train_scores

    def _judgement(self, rows: Tensor) -> Judgement:
        self.learner.judged.eval()
        return judged_masks(self.learner.answers, self._inputs(rows))

    def _inputs(self, rows: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Normalised images and masks, a part of the rows at a time."""
        data = self.spec.data
        for part in rows.split(evaluation_batch(self.spec.recipe)):
            yield data.normalise(data.images[part]), masks_at(data, part)


def masks_at(data: DeviceData, rows: Tensor) -> Tensor:
    """The masks of these rows, [B] int64, as [B, H, W] uint8."""
    assert data.masks is not None
    return data.masks[rows]


def _may_join(policy: Policy) -> bool:
    return policy.mix is None
