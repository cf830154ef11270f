"""Many numbers out of a few drawn ones, so that noise is part of the draw: the same draw, the same pixels anywhere."""

from __future__ import annotations

import torch
from torch import Tensor

_BITS = 0xFFFFFFFF


def _scramble(x: Tensor) -> Tensor:
    """A bijection of 32-bit whole numbers (kept in int64) whose every output bit depends on every input bit."""
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x = x ^ (x >> shift)
        x = x.mul_(factor).bitwise_and_(_BITS)
    return x ^ (x >> 16)


def uniforms(seeds: Tensor, count: int) -> Tensor:
    """[b, 2] float32 in [0, 1) -> [b, count] float32 in (0, 1), a multiple of 2^-23 plus 2^-24.

    Number i of a row is a hash of (the row's seeds, i): it hangs neither on the batch nor on the device.
    """
    high, low = (seeds.double() * 2**32).long().unbind(1)
    index = torch.arange(count, device=seeds.device)
    mixed = _scramble(_scramble(high)[:, None] ^ index)
    mixed = _scramble((mixed + low[:, None]).bitwise_and_(_BITS))
    return ((mixed >> 9).float() + 0.5) * 2**-23


def normals(seeds: Tensor, count: int) -> Tensor:
    """[b, 2] float32 in [0, 1) -> [b, count] float32 from N(0, 1), by inversion of `uniforms`."""
    return torch.erfinv(uniforms(seeds, count).mul_(2).sub_(1)).mul_(2**0.5)
