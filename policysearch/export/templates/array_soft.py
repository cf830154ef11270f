"""Targets and weights that go with the images: softened by what can still be seen, and mixed with the batch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from policysearch.export.templates.array_geometry import gathered
from policysearch.export.templates.array_library import Array, Key, cast, first_size, split, uniform, xp
from policysearch.export.templates.array_masks import inside
from policysearch.export.templates.array_pixels import (
    autocontrast,
    blur_left,
    brightness,
    color,
    color_left,
    contrast,
    equalize,
    gaussian_blur,
    gray_left,
    grayscale,
    information,
    invert,
    noise,
    noise_left,
    posterize,
    sharpness,
    sharpness_left,
    solarize,
    solarize_add,
)
from policysearch.export.templates.array_policy import Drawn, dirichlet, moved_places, of_operation, stepped
from policysearch.export.templates.array_steps import Operation, Table

KEPT: dict[Operation, Callable[[Array, Array, Array], Array]] = {
    autocontrast: information,
    brightness: information,
    contrast: information,
    equalize: information,
    invert: information,
    posterize: information,
    solarize: information,
    solarize_add: information,
    color: color_left,
    grayscale: gray_left,
    sharpness: sharpness_left,
    gaussian_blur: blur_left,
    noise: noise_left,
}


def visibility(table: Table, drawn: Drawn, images: Array) -> Array:
    """[rows of the draw] in [0, 1]: the share of the pixels still there, times what the other steps keep."""
    height, width = images.shape[1:3]
    grid = xp.reshape(xp.arange(1, height * width + 1, dtype="int32"), (1, height, width, 1))
    places = cast(images[..., :1] * 0, "int32") + grid
    share = xp.ones_like(drawn.magnitudes[:, 0])
    for slot, operations in enumerate(table.slots):
        places = moved_places(table, slot, drawn, places)
        before, images = images, stepped(table, slot, drawn, images)
        for place in operations:
            rule = KEPT.get(table.operations[place])
            if rule is not None:
                which, magnitudes, _ = of_operation(drawn, slot, place)
                share = share * xp.where(which, rule(before, images, magnitudes), 1.0)

    left = xp.sort(xp.reshape(places, (-1, height * width)), axis=1)
    new = xp.sum(cast((left[:, 1:] != left[:, :-1]) & (left[:, 1:] > 0), "float32"), axis=1)
    seen = new + cast(left[:, 0] > 0, "float32")
    return xp.clip(share, 0, 1) * seen / (height * width)


def only(table: Table, drawn: Drawn, chosen: Collection[Operation]) -> Drawn:
    """The draw with every operation left out that is not chosen."""
    places = [i if operation in chosen else 0 for i, operation in enumerate(table.operations)]
    return drawn._replace(operations=xp.take(xp.array(places, dtype="int32"), drawn.operations, axis=0))


@dataclass(frozen=True)
class Curve:
    """confidence = 1 - (1 - p_min)·(1 - v)^k for the visibility v that `operations` leave (None: all others).

    `p_min` None is 1/classes.
    """

    k: float
    p_min: float | None = None
    operations: Collection[Operation] | None = None


@dataclass(frozen=True)
class Softening:
    """Soft Augmentation (Liu et al. 2023): what an image's target, weight or both lose with its visibility.

    `mode`: target, weight or both. `normalise` divides the weights by their mean over the batch. `confusion`: how
    often images of a class, the outer key, were taken for another; what a target loses goes there (None: evenly).
    """

    mode: str
    curves: Sequence[Curve]
    normalise: bool = False
    confusion: Mapping[int, Mapping[int, float]] | None = None

    def confidence(self, table: Table, drawn: Drawn, images: Array, num_classes: int) -> Array:
        """[B] in [0, 1]: the product over the curves, not below the least p_min."""
        separate = frozenset().union(*(curve.operations or () for curve in self.curves))
        floors = [1 / num_classes if curve.p_min is None else curve.p_min for curve in self.curves]
        out = images[:, 0, 0, 0] * 0 + 1
        for curve, floor in zip(self.curves, floors, strict=True):
            if floor < 1:
                rest = [one for one in table.operations if one is not None and one not in separate]
                chosen = rest if curve.operations is None else curve.operations
                seen = self.seen(table, only(table, drawn, chosen), images)
                out = out * (1 - (1 - floor) * xp.power(1 - seen, curve.k))
        return xp.maximum(out, min(floors))

    def seen(self, table: Table, drawn: Drawn, images: Array) -> Array:
        """[B]: the visibility; of a mixture the mean of its draws', the image's own being 1."""
        if drawn.shares is None:
            return visibility(table, drawn, images)
        width = drawn.shares.shape[1] - 1
        of_chains = xp.reshape(visibility(table, drawn, xp.repeat(images, width, axis=0)), (-1, width))
        return xp.minimum(drawn.shares[:, 0] + xp.sum(drawn.shares[:, 1:] * of_chains, axis=1), 1.0)

    def spread(self, num_classes: int) -> Any:
        """[classes, classes] float32: where targets go to, rows sum to 1 and the diagonal is 0."""
        rows = 1 - np.eye(num_classes)
        for true, row in (self.confusion or {}).items():
            rows[true] = [row.get(k, 0) for k in range(num_classes)]
        return (rows / rows.sum(1, keepdims=True)).astype("float32")


def hard(labels: Array, num_classes: int) -> Array:
    """[B, classes] float32 of labels [B]."""
    return cast(cast(labels, "int32")[:, None] == xp.arange(num_classes, dtype="int32")[None], "float32")


def softened(softening: Any, labels: Array, confidence: Array, num_classes: int) -> tuple[Array, Array]:
    """Targets [B, classes] and weights [B] of images of this confidence [B]."""
    own, sure = hard(labels, num_classes), xp.ones_like(confidence)
    weights = confidence if softening.mode in ("weight", "both") else sure
    if softening.mode == "weight" or num_classes == 1:
        return own, weights
    others = xp.take(xp.array(softening.spread(num_classes)), cast(labels, "int32"), axis=0)
    return own * confidence[:, None] + others * (1 - confidence)[:, None], weights


Mixed = tuple[Array, Array, Array]


class MixDraw:
    """What was drawn for mixing B images: who takes part [B], partners [B, 3], λ [B] and numbers [B, 2]."""

    def __init__(self, key: Key, batch: Any, probability: float, alpha: float) -> None:
        of_numbers, of_partners, of_shares = split(key, 3)
        u = uniform(of_numbers, (batch, 3))
        self.applied, self.numbers = u[:, 0] < probability, u[:, 1:]
        self.partners = cast(xp.argsort(uniform(of_partners, (batch, 3)), axis=0), "int32")
        self.share = dirichlet(of_shares, alpha, batch, 2)[:, 0]


def selves(images: Array) -> Array:
    return xp.arange(first_size(images), dtype="int32")


def pairs(images: Array, draw: Any) -> Array:
    return xp.stack([selves(images), draw.partners[:, 0]], axis=1)


def blend(images: Array, draw: Any, share: Array) -> Array:
    """share·image + (1 - share)·partner."""
    share = share[:, None, None, None]
    return xp.round(images * share + xp.take(images, draw.partners[:, 0], axis=0) * (1 - share))


def _mixup(images: Array, draw: Any) -> Mixed:
    """λ·a + (1 - λ)·b (Zhang et al. 2018)."""
    return blend(images, draw, draw.share), pairs(images, draw), xp.stack([draw.share, 1 - draw.share], axis=1)


def _sample_pairing(images: Array, draw: Any) -> Mixed:
    """The mean of a and b; the target stays a's (Inoue 2018)."""
    half = draw.share * 0 + 0.5
    return blend(images, draw, half), pairs(images, draw), xp.stack([half * 2, half * 0], axis=1)


