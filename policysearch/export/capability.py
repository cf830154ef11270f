"""What each library makes of each operation: its own live objects against `apply`, on images."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from policysearch.augmentation.apply import apply
from policysearch.augmentation.sampling import Draw, draw
from policysearch.policy.operations import OPERATIONS, SHIPPED_OPERATIONS
from policysearch.policy.policy import Policy
from policysearch.policy.steps import Step, SubPolicy

if TYPE_CHECKING:
    from torch import Tensor

_STRENGTHS = (0.3, 0.55, 1.0)


@dataclass(frozen=True)
class Cell:
    """What one library makes of one operation.

    Attributes:
        gap: the largest difference of a grey value, in 0..255.
        share: of the values that differ, in [0, 1].
        refused: why it is not written at all; None if it is.
        altered: in what it is another operation.
    """

    gap: int = 0
    share: float = 0.0
    refused: str | None = None
    altered: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.refused:
            return "–"
        far = f"{self.share:.1%} differ, by up to {self.gap}"
        near = "exact" if not self.gap else "within 1" if self.gap == 1 else far
        return f"{near}, another operation" if self.altered else near


def _by_torchvision(live: Any, images: Tensor) -> Tensor:
    import torch

    return torch.as_tensor(live(images))


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


LIBRARIES: Mapping[str, Callable[[Any, Tensor], Tensor]] = MappingProxyType(
    {
        "torchvision": _by_torchvision,
        "timm": _by_timm,
        "kornia": _by_kornia,
        "albumentations": _by_albumentations,
    }
)
"""(live object, images [B, C, H, W] uint8) -> the same shape: as each library takes them, one by one where it can."""


def pictures(images: Tensor, channels: int, batch: int = 12) -> Tensor:
    """A batch of pictures [batch, channels, H, W] of grey images [n, 1, H, W].

    In colour, three different images are the channels.
    """
    return images[: batch * channels].reshape(batch, channels, *images.shape[2:]).clone()


def measure(operation: str, library: str, images: Tensor) -> Cell:
    """Compare a library's pixels with this program's, at several magnitudes of the standard range.

    Where a sign is drawn, the nearer of both counts.

    Args:
        operation: one that ships.
        library: a key of `LIBRARIES` that is installed.
        images: [n, 1, H, W] uint8, n 36 or more.
    """
    exporter = import_module(f"policysearch.export.to_{library}")
    cells = [_cell(exporter, step, library, images) for step in _steps(operation)]
    refused = next((cell.refused for cell in cells if cell.refused), None)
    altered = tuple(dict.fromkeys(reason for cell in cells for reason in cell.altered))
    return Cell(max(cell.gap for cell in cells), max(cell.share for cell in cells), refused, altered)


def _steps(operation: str) -> list[Step]:
    row = OPERATIONS[operation]
    if not row.has_magnitude:
        return [Step(operation=operation)]
    low, high = row.standard or (row.low, row.high)
    return [Step(operation=operation, magnitude=low + (high - low) * strength) for strength in _STRENGTHS]


def _cell(exporter: Any, step: Step, library: str, images: Tensor) -> Cell:
    policy = Policy(sub_policies=(SubPolicy(steps=(step,)),))
    expressed, losses = exporter.expressible(policy)
    if expressed != policy:
        return Cell(refused=losses[-1])
    reasons = tuple(reason for reason in losses if "batch" not in reason)

    gaps = [_gaps(exporter, policy, library, pictures(images, channels)) for channels in _channels(step, library)]
    share = max(float((gap > 0).float().mean()) for gap in gaps)
    return Cell(max(int(gap.max()) for gap in gaps), share, None, reasons)


def _channels(step: Step, library: str) -> tuple[int, ...]:
    """Grey images too, but where a library refuses them."""
    refuses = library == "kornia" and step.operation in ("color", "hue", "grayscale", "contrast")
    return (3,) if refuses or (library == "albumentations" and step.operation == "grayscale") else (1, 3)


def _gaps(exporter: Any, policy: Policy, library: str, images: Tensor) -> Tensor:
    """[B, C, H, W]: how far values are from ours."""
    import torch

    drawn = draw(policy, len(images), torch.Generator().manual_seed(0))
    if library == "torchvision":
        return (apply(drawn, images).int() - _replayed(drawn, images).int()).abs()
    theirs = LIBRARIES[library](_seeded(exporter.live(policy)), images)
    negated = Draw(drawn.names, drawn.operations, -drawn.magnitudes, drawn.numbers)
    draws = [drawn, negated] if _signed(policy) else [drawn]
    gaps = [(apply(signed, images).int() - theirs.int()).abs() for signed in draws]
    return torch.stack([min(of_signs, key=lambda gap: int(gap.sum())) for of_signs in zip(*gaps, strict=True)])


def _seeded(live: Any) -> Any:
    """The live object, with the sources of randomness of all libraries seeded, so that signs are the same again."""
    import torch

    random.seed(0)
    torch.manual_seed(0)
    if hasattr(live, "set_random_seed"):
        live.set_random_seed(0)
    return live


def _signed(policy: Policy) -> bool:
    (step,) = policy.sub_policies[0].steps
    return isinstance(step, Step) and step.draws_sign


def _replayed(drawn: Draw, images: Tensor) -> Tensor:
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


def as_markdown(cells: Mapping[str, Mapping[str, Cell]]) -> list[str]:
    """The lines of a table with a row per operation, and the reasons under it.

    Args:
        cells: by library and operation.
    """
    lines = [f"| operation | {' | '.join(cells)} |", "| - " * (len(cells) + 1) + "|"]
    for operation in sorted(SHIPPED_OPERATIONS):
        lines.append(f"| {operation} | {' | '.join(str(column[operation]) for column in cells.values())} |")
    for library, column in cells.items():
        lines += ["", f"**{library}**: {'; '.join(_reasons(column)) or 'everything'}."]
    return lines


def _reasons(column: Mapping[str, Cell]) -> list[str]:
    """Why operations are left out or differ, those of one reason together."""
    operations: dict[str, list[str]] = {}
    for operation, cell in column.items():
        for reason in filter(None, (*cell.altered, cell.refused)):
            operations.setdefault(reason.replace(operation, "…"), []).append(operation)
    return [f"{reason} ({', '.join(names)})" for reason, names in operations.items()]
