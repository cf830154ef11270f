"""Mixed precision: which, and what it needs."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from policysearch.child.recipe import Precision
from policysearch.core.errors import UserError

if TYPE_CHECKING:
    import torch


def chosen_precision(precision: Precision, device: torch.device | str) -> Precision:
    """The precision on this device, with auto resolved. On CPU that needs no torch.

    Raises:
        UserError: float16 on CPU, where torch cannot scale its gradients.
    """
    on_cpu = str(device).partition(":")[0] == "cpu"
    if precision == "auto":
        return "float32" if on_cpu else _fastest(device)
    if precision == "float16" and on_cpu:
        raise UserError("--precision float16 needs a CUDA device: use bfloat16 or float32 on cpu")
    return precision


def _fastest(device: torch.device | str) -> Precision:
    """bfloat16 from compute capability 8.0 on; earlier devices only emulate it."""
    import torch

    return "bfloat16" if torch.cuda.get_device_capability(device) >= (8, 0) else "float16"


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """A context in which operations that tolerate it run in `precision`; float32 changes nothing.

    Micikevicius et al. 2018.
    """
    import torch

    types = {"bfloat16": torch.bfloat16, "float16": torch.float16}
    return torch.autocast(device.type, types[precision]) if precision in types else nullcontext()