def _cutmix(images: Array, draw: Any) -> Mixed:
    """A box of b at the same place in a; λ becomes the share of a's pixels left (Yun et al. 2019)."""
    height, width = images.shape[1:3]
    low, high = [], []
    for i, side in enumerate((height, width)):
        half = xp.floor(xp.floor(xp.sqrt(1 - draw.share) * side) / 2)
        middle = xp.floor(draw.numbers[:, i] * side)
        low.append(xp.maximum(middle - half, 0.0))
        high.append(xp.minimum(middle + half, float(side)))
    pasted = inside(height, width, low[0], low[1], high[0] - low[0], high[1] - low[1])
    share = 1 - xp.mean(cast(pasted, "float32"), axis=(1, 2))
    mixed = xp.where(pasted[..., None], xp.take(images, draw.partners[:, 0], axis=0), images)
    return mixed, pairs(images, draw), xp.stack([share, 1 - share], axis=1)


def _mosaic(images: Array, draw: Any) -> Mixed:
    """Four images around a centre in the middle half of both sides; targets by area (Bochkovskiy et al. 2020)."""
    height, width = images.shape[1:3]
    y, x = (xp.round((0.25 + draw.numbers[:, i] / 2) * side)[:, None] for i, side in enumerate((height, width)))
    ys, xs = xp.arange(height, dtype="float32")[None], xp.arange(width, dtype="float32")[None]
    below, right = ys >= y, xs >= x
    rows, columns = ys - y + xp.where(below, 0.0, height), xs - x + xp.where(right, 0.0, width)
    down = rows[:, :, None] + columns[:, None] * 0
    across = columns[:, None] + rows[:, :, None] * 0
    which = cast(below, "int32")[:, :, None] * 2 + cast(right, "int32")[:, None]

    sources = xp.concatenate([selves(images)[:, None], draw.partners], axis=1)
    mixed, shares = images * 0, []
    for q in range(4):
        quarter = which == q
        mixed = xp.where(quarter[..., None], gathered(xp.take(images, sources[:, q], axis=0), down, across), mixed)
        shares.append(xp.mean(cast(quarter, "float32"), axis=(1, 2)))
    return mixed, sources, xp.stack(shares, axis=1)


