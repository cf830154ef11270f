"""What is drawn for the images of a batch, and what it does to them."""

from __future__ import annotations

from typing import Any, NamedTuple

from policysearch.export.templates.array_geometry import (
    flip_horizontal,
    flip_vertical,
    nearest,
    pad_and_crop,
    perspective,
    resample,
    resized_crop,
    rotate,
    shear_x,
    shear_y,
    soft_crop,
    soft_resized_crop,
    translate_x,
    translate_x_pixels,
    translate_y,
    translate_y_pixels,
    warp,
)
from policysearch.export.templates.array_library import (
    Array,
    Key,
    cast,
    erfinv,
    gamma,
    split,
    uniform,
    xp,
)
from policysearch.export.templates.array_masks import cutout, grid_mask, hide_and_seek, random_erasing
from policysearch.export.templates.array_steps import Operation, Shuffled, Table

MATRICES: frozenset[Operation] = frozenset(
    [
        shear_x,
        shear_y,
        rotate,
        translate_x,
        translate_y,
        translate_x_pixels,
        translate_y_pixels,
        flip_horizontal,
        flip_vertical,
        pad_and_crop,
        soft_crop,
        perspective,
    ]
)
CROPS: frozenset[Operation] = frozenset([resized_crop, soft_resized_crop])
HIDING: frozenset[Operation] = frozenset([cutout, random_erasing, grid_mask, hide_and_seek])


class Drawn(NamedTuple):
    """What was drawn for B images and S steps; of a mixture the B · width draws, an image's together.

    `operations`: [B, S] int32, places in the table's operations, 0 for none. `magnitudes`: [B, S] float32. `numbers`:
    [B, S, K] float32 in [0, 1). `shares`: [B, 1 + width], what the image itself and its draws count in a mixture.
    """

    operations: Array
    magnitudes: Array
    numbers: Array
    shares: Any = None


def stage_of(table: Table, progress: Any) -> Array:
    """The place of the stage at a share of the training done."""
    return xp.sum(cast(xp.array(table.starts) <= progress, "int32")) - 1


def draw(table: Table, key: Key, batch: Any, progress: Any = 0.0) -> Drawn:
    """One sub-policy for each image, and for each of its steps all that is random."""
    slots = len(table.slots)
    keys = split(key, 1 + len(table.shuffled))
    numbers = uniform(keys[0], (batch, 1 + slots * (4 + table.numbers)))
    weights = xp.take(xp.array(table.cumulative), stage_of(table, progress), axis=0)
    sub = xp.minimum(xp.sum(cast(numbers[:, :1] >= weights[None], "int32"), axis=1), len(table.choices) - 1)

    u = xp.reshape(numbers[:, 1:], (-1, slots, 4 + table.numbers))
    choice = cast(xp.floor(u[:, :, 0] * xp.take(xp.array(table.choices), sub, axis=0)), "int32")
    choices = [choice[:, s] for s in range(slots)]
    applied: list[Any] = [None] * slots
    for part, of_part in zip(table.shuffled, keys[1:], strict=True):
        here = sub == part.sub
        for s, (which, taken) in enumerate(in_random_order(part, of_part, batch), part.first):
            choices[s] = xp.where(here, which, choices[s])
            others = u[:, s, 1] * 0 > 1 if applied[s] is None else applied[s]
            applied[s] = xp.where(here, taken, others)
    return in_slots(table, sub, choices, applied, u)


def in_random_order(part: Shuffled, key: Key, batch: Any) -> list[tuple[Array, Array]]:
    """For each slot of a `SomeOf` which step it takes [B] and whether it is applied [B]: slot r takes the r-th that is
    applied in the shuffled order, if r < n."""
    size = len(part.probabilities)
    u = uniform(key, (batch, 1 + 2 * size))
    limits, total = [], 0.0
    for share in part.counts[:-1]:
        total += share
        limits.append(total)
    count = xp.sum(cast(u[:, :1] >= xp.array([limits], dtype="float32"), "int32"), axis=1)
    order = cast(xp.argsort(u[:, 1 : 1 + size], axis=1), "int32")
    tried = u[:, 1 + size :] < xp.take(xp.array(part.probabilities, dtype="float32"), order, axis=0)
    rank = xp.cumsum(cast(tried, "int32"), axis=1)

    slots = []
    for r in range(len(part.counts) - 1):
        here = cast(tried & (rank == r + 1), "int32")
        slots.append((xp.sum(order * here, axis=1), (xp.sum(here, axis=1) > 0) & (count > r)))
    return slots


def in_slots(table: Table, sub: Array, choices: list[Array], applied: list[Any], u: Array) -> Drawn:
    """The steps of the sub-policies and choices [B], with u [B, S, 4 + K] for probability, magnitude, sign and rest."""
    slots, operations, magnitudes = len(choices), [], []
    rows = xp.array(table.rows)
    for s, choice in enumerate(choices):
        row = xp.take(rows, (sub * slots + s) * table.most + choice, axis=0)
        taken = u[:, s, 1] < row[:, 1]
        if applied[s] is not None:
            in_shuffle = u[:, s, 1] * 0 > 1
            for part in table.shuffled:
                if part.first <= s < part.first + len(part.counts) - 1:
                    in_shuffle = in_shuffle | (sub == part.sub)
            taken = xp.where(in_shuffle, applied[s], taken)
        operations.append(xp.where(taken, cast(row[:, 0], "int32"), 0))
        magnitudes.append(magnitude(row, u[:, s, 2], u[:, s, 3]))
    return Drawn(xp.stack(operations, axis=1), xp.stack(magnitudes, axis=1), u[:, :, 4:])


