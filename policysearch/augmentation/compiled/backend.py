"""Whether a batch goes through compiled loops or through torch, and how the loops are loaded.

Both give the same pixels. The loops need numba and, once per machine, some 10 s to be compiled; the result is kept in
the cache folder, from which a process loads it in half a second. So they are loaded only where that pays, and nothing
waits for another process that is compiling: until it is done, batches go through torch.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

import torch
from filelock import FileLock, Timeout
from torch import Tensor

from policysearch.augmentation.compiled.program import Loops
from policysearch.core.cache import cache_folder
from policysearch.core.errors import UserError

VARIABLE = "POLICYSEARCH_KERNELS"
"""Environment variable: `auto` (the default), `numba` or `torch`."""
_CHOICES = ("auto", "numba", "torch")
_LARGE = 2**18
"""Values in a batch that load the loops at once: 86 images of 3×32×32, 2 of 3×224×224. Whoever augments such batches
augments many."""
_MANY = 2**28
"""Values in all batches that load the loops: torch has then taken some 2 s for them."""
_LOG = logging.getLogger(__name__)


class Loader:
    """The compiled loops of this process, once they are loaded."""

    def __init__(self) -> None:
        self._loops: Loops | None = None
        self._unusable = False
        self._values = 0
        self._loading = Lock()

    def loops(self, images: Tensor) -> Loops | None:
        """The compiled loops for a batch [B, C, H, W], or None where torch is to be used.

        Raises:
            UserError: the environment variable asks for what there is not.
        """
        choice = os.environ.get(VARIABLE) or "auto"
        if choice not in _CHOICES:
            raise UserError(f"{VARIABLE} is {', '.join(_CHOICES[:-1])} or {_CHOICES[-1]}, got {choice!r}")
        if choice == "torch" or not _fits(images):
            return None
        self._values += images.numel()
        forced = choice == "numba"
        if self._loops is None and (forced or self._pays(images)):
            self._load(forced)
        return self._loops

    def _pays(self, images: Tensor) -> bool:
        return not self._unusable and (images.numel() >= _LARGE or self._values >= _MANY)

    def _load(self, forced: bool) -> None:
        """Load the loops, unless another thread or process is at it and they are not `forced`."""
        if not self._loading.acquire(blocking=forced):
            return
        try:
            self._loops = self._loops or load(wait=forced)
        except BlockingIOError:  # another process is compiling: the next batch tries again
            pass
        except Exception as error:  # numba may fail in its own ways where it does not fit Python, NumPy or the machine
            self._unusable = True
            if forced:
                raise UserError(f"{VARIABLE}=numba, but the compiled kernels cannot be loaded: {error}") from error
            _LOG.info("augmentation uses torch, not compiled kernels: %s", error)
        finally:
            self._loading.release()


LOADER = Loader()


def load(wait: bool) -> Loops:
    """Load the loops from the cache, or compile them for it.

    Args:
        wait: wait for another process that is compiling, and compile for this process alone without a cache folder.

    Raises:
        ImportError: numba is not installed, or does not fit what is.
        BlockingIOError: another process is compiling.
        OSError: there is no cache folder to write to.
        UserError: torch adds on this machine in another way than the loops.
    """
    if find_spec("numba") is None:
        raise ImportError("numba is not installed: pip install 'policysearch[fast]'")
    if platform.machine().lower() in ("x86_64", "amd64") and "AVX" not in torch.backends.cpu.get_cpu_capability():
        raise UserError("torch has no fused multiply-add on this machine")
    started = time.perf_counter()
    with _folder(temporary=wait) as folder, _alone(folder, wait), _numba_cache(folder):
        loops: Loops = import_module("policysearch.augmentation.compiled.walk").walk
    _LOG.info("augmentation uses compiled kernels, loaded in %.1f s", time.perf_counter() - started)
    return loops


@contextmanager
def _folder(temporary: bool) -> Iterator[Path]:
    """The folder for this version of the loops; where it cannot be written, one for this process alone if allowed."""
    folder = cache_folder() / "kernels" / _fingerprint()
    if _writable(folder):
        yield folder
    elif temporary:
        with tempfile.TemporaryDirectory() as name:
            yield Path(name)
    else:
        raise OSError(f"they would be compiled in every process, as {folder} cannot be written")


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


@cache
def _fingerprint() -> str:
    """Of the loops' source: numba itself notices changes in one file only."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


@contextmanager
def _alone(folder: Path, wait: bool) -> Iterator[None]:
    """No other process loads at the same time, so that many workers do not compile the same."""
    try:
        lock = FileLock(folder / "loading.lock").acquire(blocking=wait)
    except Timeout as error:
        raise BlockingIOError("another process loads the compiled kernels") from error
    with lock:
        yield


@contextmanager
def _numba_cache(folder: Path) -> Iterator[None]:
    """Let numba keep what it compiles in a folder of ours, and leave the process's own setting as it is."""
    config = import_module("numba").config
    if config.DISABLE_JIT:
        raise ImportError("NUMBA_DISABLE_JIT is set")
    before = config.CACHE_DIR
    config.CACHE_DIR = str(folder)
    try:
        yield
    finally:
        config.CACHE_DIR = before


def _fits(images: Tensor) -> bool:
    plain = type(images) is Tensor and images.device.type == "cpu" and images.dtype == torch.uint8
    return plain and images.numel() > 0 and images.shape[1] in (1, 3)
