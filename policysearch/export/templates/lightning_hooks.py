"""A policy in a LightningDataModule, and the progress of the training for it."""

from __future__ import annotations

from typing import Any

import lightning as L
from torch import Tensor


class BatchHook:
    """Augments each training batch (uint8 [B, C, H, W], classes [B]) before its transfer to the device.

    Inherit from it before a LightningDataModule, or before a LightningModule that is trained without one. Every image
    gets another draw. Batches of validation, test and prediction stay as they are. `policy` is made once by
    `make_policy`.
    """

    trainer: Any

    def make_policy(self) -> Any:
        """The transform of images, or of images and classes."""
        raise NotImplementedError

    @property
    def policy(self) -> Any:
        """What augments the batches."""
        # Not as an attribute, which a LightningModule would take for a part of the network.
        if "_policy" not in self.__dict__:
            self.__dict__["_policy"] = self.make_policy()
        return self.__dict__["_policy"]

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Lightning calls it with each batch, on the CPU."""
        data_module: Any = super()
        batch = data_module.on_before_batch_transfer(batch, dataloader_idx)
        return self.augmented(*batch) if self.trainer.training else batch

    def augmented(self, images: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        """Images uint8 [B, C, H, W] and the labels as they were."""
        return self.policy(images), labels


class SoftBatchHook(BatchHook):
    """The same, giving images, targets [B, classes] and weights [B]; `num_classes` says how many classes there are."""

    num_classes: int

    def augmented(self, images: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        """Images uint8 [B, C, H, W], mixed where the policy mixes, with their targets and weights."""
        samples = [self.policy(image, label) for image, label in zip(images, labels.tolist(), strict=True)]
        mixed: tuple[Tensor, ...] = self.policy.collate(samples)
        return mixed


class PolicyCallback(L.Callback):
    """Sets the `progress` of a policy before each epoch, to the share of the training done.

    `policy`: what is in the data set, or the data module's.

    Raises:
        ValueError: the loader keeps its workers, which would go on with the progress at which they began.
    """

    def __init__(self, policy: Any) -> None:
        super().__init__()
        self.policy = getattr(policy, "policy", policy)

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        if getattr(trainer.train_dataloader, "persistent_workers", False):
            raise ValueError("workers that stay do not see the progress: make the loader with persistent_workers=False")
        steps = trainer.estimated_stepping_batches
        known = isinstance(steps, int) and steps > 0
        self.policy.progress = min(1.0, trainer.global_step / steps) if known else 0.0