def magnitude(row: Array, place: Array, sign: Array) -> Array:
    """[B] of rows [B, 9] of a table and two numbers in [0, 1), each [B]."""
    start, stop, levels, std, low, high, signed = (row[:, i] for i in range(2, 9))
    share = xp.where(levels > 0, xp.floor(place * levels) / xp.maximum(levels - 1, 1.0), place)
    even = start + (stop - start) * share
    deviation = erfinv(xp.clip(2 * place - 1, -1 + 1e-7, 1 - 1e-7)) * 2**0.5
    drawn = xp.where(std > 0, xp.clip(start + deviation * std, low, high), even)
    return xp.where((signed > 0) & (sign < 0.5), -drawn, drawn)


def dirichlet(key: Key, alpha: float, batch: Any, size: int) -> Array:
    """[B, size] that sum to 1, by the logarithms of gamma draws: small ones of float32 would all be 0."""
    first, second = split(key, 2)
    u = 1 - uniform(first, (batch, size))
    logs = xp.log(gamma(second, alpha + 1, (batch, size))) + xp.log(u) / alpha
    parts = xp.exp(logs - xp.max(logs, axis=1, keepdims=True))
    return parts / xp.sum(parts, axis=1, keepdims=True)


def draw_mixture(table: Table, key: Key, batch: Any, progress: Any, width: int, alpha: float) -> Drawn:
    """`width` draws for each image, and the shares of the image itself and of its draws (AugMix)."""
    of_steps, of_chains, of_original = split(key, 3)
    drawn = draw(table, of_steps, batch * width, progress)
    original = dirichlet(of_original, alpha, batch, 2)
    chains = original[:, 1:] * dirichlet(of_chains, alpha, batch, width)
    return drawn._replace(shares=xp.concatenate([original[:, :1], chains], axis=1))


def applied(table: Table, drawn: Drawn, images: Array) -> Array:
    """images [B, H, W, C] float32 of whole numbers after what was drawn for them."""
    if drawn.shares is None:
        return walked(table, drawn, images)
    width = drawn.shares.shape[1] - 1
    chains = walked(table, drawn, xp.repeat(images, width, axis=0))
    chains = xp.reshape(chains, (-1, width, *images.shape[1:]))
    shares = drawn.shares[:, :, None, None, None]
    mean = images * shares[:, 0]
    for i in range(width):
        mean = mean + chains[:, i] * shares[:, i + 1]
    return xp.clip(xp.round(mean), 0, 255)


def walked(table: Table, drawn: Drawn, images: Array) -> Array:
    """The images after their steps, one after the other."""
    for slot in range(len(table.slots)):
        images = stepped(table, slot, drawn, images)
    return images


def of_operation(drawn: Drawn, slot: int, place: int) -> tuple[Array, Array, Array]:
    """Which images take an operation [B], their magnitudes [B], 1 for the others, and their numbers [B, K]."""
    which = drawn.operations[:, slot] == place
    return which, xp.where(which, drawn.magnitudes[:, slot], 1.0), drawn.numbers[:, slot]


def stepped(table: Table, slot: int, drawn: Drawn, images: Array) -> Array:
    """The images after the step of one slot; an operation is computed for all of them, and taken by those it is for."""
    moved = moved_values(table, slot, drawn, images, resample)
    for place in table.slots[slot]:
        operation = table.operations[place]
        if operation not in MATRICES and operation not in CROPS and operation not in HIDING:
            which, magnitudes, numbers = of_operation(drawn, slot, place)
            moved = xp.where(which[:, None, None, None], operation(images, magnitudes, numbers), moved)
    return moved


def moved_values(table: Table, slot: int, drawn: Drawn, values: Array, resize: Any) -> Array:
    """values [B, H, W, C] moved and hidden as the images are; 0 where nothing is shown."""
    height, width = values.shape[1:3]
    matrices: Any = None
    hidden: Any = None
    out = values
    for place in table.slots[slot]:
        operation = table.operations[place]
        which, magnitudes, numbers = of_operation(drawn, slot, place)
        if operation in MATRICES:
            of_all = operation(height, width, magnitudes, numbers)
            others = unmoved(drawn) if matrices is None else matrices
            matrices = xp.where(which[:, None, None], of_all, others)
        elif operation in CROPS:
            boxes = operation(height, width, magnitudes, numbers)
            out = xp.where(which[:, None, None, None], resize(values, boxes), out)
        elif operation in HIDING:
            mask = operation(height, width, magnitudes, numbers) & which[:, None, None]
            hidden = mask if hidden is None else hidden | mask
    if matrices is not None:
        still = xp.all(matrices == unmoved(drawn), axis=(1, 2))
        out = xp.where(still[:, None, None, None], out, warp(values, matrices))
    return out if hidden is None else out * cast(~hidden, out.dtype)[..., None]


def unmoved(drawn: Drawn) -> Array:
    """[B, 3, 3], the identity."""
    return xp.zeros_like(drawn.magnitudes)[:, :1, None] + xp.eye(3, dtype="float32")[None]


def moved_places(table: Table, slot: int, drawn: Drawn, places: Array) -> Array:
    """Places [B, H, W, 1] after the step of one slot."""
    return moved_values(table, slot, drawn, places, nearest)
