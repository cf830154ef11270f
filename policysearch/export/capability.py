"""What each library makes of each operation: its own live objects against `apply`, on images."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from policysearch.augmentation.apply import apply
from policysearch.augmentation.sampling import Draw, draw
from policysearch.export.array_replay import replayed
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.policy import Policy
from policysearch.policy.steps import Step, SubPolicy

if TYPE_CHECKING:
    from torch import Tensor

_STRENGTHS = (0.3, 0.55, 1.0)
_FIXED_STRENGTH = 0.55
_MOVED = 3
"""Pixels along each axis that do not count where signs are compared."""
_FLAT = (90, 200)
"""Grey values of the pictures, or channels, that have only one."""


@dataclass(frozen=True)
class Cell:
    """What one library makes of one operation.

    Attributes:
        gap: the largest difference of a grey value, in 0..255.
        share: of the values that differ, in [0, 1].
        refused: why it is not written at all; None if it is.
        altered: in what it is another operation.
        one_sign: why it is not written with a fixed sign.
        mirrored: whether a fixed sign gives what the other sign should.
    """

    gap: int = 0
    share: float = 0.0
    refused: str | None = None
    altered: tuple[str, ...] = ()
    one_sign: str | None = None
    mirrored: bool = False

    def __str__(self) -> str:
        if self.refused:
            return "–"
        far = f"{self.share:.1%} differ, by up to {self.gap}"
        near = "exact" if not self.gap else "within 1" if self.gap == 1 else far
        notes = ["mirrored"] if self.mirrored else []
        return ", ".join([near, *notes, *(["another operation"] if self.altered or self.mirrored else [])])


def _by_timm(live: Any, images: Tensor) -> Tensor:
    import torch
    from torchvision.transforms.v2.functional import pil_to_tensor, to_pil_image

    return torch.stack([pil_to_tensor(live(to_pil_image(image))) for image in images])


def _by_kornia(live: Any, images: Tensor) -> Tensor:
    import torch

    augmented = torch.stack([live(image[None].float() / 255)[0] for image in images])
    return (augmented * 255).round().clamp(0, 255).to(torch.uint8)


def _by_albumentations(live: Any, images: Tensor) -> Tensor:
    import torch

    arrays = [live(image=image.permute(1, 2, 0).numpy().copy())["image"] for image in images]
    tensors = (torch.from_numpy(array.copy()).view(*array.shape[:2], -1) for array in arrays)
    return torch.stack([tensor.permute(2, 0, 1) for tensor in tensors])


def _by_mmpretrain(live: Any, images: Tensor) -> Tensor:
    """Grey images as three equal channels, which MMPretrain loads; colours as blue, green, red."""
    import torch

    channels = images.shape[1]
    arrays = [image.expand(3, -1, -1).flip(0).permute(1, 2, 0).numpy().copy() for image in images]
    tensors = (torch.from_numpy(live({"img": array})["img"].copy()) for array in arrays)
    return torch.stack([tensor.permute(2, 0, 1).flip(0)[:channels] for tensor in tensors])


LIBRARIES: Mapping[str, Callable[[Any, Tensor], Tensor]] = MappingProxyType(
    {
        "timm": _by_timm,
        "kornia": _by_kornia,
        "albumentations": _by_albumentations,
        "mmpretrain": _by_mmpretrain,
    }
)
"""(live object, images [B, C, H, W] uint8) -> the same shape: as each library takes them, one by one where it can."""


def pictures(images: Tensor, channels: int, batch: int = 12) -> Tensor:
    """A batch of pictures [batch + 2, channels, H, W] of grey images [n, 1, H, W].

    In colour, three different images are the channels. The first channel of the last but one, and all of the last,
    have a single grey value.
    """
    import torch

    real = images[: (batch + 1) * channels].reshape(batch + 1, channels, *images.shape[2:])
    out = torch.cat([real, torch.full_like(real[:1], _FLAT[0])])
    out[-2, 0] = _FLAT[1]
    return out


def measure(operation: str, library: str, images: Tensor) -> Cell:
    """Compare a library's pixels with this program's, at several magnitudes of the standard range.

    Where a sign is drawn, the nearer of both counts; both signs are measured fixed too.

    Args:
        operation: one that ships.
        library: one of `MEASURED` that is installed.
        images: [n, 1, H, W] uint8, n 39 or more.
    """
    exporter = import_module(f"policysearch.export.to_{library}")
    cells = [_cell(exporter, step, library, images) for step in _steps(operation)]
    fixed = [_cell(exporter, step, library, images) for step in _steps_of_one_sign(operation)]
    measured = [cell for cell in [*cells, *fixed] if not cell.refused]
    return Cell(
        gap=max((cell.gap for cell in measured), default=0),
        share=max((cell.share for cell in measured), default=0.0),
        refused=_first(cells),
        altered=tuple(dict.fromkeys(reason for cell in measured for reason in cell.altered)),
        one_sign=None if _first(cells) else _first(fixed),
        mirrored=any(cell.mirrored for cell in fixed),
    )


def _first(cells: Sequence[Cell]) -> str | None:
    """Why the first of them that is not written is not."""
    return next((cell.refused for cell in cells if cell.refused), None)


def _steps(operation: str) -> list[Step]:
    if not OPERATIONS[operation].has_magnitude:
        return [Step(operation=operation)]
    return [Step(operation=operation, magnitude=_magnitude(operation, strength)) for strength in _STRENGTHS]


def _steps_of_one_sign(operation: str) -> list[Step]:
    if not OPERATIONS[operation].signed:
        return []
    magnitude = _magnitude(operation, _FIXED_STRENGTH)
    return [Step(operation=operation, magnitude=sign * magnitude, signed=False) for sign in (1, -1)]


def _magnitude(operation: str, strength: float) -> float:
    row = OPERATIONS[operation]
    low, high = row.standard or (row.low, row.high)
    return low + (high - low) * strength


def _cell(exporter: Any, step: Step, library: str, images: Tensor) -> Cell:
    policy = Policy(sub_policies=(SubPolicy(steps=(step,)),))
    expressed, losses = exporter.expressible(policy)
    if expressed != policy:
        return Cell(refused=losses[-1])
    reasons = tuple(reason for reason in losses if "batch" not in reason)

    compared = [_compared(exporter, policy, library, pictures(images, n)) for n in _channels(step, library)]
    return Cell(
        gap=max(int(gaps.max()) for gaps, _ in compared),
        share=max(float((gaps > 0).float().mean()) for gaps, _ in compared),
        altered=reasons,
        mirrored=not step.signed and any(mirrored for _, mirrored in compared),
    )


def _channels(step: Step, library: str) -> tuple[int, ...]:
    """Grey images too, but where a library refuses them."""
    if library == "dali":
        return (3,)
    return (3,) if library == "albumentations" and step.operation == "grayscale" else (1, 3)


def _compared(exporter: Any, policy: Policy, library: str, images: Tensor) -> tuple[Tensor, bool]:
    """How far values are from ours, [B, C, H, W], and whether ours of the other sign are nearer."""
    import torch

    drawn = draw(policy, len(images), torch.Generator().manual_seed(0))
    if library in _REPLAYED:
        theirs = _REPLAYED[library](exporter, policy, drawn, images)
        return (apply(drawn, images).int() - theirs.int()).abs(), False
    theirs = LIBRARIES[library](_seeded(exporter.live(policy)), images)
    ours = apply(drawn, images)
    gaps = (ours.int() - theirs.int()).abs()
    if not OPERATIONS[_step(policy).operation].signed:
        return gaps, False
    mirrored = apply(Draw(drawn.names, drawn.operations, -drawn.magnitudes, drawn.numbers), images)
    if not _step(policy).draws_sign:
        return gaps, _least_gap(mirrored, theirs) < _least_gap(ours, theirs)
    others = (mirrored.int() - theirs.int()).abs()
    nearer = [min(pair, key=lambda gap: int(gap.sum())) for pair in zip(gaps, others, strict=True)]
    return torch.stack(nearer), False


def _least_gap(ours: Tensor, theirs: Tensor) -> int:
    """How far pictures are apart, moved so that they fit best: shears about another point show the same sign."""
    moves = range(-_MOVED, _MOVED + 1)
    shifted = (ours.roll((y, x), (2, 3)).int() for y in moves for x in moves)
    return min(int((one - theirs.int()).abs().sum()) for one in shifted)


def _step(policy: Policy) -> Step:
    (step,) = policy.sub_policies[0].steps
    assert isinstance(step, Step)
    return step


def _seeded(live: Any) -> Any:
    """The live object, with the sources of randomness of all libraries seeded, so that signs are the same again."""
    import numpy as np
    import torch

    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 (MMPretrain draws from it)
    torch.manual_seed(0)
    if hasattr(live, "set_random_seed"):
        live.set_random_seed(0)
    return live


def _replayed_in_arrays(exporter: Any, policy: Policy, drawn: Draw, images: Tensor) -> Tensor:
    return replayed(policy, drawn, images, exporter.LIBRARY)


def _replayed_in_dali(exporter: Any, policy: Policy, drawn: Draw, images: Tensor) -> Tensor:
    from policysearch.export.dali_replay import replayed as replayed_in_dali

    return replayed_in_dali(policy, drawn, images)


def _replayed(exporter: Any, policy: Policy, drawn: Draw, images: Tensor) -> Tensor:
    """The exported torchvision file's functions with what was drawn here."""
    import torch

    parts = import_module("policysearch.export.templates.torchvision_policy")
    vision = import_module("policysearch.export.templates.torchvision_all")
    augmented = []
    for i, image in enumerate(images):
        functions = [getattr(vision, drawn.names[k].replace("-", "_")) for k in drawn.operations[i].tolist()]
        steps = map(parts.Drawn, functions, drawn.magnitudes[i], drawn.numbers[i])
        augmented.append(parts.applied(image, list(steps)))
    return torch.stack(augmented)


_REPLAYED = {
    "torchvision": _replayed,
    "keras": _replayed_in_arrays,
    "jax": _replayed_in_arrays,
    "dali": _replayed_in_dali,
}
"""Libraries whose file takes what was drawn here."""
MEASURED = ("torchvision", *LIBRARIES, "keras", "jax", "dali")
"""The libraries of the table, in its order."""
