"""Policies as transforms for a training of one's own: of single images, or of labelled batches on their device."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from policysearch.augmentation.batch import Augmented, applied, augment
from policysearch.augmentation.sampling import draw
from policysearch.augmentation.validation import check_images
from policysearch.core.errors import UserError
from policysearch.policy.policy import Policy

_MODES = ("L", "RGB")
_LEFT_OUT = (
    ("softening", "softens targets by what can be seen"),
    ("mix", "mixes the images of a batch and their labels"),
    ("classes", "treats classes differently"),
)
"""Parts of a policy that need labels, and what they do."""


class ImageTransform:
    """A policy as a transform of images without their labels.

    Takes a PIL image (L or RGB), an array uint8 [H, W] or [H, W, C], or a tensor [C, H, W] or [B, C, H, W] on any
    device, uint8 or floating in [0, 1], and gives the same kind; each image of a batch has its own draw. Draws come
    from torch's global generator of the device: `torch.manual_seed`, or a DataLoader's own seeds, repeat them, and
    workers of a DataLoader differ.

    Args:
        policy: what to draw from.
        allow_loss: leave out what needs labels: softening, mixes, parts for single classes.

    Attributes:
        progress: share of the training done, in [0, 1], for policies with stages. Workers of a DataLoader see it too,
            persistent ones included.

    Raises:
        UserError: the policy has a part that needs labels, two views or the network.

    Example:
        >>> transform = Policy.preset("trivialaugment-wide").to_transform()
        >>> transform(Image.new("RGB", (32, 32))).size, transform(torch.rand(4, 3, 32, 32)).shape
        ((32, 32), torch.Size([4, 3, 32, 32]))
    """

    def __init__(self, policy: Policy, *, allow_loss: bool = False) -> None:
        parts = [policy.at(start) for start in (0.0, *(stage.start for stage in policy.stages))]
        _must_need_no_labels(policy, parts, allow_loss)
        self._starts = [0.0, *(stage.start for stage in policy.stages)]
        self._parts = [part.model_copy(update={"softening": None, "mix": None, "classes": {}}) for part in parts]
        self._progress = torch.zeros(1).share_memory_()
        self.policy = policy

    @property
    def progress(self) -> float:
        return float(self._progress)

    @progress.setter
    def progress(self, share: float) -> None:
        self.policy.at(share)
        self._progress.fill_(share)

    def __call__(self, image: Any) -> Any:
        """Augment one image, or every image of a batch tensor.

        Raises:
            UserError: it is of none of these kinds.
        """
        if isinstance(image, Tensor):
            return self._of_tensor(image)
        if isinstance(image, Image.Image):
            if image.mode not in _MODES:
                raise UserError(f"images must be of mode L or RGB, got {image.mode}: image.convert('RGB')")
            return Image.fromarray(self._of_array(np.asarray(image)))
        if isinstance(image, np.ndarray):
            return self._of_array(image)
        raise UserError(f"an image is a PIL image, an array or a tensor, got {type(image).__name__}")

    def _of_array(self, image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        if image.dtype != np.uint8 or image.ndim not in (2, 3):
            raise UserError(
                f"an array must be uint8 [H, W] or [H, W, C], got {image.dtype} {list(image.shape)}: give tensors as "
                "torch tensors"
            )
        pixels = torch.from_numpy(np.array(image if image.ndim == 3 else image[:, :, None]))
        changed = self._of_bytes(pixels.permute(2, 0, 1)[None].contiguous())[0].permute(1, 2, 0)
        return changed.contiguous().numpy().reshape(image.shape)

    def _of_tensor(self, images: Tensor) -> Tensor:
        batch = images if images.dim() == 4 else images[None]
        changed = like(images, self._of_bytes(as_bytes(batch)))
        return changed if images.dim() == 4 else changed[0]

    def _of_bytes(self, images: Tensor) -> Tensor:
        check_images(images)
        progress = self.progress
        part = self._parts[sum(progress >= start for start in self._starts) - 1]
        return applied(draw(part, len(images), _global_generator(images.device)), images)


class BatchTransform:
    """A policy as a transform of labelled batches, on the device where these are.

    Args:
        policy: what to draw from, mixes and softening included.
        num_classes: for the targets.
        seed: of the draws; None takes one from torch's global generator.

    Example:
        >>> transform = Policy.preset("trivialaugment-wide").to_batch_transform(num_classes=3, seed=0)
        >>> batch = transform(torch.rand(4, 3, 32, 32), torch.tensor([0, 1, 2, 1]))
        >>> batch.images.dtype, batch.targets.shape
        (torch.float32, torch.Size([4, 3]))
    """

    def __init__(self, policy: Policy, num_classes: int, seed: int | None = None) -> None:
        self.policy = policy
        self.num_classes = num_classes
        self._seed = int(torch.randint(2**62, ())) if seed is None else seed
        self._generators: dict[torch.device, torch.Generator] = {}

    def __call__(self, images: Tensor, labels: Tensor, progress: float = 0.0) -> Augmented:
        """Augment a batch: its images, targets and weights, for `policysearch.soft_loss`.

        Args:
            images: [B, C, H, W], uint8 or floating in [0, 1]; the result's are the same.
            labels: [B] int64 on the same device.
            progress: share of the training done, in [0, 1], for policies with stages.

        Raises:
            UserError: as `policysearch.augment`.
        """
        if images.device not in self._generators:
            self._generators[images.device] = torch.Generator(images.device).manual_seed(self._seed)
        generator = self._generators[images.device]
        batch = augment(
            self.policy,
            as_bytes(images),
            labels,
            num_classes=self.num_classes,
            generator=generator,
            progress=progress,
        )
        return replace(batch, images=like(images, batch.images))


def as_bytes(images: Tensor) -> Tensor:
    """Floating images in [0, 1] as uint8, by rounding; uint8 as they are.

    Raises:
        UserError: they are of another type, or leave [0, 1].
    """
    if not images.is_floating_point():
        return images
    low, high = images.aminmax() if images.numel() else (images.new_zeros(()), images.new_zeros(()))
    if not (low >= 0 and high <= 1):
        raise UserError(
            f"floating images must be in [0, 1], got {float(low):g} to {float(high):g}: augment before normalising"
        )
    return images.mul(255).round().to(torch.uint8)


def like(images: Tensor, changed: Tensor) -> Tensor:
    """Changed uint8 images in the type of those that were given."""
    return changed.to(images.dtype).div(255) if images.is_floating_point() else changed


def _global_generator(device: torch.device) -> torch.Generator:
    if device.type == "cuda":
        torch.cuda.init()
        return torch.cuda.default_generators[device.index or 0]
    return torch.default_generator


def _must_need_no_labels(policy: Policy, parts: list[Policy], allow_loss: bool) -> None:
    """Check that a policy can be applied to images alone, or may lose what cannot.

    Raises:
        UserError: it cannot.
    """
    title = f"policy {policy.name or policy.hash}"
    if policy.pair is not None or any(part.adaptive is not None for part in parts):
        what = "weighs two views of an image" if policy.pair is not None else "asks the network for magnitudes"
        raise UserError(f"{title} {what}, which a transform of images cannot")
    lost = [words for name, words in _LEFT_OUT if any(getattr(part, name) for part in parts)]
    if lost and not allow_loss:
        raise UserError(
            f"{title} {' and '.join(lost)}, which a transform of images without labels cannot: take "
            "policy.to_batch_transform(num_classes), search a space without such arms (--space transforms), or give "
            "allow_loss=True to leave that out"
        )
