"""`augment_targets`: a policy applied to images with several labels, or with numbers, each."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from policysearch.augmentation.batch import applied, share_seen
from policysearch.augmentation.mixing import mix
from policysearch.augmentation.sampling import Draw, draw
from policysearch.augmentation.soft_targets import confidence
from policysearch.augmentation.validation import check_generator, check_images, current_policy
from policysearch.core.errors import UserError
from policysearch.policy.mixes import mix_row
from policysearch.policy.policy import Policy
from policysearch.policy.softening import Softening


class Targeted(NamedTuple):
    """Images with their targets after augmentation.

    Attributes:
        images: [B, C, H, W] uint8.
        targets: [B, K] float32.
        weights: [B] float32, 0 or more.
    """

    images: Tensor
    targets: Tensor
    weights: Tensor


def augment_targets(
    policy: Policy,
    images: Tensor,
    targets: Tensor,
    generator: torch.Generator,
    *,
    frequencies: Tensor | None = None,
    progress: float = 0.0,
) -> Targeted:
    """Apply `policy` to a batch whose images have several labels each, or numbers: draw, apply, soften, then mix.

    Softening takes each label by itself: one that is there gets 1 - (1 - p_min)·(1 - v)^k in place of 1 (Liu et al.
    2023, equation 7), where `p_min` left open is the label's frequency, which is what is known of an image that shows
    nothing. Labels that are not there stay 0: what hides pixels takes things away, and brings none. The weight of an
    image has the mean of the frequencies as its `p_min`.

    A mix adds targets up by the images' shares: a label that both images have stays 1, and numbers become their
    weighted mean. Sample pairing keeps the first image's targets (Inoue 2018).

    Args:
        policy: what to draw from; it has no part that takes one class per image.
        images: [B, C, H, W] uint8, C 1 or 3, left unchanged.
        targets: [B, K] float32: 1 where an image has a label, else 0; or numbers, whose policies do not soften.
        generator: on the images' device; the same state gives the same result.
        frequencies: [K] float32, the share of training images that have each label, for softening.
        progress: share of training done, in [0, 1], for policies with stages.

    Raises:
        UserError: images are not uint8 [B, C, H, W] with 1 or 3 channels; targets, frequencies or generator do not fit
            them; the policy differs by class, adapts to predictions, weighs pairs, spreads targets by confusion, or
            mixes by activation maps or strings.

    Example:
        >>> images = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
        >>> labels = torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
        >>> pairing = Policy.from_dict({"sub_policies": [{}], "mix": {"operation": "mixup", "probability": 1}})
        >>> batch = augment_targets(pairing, images, labels, torch.Generator().manual_seed(0))
        >>> batch.targets[:, 0], batch.targets[:, 1:].sum(1)  # both have the first label, and one of two others
        (tensor([1., 1.]), tensor([1., 1.]))
    """
    current = current_policy(policy, progress)
    check_images(images)
    must_suit_targets(current)
    _check_targets(targets, images)
    check_generator(generator, images)
    drawn = draw(current, len(images), generator)
    out, weights = applied(drawn, images), torch.ones(len(images), device=images.device)
    if current.softening is not None:
        targets, weights = _softened(current.softening, drawn, images, targets, _checked(frequencies, targets))
    if drawn.mix is not None:
        out, targets, weights = mix(drawn.mix, out, targets, weights, None)
    if current.softening is not None and current.softening.normalise and len(weights):
        weights = weights / weights.mean().clamp(min=1e-9)
    return Targeted(out, targets, weights)


def must_suit_targets(policy: Policy) -> None:
    """Check that a policy without stages can augment images that have not one class each.

    Raises:
        UserError: a part of it takes one class per image, or is for another task.
    """
    name = policy.name or policy.hash
    if policy.classes:
        raise UserError(f"{name} has parts for some classes, and these images have not one class each: leave them out")
    if policy.adaptive is not None:
        raise UserError(f"{name} adapts to the class that is predicted, and there are none: leave out 'adaptive'")
    if policy.pair is not None:
        raise UserError(f"{name} weighs pairs of views of self-supervised training: leave out 'pair'")
    if policy.softening is not None and policy.softening.spread == "confusion":
        raise UserError(f"{name} spreads what a target loses over other classes: leave out spread = 'confusion'")
    row = None if policy.mix is None else mix_row(policy.mix.operation)
    if policy.mix is not None and row is not None and (row.needs_maps or row.needs_texts):
        needs = "strings" if row.needs_texts else "an activation map of one class per image"
        raise UserError(f"{name} mixes by {policy.mix.operation}, which needs {needs}: take another mix")


def label_confidence(softening: Softening, drawn: Draw, images: Tensor, floors: Tensor) -> Tensor:
    """[B, K] float32: equation 7 for each label; with curves of single operations their product, floored.

    Args:
        softening: the curves.
        drawn: what was drawn for these images.
        images: [B, C, H, W] uint8, before it.
        floors: [K] float32, `p_min` of each label where a curve gives none.
    """
    with_curve = frozenset(softening.operations or ())
    rest = frozenset(drawn.names) - with_curve if with_curve else None
    parts, least = [], torch.ones_like(floors)
    for curve, names in softening.curves():
        floor = floors if curve.p_min is None else torch.full_like(floors, curve.p_min)
        least = torch.minimum(least, floor)
        if curve.p_min != 1:
            visibility = share_seen(drawn, images, rest if names is None else names)
            parts.append(confidence(visibility[:, None], curve.k, floor))  # type: ignore[arg-type]  # broadcasts
    if not parts:
        return torch.ones(len(images), len(floors), device=images.device)
    return torch.maximum(torch.stack(parts).prod(0), least)


def _softened(
    softening: Softening, drawn: Draw, images: Tensor, targets: Tensor, frequencies: Tensor
) -> tuple[Tensor, Tensor]:
    """Targets [B, K] and weights [B]."""
    weights = torch.ones(len(images), device=images.device)
    if softening.mode in ("weight", "both"):
        weights = label_confidence(softening, drawn, images, frequencies.mean(0, keepdim=True))[:, 0]
    if softening.mode in ("target", "both"):
        targets = targets * label_confidence(softening, drawn, images, frequencies)
    return targets, weights


def _check_targets(targets: Tensor, images: Tensor) -> None:
    if not isinstance(targets, Tensor) or targets.dim() != 2 or len(targets) != len(images) or not targets.shape[1]:
        shape = list(targets.shape) if isinstance(targets, Tensor) else type(targets).__name__
        raise UserError(f"targets must be a torch tensor [{len(images)}, labels], a row per image, got {shape}")
    if targets.dtype != torch.float32:
        raise UserError(f"targets must be float32, got {targets.dtype}: targets.float()")
    if targets.device != images.device:
        raise UserError(f"targets must be on the images' device {images.device}, they are on {targets.device}")


def _checked(frequencies: Tensor | None, targets: Tensor) -> Tensor:
    if frequencies is None:
        raise UserError(
            "a policy that softens needs frequencies [labels], the share of training images that have each label: "
            "labels.float().mean(0)"
        )
    if frequencies.shape != targets.shape[1:]:
        raise UserError(f"frequencies must be [{targets.shape[1]}], one per label, got {list(frequencies.shape)}")
    return frequencies.to(targets.device, torch.float32)
