"""What a training function changes in its process is put back, so that pulls do not depend on each other."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Global generators begin at a seed, and go on afterwards as if nothing had been drawn.

    Args:
        seed: of the pull, below 2⁶³.
    """
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 (what the user's code draws from)
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices):
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002


@contextmanager
def settings_kept() -> Iterator[None]:
    """The current folder and torch's global settings of gradients and types are put back at the end."""
    folder, dtype = os.getcwd(), torch.get_default_dtype()
    try:
        with torch.set_grad_enabled(torch.is_grad_enabled()):
            yield
    finally:
        torch.set_default_dtype(dtype)
        os.chdir(folder)


@contextmanager
def without_forks() -> Iterator[None]:
    """A copy of the process that was forked in this block ends with it: only one of them may answer the search."""
    process, status = os.getpid(), 1
    try:
        yield
        status = 0
    finally:
        if os.getpid() != process:
            os._exit(status)


def is_ctrl_c(error: BaseException) -> bool:
    """Whether an error may be a person's Ctrl-C, which workers leave to the process that they work for."""
    return isinstance(error, KeyboardInterrupt) and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
