"""A policy in Ultralytics' trainer of classification networks."""

from __future__ import annotations

from typing import Any

from torchvision.transforms import Compose, ToTensor
from ultralytics.data.augment import classify_transforms
from ultralytics.models.yolo.classify import ClassificationTrainer


class PolicyTrainer(ClassificationTrainer):
    """Trains with a policy in place of Ultralytics' own augmentations, whose settings then do nothing.

    Training images are resized and cropped as those of validation are, augmented, and made tensors.
    """

    def make_policy(self) -> Any:
        """The transform of PIL images."""
        raise NotImplementedError

    def build_dataset(self, img_path: str, mode: str = "train", batch: Any = None) -> Any:
        """Ultralytics' data set, with the policy in training."""
        data_set = super().build_dataset(img_path, mode, batch)
        if mode == "train":
            steps = classify_transforms(self.args.imgsz).transforms
            place = next(i for i, step in enumerate(steps) if isinstance(step, ToTensor))
            data_set.torch_transforms = Compose([*steps[:place], self.make_policy(), *steps[place:]])
        return data_set
