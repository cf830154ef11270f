"""The code that is exported for arrays, given what this program has drawn: how near its pixels come."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from policysearch.export.array_plan import ArrayLibrary, ArrayPlan, executed

if TYPE_CHECKING:
    from torch import Tensor

    from policysearch.augmentation.sampling import Draw
    from policysearch.policy.policy import Policy

_BATCH = "def of_a_batch(*parts: Any) -> Any:\n    return soft_augmented(TABLE, MIXTURE, SOFTENING, MIXES, *parts)\n"


def exported(policy: Policy, library: ArrayLibrary) -> ModuleType:
    """What the file for a library is made of, as a module, without the functions or layers that take its images."""
    text = ArrayPlan(policy).written(library, "A policy.", [_BATCH], soft=True)
    return executed(text, f"{library.name}_arrays_{policy.hash}")


def in_arrays(module: ModuleType, draw: Draw, array: Callable[[Any], Any]) -> Any:
    """A draw as a module of `exported` has it.

    Args:
        module: of the policy that was drawn from.
        draw: what was drawn.
        array: makes an array of the library of one of NumPy.
    """
    import numpy as np

    names = [getattr(operation, "__name__", "") for operation in module.TABLE.operations]
    places = np.array([0, *(names.index(name.replace("-", "_")) for name in draw.names[1:])], "int32")
    shares = None if draw.mixture is None else array(draw.mixture.numpy())
    parts = (draw.magnitudes.numpy(), draw.numbers[..., : module.TABLE.numbers].numpy())
    return module.Drawn(array(places[draw.operations.numpy()]), *map(array, parts), shares)


def replayed(policy: Policy, draw: Draw, images: Tensor, library: ArrayLibrary) -> Tensor:
    """uint8 images [B, C, H, W] after a draw of the policy, as the library computes them."""
    import numpy as np
    import torch

    module = exported(policy, library)
    pixels = module.xp.array(images.permute(0, 2, 3, 1).numpy().astype("float32"))
    out = module.applied(module.TABLE, in_arrays(module, draw, module.xp.array), pixels)
    back = module.xp.convert_to_numpy(out) if hasattr(module.xp, "convert_to_numpy") else np.asarray(out)
    return torch.from_numpy(np.array(back, "uint8")).permute(0, 3, 1, 2)
