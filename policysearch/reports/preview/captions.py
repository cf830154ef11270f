"""What was drawn for each image of a batch, in a few words: its target, its partners, its operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from policysearch.augmentation import Augmented, Draw
from policysearch.policy.operations import OPERATIONS

if TYPE_CHECKING:
    from torch import Tensor

_SIGNS = {"degrees": "°"}
_PARTNERS = {"mosaic": 3}  # any other mix has one


def captions(out: Augmented, labels: Tensor, class_names: Sequence[str], softened: bool) -> list[tuple[str, ...]]:
    """Lines of text for each image, what its target says first.

    First the share of the target that the image's own class has, or, if it took part in a mix, the two largest shares
    of its sources' classes; then the weight where it is not 1, and the visibility v; what was applied
    to it (not to its partners), in order: of a mixture the original and each chain after its share; and its partners in
    the mix.

    Args:
        out: what `augment` or `replay` gave for B images.
        labels: [B] int64, the images' classes.
        class_names: a name a class.
        softened: whether to tell the visibility, in [0, 1].
    """
    return [
        (
            _target(out, row, labels, class_names),
            *_weight(out, row, softened),
            *steps_in_words(out.draw, row),
            *_mixing(out, row, labels, class_names),
        )
        for row in range(len(labels))
    ]


def _target(out: Augmented, row: int, labels: Tensor, class_names: Sequence[str]) -> str:
    target, label = out.targets[row], int(labels[row])
    partners = _partners(out, row)
    if not partners:
        return f"confidence {float(target[label]):.2f}"
    shares = {int(k): float(target[k]) for k in labels[[row, *partners]]}
    largest = sorted(shares, key=lambda k: -shares[k])[:2]
    return ", ".join(f"{class_names[k]} {shares[k]:.2f}" for k in largest if shares[k] >= 0.005)


def _weight(out: Augmented, row: int, softened: bool) -> list[str]:
    weight = f"{float(out.weights[row]):.2f}"
    parts = [f"weight {weight}"] if weight != "1.00" else []
    parts += [f"v {float(out.visibility[row]):.2f}"] if softened else []
    return [", ".join(parts)] if parts else []


def _partners(out: Augmented, row: int) -> list[int]:
    mix = out.draw.mix
    if mix is None or not mix.applied[row]:
        return []
    partners: list[int] = mix.partners[row, : _PARTNERS.get(mix.operation, 1)].tolist()
    return partners


def _mixing(out: Augmented, row: int, labels: Tensor, class_names: Sequence[str]) -> list[str]:
    partners = _partners(out, row)
    if out.draw.mix is None or not partners:
        return []
    names = ["itself" if other == row else _partner(other, row, labels, class_names) for other in partners]
    return [f"{out.draw.mix.operation} with {', '.join(names)}"]


def _partner(other: int, row: int, labels: Tensor, class_names: Sequence[str]) -> str:
    name = class_names[int(labels[other])]
    return f"another {name}" if labels[other] == labels[row] else name


def steps_in_words(draw: Draw, row: int) -> list[str]:
    """What was applied to an image, a line per operation; of a mixture the original, and each chain after its share."""
    if draw.mixture is None:
        return _operations(draw, row)
    original, *shares = draw.mixture[row].tolist()
    chains = [", ".join(_operations(draw, row * len(shares) + i)) for i in range(len(shares))]
    return [f"{original:.2f} original", *(f"{share:.2f} {chain}" for share, chain in zip(shares, chains, strict=True))]


def _operations(draw: Draw, at: int) -> list[str]:
    drawn = zip(draw.operations[at].tolist(), draw.magnitudes[at].tolist(), strict=True)
    return [_operation(draw.names[index], magnitude) for index, magnitude in drawn if index] or ["unchanged"]


def _operation(name: str, magnitude: float) -> str:
    row = OPERATIONS[name]
    if not row.has_magnitude:
        return name
    value = round(magnitude, 6) + 0.0  # a drawn -0.0 is 0
    return f"{name} {value:{'+' if row.signed else ''}.3g}{_SIGNS.get(row.unit, '')}"
