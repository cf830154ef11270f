"""`augment`: a policy applied to a batch, each image with its own draw."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from policysearch.augmentation.apply import apply, track
from policysearch.augmentation.class_groups import class_groups
from policysearch.augmentation.confusion import spread
from policysearch.augmentation.kernels.pixel_moves import rows_a_piece
from policysearch.augmentation.mixing import mix
from policysearch.augmentation.policy_tensors import operation_names
from policysearch.augmentation.sampling import Draw, draw
from policysearch.augmentation.soft_targets import policy_confidence, soften
from policysearch.augmentation.validation import check, check_generator, check_shares, current_policy
from policysearch.augmentation.visibility import only, visibility
from policysearch.core.errors import UserError
from policysearch.policy.policy import Policy


@dataclass(frozen=True)
class Augmented:
    """A batch after augmentation.

    Attributes:
        images: [B, C, H, W] uint8.
        targets: [B, num_classes] float32, rows sum to 1.
        weights: [B] float32, 0 or more.
        draw: what was drawn, as data.
        sources: [B, C, H, W] uint8, the images as they were given.
    """

    images: Tensor
    targets: Tensor
    weights: Tensor
    draw: Draw
    sources: Tensor

    @cached_property
    def visibility(self) -> Tensor:
        """[B] float32 in [0, 1]: how much of its own source each image shows, before any mix.

        Computed when first read, from `sources`, which must not have been overwritten by then.
        """
        return share_seen(self.draw, self.sources, None)


def augment(
    policy: Policy,
    images: Tensor,
    labels: Tensor,
    *,
    num_classes: int,
    generator: torch.Generator,
    progress: float = 0.0,
    activation_maps: Tensor | None = None,
    shares: Tensor | None = None,
) -> Augmented:
    """Apply `policy` to a batch: draw, apply, soften, then mix.

    Args:
        policy: what to draw from.
        images: [B, C, H, W] uint8, C 1 or 3, left unchanged.
        labels: [B] int64 in 0..num_classes-1; each image draws from the policy of its class, where classes differ.
        num_classes: number of classes, for the targets.
        generator: on the images' device; the same state gives the same result.
        progress: share of training done, in [0, 1], for policies with stages.
        activation_maps: [B, h, w] float, 0 or more, of any size: where each image as given shows its class
            (see `policysearch.child.class_activation`); they are moved along with the pixels. For SnapMix.
        shares: [B] float32 in [0, 1]: where in their ranges each image's magnitudes lie, for policies that are
            adaptive; nan, or None for all, draws them evenly.

    Raises:
        UserError: images are not uint8 [B, C, H, W] with 1 or 3 channels, or too large; labels, maps, shares or
            generator do not fit them; the policy needs maps, or takes no shares; it calls a class by name, or one that
            is none of them, or spreads targets by a confusion that was not measured.

    Example:
        >>> images = torch.zeros(4, 3, 32, 32, dtype=torch.uint8)
        >>> labels = torch.tensor([0, 1, 2, 1])
        >>> generator = torch.Generator().manual_seed(0)
        >>> batch = augment(Policy.preset("soft-crop"), images, labels, num_classes=3, generator=generator)
        >>> batch.images.shape, batch.targets.sum(1)
        (torch.Size([4, 3, 32, 32]), tensor([1., 1., 1., 1.]))
    """
    current = current_policy(policy, progress)
    check(current, images, labels, num_classes, activation_maps)
    check_shares(current, images, shares)
    check_generator(generator, images)
    drawn = draw(current, len(images), generator, shares, labels)
    return _replay(current, drawn, images, labels, num_classes, activation_maps)


def replay(
    policy: Policy,
    drawn: Draw,
    images: Tensor,
    labels: Tensor,
    *,
    num_classes: int,
    progress: float = 0.0,
    activation_maps: Tensor | None = None,
) -> Augmented:
    """Apply a draw again: what `augment` would give if it drew this.

    Args:
        policy: the policy drawn from, for its softening.
        drawn: the `draw` of an earlier result, for as many images.
        images: as for `augment`.
        labels: as for `augment`.
        num_classes: as for `augment`.
        progress: as for `augment`.
        activation_maps: as for `augment`.

    Raises:
        UserError: as for `augment`, or the draw is for another number of images.

    Example:
        >>> images = torch.arange(64, dtype=torch.uint8).view(1, 1, 8, 8)
        >>> label, generator = torch.tensor([0]), torch.Generator().manual_seed(0)
        >>> policy = Policy.preset("trivialaugment-wide")
        >>> first = augment(policy, images, label, num_classes=2, generator=generator)
        >>> again = replay(policy, first.draw, images, label, num_classes=2)
        >>> torch.equal(first.images, again.images)
        True
    """
    current = current_policy(policy, progress)
    check(current, images, labels, num_classes, activation_maps)
    rows = len(images) * (1 if drawn.mixture is None else drawn.mixture.shape[1] - 1)
    if len(drawn) != rows:
        raise UserError(f"the draw is for {len(drawn) * len(images) // max(1, rows)} images, got {len(images)}")
    return _replay(current, drawn, images, labels, num_classes, activation_maps)


def _replay(
    policy: Policy, drawn: Draw, images: Tensor, labels: Tensor, num_classes: int, activation_maps: Tensor | None
) -> Augmented:
    out = applied(drawn, images)
    targets, weights = _targets(policy, drawn, images, labels, num_classes)
    if drawn.mix is not None:
        maps = None if activation_maps is None else _moved_maps(drawn, activation_maps, images)
        out, targets, weights = mix(drawn.mix, out, targets, weights, maps)
    if policy.softening is not None and policy.softening.normalise and len(weights):
        weights = weights / weights.mean().clamp(min=1e-9)
    return Augmented(out, targets, weights, drawn, images)


def applied(drawn: Draw, images: Tensor) -> Tensor:
    """The images [B, C, H, W] after their steps; with a mixture (AugMix), the mean of all draws and the original."""
    if drawn.mixture is None:
        return apply(drawn, images)
    width = drawn.mixture.shape[1] - 1
    chains = apply(drawn, images.repeat_interleave(width, 0)).view(len(images), width, *images.shape[1:])
    shares = drawn.mixture[:, :, None, None, None]
    out, step = torch.empty_like(images), rows_a_piece(images)
    for at in range(0, len(images), step):
        piece = slice(at, at + step)
        mean = images[piece] * shares[piece, 0]
        for i in range(width):
            mean += chains[piece, i] * shares[piece, i + 1]
        out[piece] = mean.round_().clamp_(0, 255)
    return out


def share_seen(drawn: Draw, images: Tensor, names: Collection[str] | None) -> Tensor:
    """The visibility after what was drawn; of a mixture, the weighted mean.

    Args:
        drawn: for these images.
        images: [B, C, H, W] uint8, before it.
        names: operations that alone count; None: all.

    Returns:
        [B] float32 in [0, 1].
    """
    draws = drawn if names is None else only(drawn, names)
    if drawn.mixture is None:
        return visibility(draws, images)
    width = drawn.mixture.shape[1] - 1
    of_chains = visibility(draws, images.repeat_interleave(width, 0)).view(-1, width)
    return (drawn.mixture[:, 0] + (drawn.mixture[:, 1:] * of_chains).sum(1)).clamp_(max=1)


def _targets(policy: Policy, drawn: Draw, images: Tensor, labels: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Targets [B, num_classes] and weights [B], each image's by the softening of its class."""
    if not policy.classes:
        return _targets_alike(policy, drawn, images, labels, num_classes)
    targets, weights = _hard(labels, num_classes)
    for part, rows in class_groups(policy, labels):
        if part.softening is not None:
            # Visibility is computed as for this policy alone, to the last bit.
            drawn_alike = only(drawn.images(rows), operation_names(part))
            alike = _targets_alike(part, drawn_alike, images[rows], labels[rows], num_classes)
            targets[rows], weights[rows] = alike
    return targets, weights


