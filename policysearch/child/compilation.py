"""torch.compile, whose results all workers share."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch
from torch import Tensor, nn

from policysearch.core.cache import cache_folder


def compiled(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """The network under torch.compile, with what Inductor makes in the folder of caches.

    There the next worker and the next search find it. `TORCHINDUCTOR_CACHE_DIR`, where it is set, names another
    folder.

    Args:
        network: on its device; hooks on it are still called.
    """
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder() / "inductor"))
    os.environ.setdefault("TORCHINDUCTOR_FX_GRAPH_CACHE", "1")  # off by default before torch 2.5
    function: Callable[[Tensor], Tensor] = torch.compile(network)
    return function
