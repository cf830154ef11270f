"""Pictures, draws and policies that several tests use."""

from __future__ import annotations

import torch

from policysearch.augmentation import Draw
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.policy import Policy
from policysearch.policy.steps import Step, SubPolicy


def pictures(channels: int, height: int, width: int, batch: int = 6) -> torch.Tensor:
    """Smooth pictures with noise, a flat one and a two-valued one, so that every special case occurs."""
    g = torch.Generator().manual_seed(1)
    coarse = torch.rand(batch, channels, 4, 4, generator=g) * 255
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    out = (smooth + 20 * torch.randn(smooth.shape, generator=g)).clamp(0, 255).to(torch.uint8)
    if batch > 1:
        out[0] = 7
        out[1] = torch.where(out[1] > 100, 255, 0).to(torch.uint8)
    return out


def fixed(name: str, magnitude: float, batch: int, numbers: torch.Tensor | float = 0.5) -> Draw:
    """One operation for every image, with numbers [batch, K] or one number for all."""
    row = OPERATIONS[name]
    if not isinstance(numbers, torch.Tensor):
        numbers = torch.full((batch, row.numbers), float(numbers))
    return Draw(
        ("identity", name), torch.ones(batch, 1).long(), torch.full((batch, 1), float(magnitude)), numbers[:, None]
    )


def policy_of(*steps: Step, **more: object) -> Policy:
    return Policy(sub_policies=(SubPolicy(steps=steps),), **more)


def some_step(name: str, strength: float = 0.7) -> Step:
    """The operation at a share of its standard range (of the accepted range where it has none)."""
    row = OPERATIONS[name]
    if not row.has_magnitude:
        return Step(operation=name)
    low, high = row.standard or (row.low, row.high)
    return Step(operation=name, magnitude=low + (high - low) * strength)