def _hard(labels: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    targets = torch.zeros(len(labels), num_classes, device=labels.device).scatter_(1, labels[:, None], 1.0)
    return targets, torch.ones(len(labels), device=labels.device)


def _targets_alike(
    policy: Policy, drawn: Draw, images: Tensor, labels: Tensor, num_classes: int
) -> tuple[Tensor, Tensor]:
    """The same where all images are softened alike."""
    curve = policy.softening
    if curve is None:
        return _hard(labels, num_classes)
    with_curve = frozenset(curve.operations or ())

    def seen(names: Collection[str] | None) -> Tensor:
        rest = None if not with_curve else frozenset(drawn.names) - with_curve
        return share_seen(drawn, images, rest if names is None else names)

    shares = spread(policy, num_classes, labels.device)
    return soften(curve.mode, policy_confidence(curve, seen, num_classes), labels, num_classes, shares)


def _moved_maps(drawn: Draw, maps: Tensor, images: Tensor) -> Tensor:
    """Maps [B, h, w] in the images' size [B, 1, H, W], gone through the same geometry, masks and mixture."""
    grown = F.interpolate(maps[:, None].float(), images.shape[2:], mode="bilinear")
    if drawn.mixture is None:
        return track(drawn, grown, 0)
    shares = drawn.mixture[:, :, None, None, None]
    chains = track(drawn, grown.repeat_interleave(shares.shape[1] - 1, 0), 0).view(len(maps), -1, *grown.shape[1:])
    return shares[:, 0] * grown + (shares[:, 1:] * chains).sum(1)
