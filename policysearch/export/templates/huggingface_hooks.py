"""A policy between the two halves of an image processor of transformers, for data sets and trainers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import PIL.Image
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import TrainerCallback

from policysearch.export.templates.image_checks import described
from policysearch.export.templates.label_checks import check_classes

IGNORED = -100
"""The label of what counts for nothing, as transformers have it."""


class ProcessorTransform:
    """A batch {column: values} of a data set -> pixel_values and labels, which `set_transform` takes.

    The processor brings images to their size, the policy augments them (uint8, another draw for each), and the
    processor scales and normalises them. Without a column of labels there are none in the result.

    Raises:
        TypeError: an image is no PIL image.
        ValueError: the data set lacks a column.
    """

    def __init__(self, policy: Any, processor: Any, image: str = "image", label: str = "label") -> None:
        self.policy, self.processor, self.image, self.label = policy, processor, image, label

    @property
    def progress(self) -> float:
        """The share of the training done, in [0, 1]."""
        return float(self.policy.progress)

    @progress.setter
    def progress(self, share: float) -> None:
        self.policy.progress = share

    def __call__(self, batch: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
        self.check_columns(batch, self.image)
        out: dict[str, Any] = {"pixel_values": self.normalised(self.policy(self.resized(batch[self.image])))}
        if self.label in batch:
            out["labels"] = batch[self.label]
        return out

    def check_columns(self, batch: Mapping[str, Sequence[Any]], *columns: str) -> None:
        """Refuse a batch that lacks one of the columns."""
        missing = [column for column in columns if column not in batch]
        if missing:
            raise ValueError(
                f"the data set has no column {missing[0]!r}, it has {', '.join(map(repr, batch))}: name its columns, "
                "LearnedTransform(..., image='image', label='label')"
            )

    def resized(self, images: Sequence[Any]) -> Tensor:
        """PIL images -> uint8 [B, 3, H, W] of the processor's size."""
        wrong = next((image for image in images if not isinstance(image, PIL.Image.Image)), None)
        if wrong is not None:
            raise TypeError(f"images must be PIL images, got {described(wrong)}")
        pictures = [image.convert("RGB") for image in images]
        # EfficientNet's processor scales once more at its end.
        once = {"include_top": False} if getattr(self.processor, "include_top", None) else {}
        values = self.processor(images=pictures, do_rescale=False, do_normalize=False, return_tensors="pt", **once)
        return torch.as_tensor(values["pixel_values"]).float().round().clamp(0, 255).to(torch.uint8)

    def normalised(self, images: Tensor) -> Tensor:
        """uint8 [B, 3, H, W] -> float [B, 3, H, W] as the network takes them."""
        still = {"do_center_crop": False} if getattr(self.processor, "do_center_crop", None) else {}
        values = self.processor(images=list(images), do_resize=False, return_tensors="pt", **still)
        return torch.as_tensor(values["pixel_values"])


class SoftProcessorTransform(ProcessorTransform):
    """The same for a policy that gives targets and weights; its `collate` is a trainer's `data_collator`."""

    @property
    def progress(self) -> float:
        """The share of the training done, in [0, 1]."""
        return float(self.policy.policy.progress)

    @progress.setter
    def progress(self, share: float) -> None:
        self.policy.policy.progress = share

    def __call__(self, batch: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
        self.check_columns(batch, self.image, self.label)
        pairs = zip(self.resized(batch[self.image]), batch[self.label], strict=True)
        images, targets, weights = zip(*(self.policy(image, label) for image, label in pairs), strict=True)
        return {"images": list(images), "targets": list(targets), "weights": list(weights)}

    def collate(self, samples: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Samples -> pixel_values [B, 3, H, W], and labels [B, classes]: targets times weights."""
        parts = [(sample["images"], sample["targets"], sample["weights"]) for sample in samples]
        images, targets, weights = self.policy.collate(parts)
        return {"pixel_values": self.normalised(images), "labels": targets * weights[:, None]}


def loss_of_labels(loss: Callable[[Tensor, Tensor, Tensor], Tensor], logits: Tensor, labels: Tensor, items: Any) -> Any:
    """[]: the loss of logits [B, classes] and labels that are targets times weights, or classes [B] in evaluation.

    `items` is how many labels the trainer counted in all batches that it adds up before a step (None: in this one).
    """
    if labels.ndim == 1:
        check_classes(labels[labels != IGNORED], logits.shape[1])
        return F.cross_entropy(logits, labels, ignore_index=IGNORED)
    weights = labels.sum(1)
    targets = labels / weights.clamp(min=1e-12)[:, None]
    images = len(labels) if items is None else items / labels.shape[1]
    return loss(logits, targets, weights) * (len(labels) / images)


class ProgressCallback(TrainerCallback):
    """Sets the `progress` of a transform before each epoch, to the share of the training done.

    Raises:
        ValueError: the loader keeps its workers, which would go on with the progress at which they began.
    """

    def __init__(self, transform: ProcessorTransform) -> None:
        self.transform = transform

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        if args.dataloader_num_workers and args.dataloader_persistent_workers:
            raise ValueError("workers that stay do not see the progress: set dataloader_persistent_workers=False")
        self.transform.progress = min(1.0, state.global_step / max(1, state.max_steps))
