"""Mixed precision: which, and what it needs."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from policysearch.child.recipe import Precision
from policysearch.core.errors import UserError

_TYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


def chosen_precision(precision: Precision, device: torch.device) -> Precision:
    """The precision on this device, with auto resolved.

    Raises:
        UserError: float16 on CPU, where torch cannot scale its gradients.
    """
    if precision == "auto":
        return "float32" if device.type == "cpu" else _fastest(device)
    if precision == "float16" and device.type == "cpu":
        raise UserError("--precision float16 needs a CUDA device: use bfloat16 or float32 on cpu")
    return precision


def _fastest(device: torch.device) -> Precision:
    """bfloat16 from compute capability 8.0 on; earlier devices only emulate it."""
    return "bfloat16" if torch.cuda.get_device_capability(device) >= (8, 0) else "float16"


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """A context in which operations that tolerate it run in `precision`; float32 changes nothing.

    Micikevicius et al. 2018.
    """
    return torch.autocast(device.type, _TYPES[precision]) if precision in _TYPES else nullcontext()
