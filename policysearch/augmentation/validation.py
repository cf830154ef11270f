"""What `augment` and `replay` are given, and what they refuse."""

from __future__ import annotations

import torch
from torch import Tensor

from policysearch.core.errors import UserError
from policysearch.policy.classes import class_policies
from policysearch.policy.mixes import mix_row
from policysearch.policy.policy import Policy

_MOST_PIXELS = 2**24  # float32, in which positions are computed, counts no further
_CHANNELS = (1, 3)


def current_policy(policy: Policy, progress: float) -> Policy:
    """Return the stage of a policy at `progress`, the share of training done in [0, 1].

    Raises:
        UserError: it is no policy, or no progress.
    """
    if not isinstance(policy, Policy):
        raise UserError(
            f"policy must be a Policy, as Policy.preset(name) and Policy.load(path) give, got {policy!r:.80}"
        )
    return policy.at(progress)


def check(policy: Policy, images: Tensor, labels: Tensor, num_classes: int, maps: Tensor | None) -> None:
    """Check a batch for `augment`. Values on a GPU are not looked at, since that would wait for it.

    Raises:
        UserError: the batch is not what `augment` asks for, or the policy is one of pairs; the message says which.
    """
    if policy.pair is not None:
        raise UserError(
            f"{policy.name or policy.hash} has a `pair`, which weighs two views of each image in self-supervised "
            "training (policysearch.views): leave it out to augment images with labels"
        )
    check_images(images)
    if policy.mix is not None and mix_row(policy.mix.operation).needs_texts:
        raise UserError(
            f"{policy.mix.operation} mixes strings as well as images, and only lines of text have them: "
            "policysearch.augment_lines, --task text-lines"
        )
    _check_labels(labels, images, num_classes)
    _check_classes(policy, num_classes)
    _check_maps(policy, images, maps)


def check_images(images: Tensor) -> None:
    """Check that images can be augmented.

    Raises:
        UserError: they are not uint8 [B, C, H, W] with 1 or 3 channels, or too large.
    """
    if not isinstance(images, Tensor) or images.dtype != torch.uint8 or images.dim() != 4:
        raise UserError(f"images must be a torch tensor uint8 [B, C, H, W], got {described(images)}")
    shape = list(images.shape)
    if shape[1] not in _CHANNELS and shape[3] in (*_CHANNELS, 4):
        raise UserError(f"images must be [B, C, H, W], {shape} looks like [B, H, W, C]: permute(0, 3, 1, 2)")
    if shape[1] not in _CHANNELS:
        advice = ": drop the transparency, images[:, :3]" if shape[1] == 4 else ""
        raise UserError(f"images must have 1 or 3 channels, got {shape[1]} in {shape}{advice}")
    if (shape[2] + 2) * (shape[3] + 2) > _MOST_PIXELS:
        raise UserError(f"images may have 16 million pixels, got {shape[2:]}: make them smaller first")


def check_shares(policy: Policy, images: Tensor, shares: Tensor | None) -> None:
    """Check the shares of an adaptive policy. Values on a GPU are not looked at.

    Raises:
        UserError: the policy is not adaptive, or they are not one number in [0, 1], or nan, per image.
    """
    if shares is None:
        return
    if policy.adaptive is None:
        name = policy.name or policy.hash
        raise UserError(f"shares are for adaptive policies, such as entaugment; {name} draws its magnitudes itself")
    if not isinstance(shares, Tensor) or shares.shape != images.shape[:1] or not shares.is_floating_point():
        raise UserError(
            f"shares must be a torch tensor of floats [{len(images)}], one per image, got {described(shares)}"
        )
    if shares.device != images.device:
        raise UserError(f"shares must be on the images' device {images.device}, they are on {shares.device}")
    if not shares.is_cuda and bool(((shares < 0) | (shares > 1)).any()):
        raise UserError(f"shares must lie in [0, 1], or be nan, got {shares.min():g}..{shares.max():g}")


def check_generator(generator: torch.Generator, images: Tensor) -> None:
    """Check that a generator can draw for the images.

    Raises:
        UserError: it is no generator, or is on another device than the images.
    """
    if not isinstance(generator, torch.Generator):
        raise UserError(f"generator must be a torch.Generator, got {described(generator)}")
    if generator.device.type != images.device.type:
        raise UserError(f"the generator must be on the images' device {images.device}, it is on {generator.device}")


def _check_labels(labels: Tensor, images: Tensor, num_classes: int) -> None:
    if not isinstance(labels, Tensor) or labels.shape != images.shape[:1] or labels.dtype != torch.int64:
        raise UserError(f"labels must be a torch tensor int64 [{len(images)}], one per image, got {described(labels)}")
    if labels.device != images.device:
        raise UserError(f"labels must be on the images' device {images.device}, they are on {labels.device}")
    if num_classes < 1:
        raise UserError(f"num_classes must be 1 or more, got {num_classes}")
    if len(labels) and not labels.is_cuda and not 0 <= int(labels.min()) <= int(labels.max()) < num_classes:
        raise UserError(f"labels must lie in 0..{num_classes - 1}, got {int(labels.min())}..{int(labels.max())}")


def _check_classes(policy: Policy, num_classes: int) -> None:
    beyond = [index for index in class_policies(policy) if index >= num_classes]
    if beyond:
        name = policy.name or policy.hash
        raise UserError(f"{name} has a part for class {beyond[0]}, and there are classes 0..{num_classes - 1}")


def _check_maps(policy: Policy, images: Tensor, maps: Tensor | None) -> None:
    if policy.mix is not None and mix_row(policy.mix.operation).needs_maps and maps is None:
        raise UserError(
            f"{policy.mix.operation} needs activation_maps [B, h, w], as policysearch.activation_maps(network, inputs, "
            "labels) gives them"
        )
    if maps is None:
        return
    if maps.dim() != 3 or len(maps) != len(images):
        raise UserError(f"activation_maps must be [{len(images)}, h, w], got {list(maps.shape)}")
    if maps.numel() and not maps.is_cuda and not (bool(maps.isfinite().all()) and float(maps.min()) >= 0):
        raise UserError(f"activation_maps must be finite and 0 or more, the least is {float(maps.min()):g}")


def described(value: object) -> str:
    """What was passed in place of a tensor: its type, and its dtype and shape where it has them."""
    if isinstance(value, Tensor):
        return f"{value.dtype} {list(value.shape)}"
    kind = f"a {type(value).__module__}.{type(value).__name__}"
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return f"{kind} {value.dtype} {list(value.shape)}: torch.from_numpy makes a tensor of it"
    return kind
