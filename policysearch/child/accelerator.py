"""Whether there can be a GPU at all, found out without importing torch, which takes seconds."""

from __future__ import annotations

import ctypes
import re
import sys
from importlib.util import find_spec
from pathlib import Path

from policysearch.core.errors import UserError

_DRIVER = "libcuda.so.1"
_NAME = re.compile(r"auto|cpu|cuda(:\d+)?")


def must_be_a_device(name: str) -> None:
    """Check a device as far as that is possible without torch.

    Args:
        name: auto, cpu, cuda or cuda:N.

    Raises:
        UserError: it is none of these, or a CUDA device where there can be none.
    """
    if not _NAME.fullmatch(name):
        raise UserError(f"device must be auto, cpu, cuda or cuda:N, got {name!r}")
    reason = why_no_cuda() if name.startswith("cuda") else ""
    if reason:
        raise UserError(
            f"device {name!r} asked for, but this machine has 0 usable CUDA devices ({reason}): use --device cpu"
        )


def why_no_cuda() -> str:
    """Why torch can have no CUDA device here; empty where it may have one."""
    built_for = _built_for()
    if built_for is None:
        return ""
    if not built_for:
        return "torch is built for the CPU alone"
    if built_for == {"cuda"} and sys.platform == "linux" and not _has_driver():
        return f"NVIDIA's driver, {_DRIVER}, is not installed"
    return ""


def _built_for() -> set[str] | None:
    """Which of CUDA and HIP torch's own version file names; None where it cannot be read."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    try:
        text = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
    except OSError:
        return None
    lines = re.findall(r"^(cuda|hip)\b[^=]*=\s*(.+)$", text, re.MULTILINE)
    return {name for name, value in lines if value.strip() != "None"} if lines else None


def _has_driver() -> bool:
    try:
        ctypes.CDLL(_DRIVER)
    except OSError:
        return False
    return True