@dataclass(frozen=True)
class Mix:
    """A mix of the images of a batch, in which an image takes part with `probability`."""

    mixer: Callable[[Array, Any], Mixed]
    probability: float
    alpha: float

    def __call__(self, key: Key, images: Array, targets: Array, weights: Array) -> Mixed:
        """images [B, H, W, C] float32, targets [B, classes] and weights [B], mixed."""
        return self.mixed(MixDraw(key, first_size(images), self.probability, self.alpha), images, targets, weights)

    def mixed(self, draw: Any, images: Array, targets: Array, weights: Array) -> Mixed:
        """The same with what was drawn."""
        mixed, sources, shares = self.mixer(images, draw)
        alone = cast(xp.arange(shares.shape[1], dtype="int32") == 0, "float32")[None] + shares * 0
        shares = xp.where(draw.applied[:, None], shares, alone)
        out = xp.where(draw.applied[:, None, None, None], mixed, images)
        total = xp.sum(shares, axis=1, keepdims=True)
        even = xp.where(total > 0, shares / xp.maximum(total, 1e-9), alone)
        mixed_targets = xp.sum(xp.take(targets, sources, axis=0) * even[:, :, None], axis=1)
        return out, mixed_targets, xp.sum(xp.take(weights, sources, axis=0) * shares, axis=1)


def mixed_by_stage(mixes: Sequence[Any], stage: Array, key: Key, parts: Mixed) -> Mixed:
    """Images, targets and weights, mixed as the stage says; `mixes`: by stage, None for none."""
    images, targets, weights = parts
    for i, (mix, of_stage) in enumerate(zip(mixes, split(key, len(mixes)), strict=True)):
        if mix is not None:
            new = mix(of_stage, images, targets, weights)
            images, targets, weights = (
                xp.where(stage == i, a, b) for a, b in zip(new, (images, targets, weights), strict=True)
            )
    return images, targets, weights
