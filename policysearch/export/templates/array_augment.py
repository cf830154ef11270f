"""Batches of images, and what goes with them, after a policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from policysearch.export.templates.array_library import Array, Key, cast, first_size, split, xp
from policysearch.export.templates.array_policy import Drawn, applied, draw, draw_mixture, stage_of
from policysearch.export.templates.array_soft import hard, mixed_by_stage, softened
from policysearch.export.templates.array_steps import Table

CHANNELS = (1, 3)


def described(images: Any) -> str:
    """What was passed as images: its type, dtype and shape."""
    facts = (getattr(images, fact) for fact in ("dtype", "shape") if hasattr(images, fact))
    return " ".join([type(images).__name__, *(str(list(one) if isinstance(one, tuple) else one) for one in facts)])


def check_sizes(images: Any) -> None:
    """Refuse what is no batch [B, H, W, C] of one size, known before it is computed, grey or RGB."""
    rule = f"images must be [B, H, W, C] or [H, W, C] of one known size, with 1 or 3 channels, got {described(images)}"
    shape = tuple(getattr(images, "shape", ()))
    if len(shape) in (3, 4) and shape[-1] == 4:
        raise ValueError(f"{rule}: drop the transparency, images[..., :3]")
    if len(shape) in (3, 4) and shape[-1] not in CHANNELS and shape[-3] in CHANNELS:
        raise ValueError(f"{rule}: channels come last here")
    if len(shape) not in (3, 4) or shape[-1] not in CHANNELS or None in shape[-3:]:
        raise ValueError(rule)


def drawn_for(table: Table, mixture: Any, key: Key, batch: Any, progress: Any) -> Drawn:
    """A draw for each image; `mixture`: (width, alpha) of the mean of several, None for one."""
    if mixture is None:
        return draw(table, key, batch, progress)
    return draw_mixture(table, key, batch, progress, *mixture)


def augmented(table: Table, mixture: Any, key: Key, images: Array, progress: Any) -> Array:
    """images [B, H, W, C] float32 of whole numbers, each after a draw of its own."""
    return applied(table, drawn_for(table, mixture, key, first_size(images), progress), images)


def soft_augmented(
    table: Table,
    mixture: Any,
    softening: Any,
    mixes: Sequence[Any],
    key: Key,
    images: Array,
    labels: Array,
    num_classes: int,
    progress: Any,
) -> tuple[Array, Array, Array]:
    """The same with targets [B, num_classes] and weights [B], softened and mixed."""
    of_draw, of_mix = split(key, 2)
    drawn = drawn_for(table, mixture, of_draw, first_size(images), progress)
    targets = hard(labels, num_classes)
    weights = targets[:, 0] * 0 + 1
    if softening is not None:
        sure = softening.confidence(table, drawn, images, num_classes)
        targets, weights = softened(softening, labels, sure, num_classes)
    parts = (applied(table, drawn, images), targets, weights)
    out, targets, weights = mixed_by_stage(mixes, stage_of(table, progress), of_mix, parts)
    if softening is not None and softening.normalise:
        weights = weights / xp.maximum(xp.mean(weights), 1e-9)
    return out, targets, cast(weights, "float32")
