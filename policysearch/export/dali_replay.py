"""The code that is exported for DALI, given what this program has drawn: how near its pixels come."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from policysearch.export import to_dali
from policysearch.export.array_plan import executed

if TYPE_CHECKING:
    from torch import Tensor

    from policysearch.augmentation.sampling import Draw
    from policysearch.policy.policy import Policy


def replayed(policy: Policy, draw: Draw, images: Tensor) -> Tensor:
    """uint8 images [B, 3, H, W] after a draw of a policy of one step, which is applied to all, computed on the CPU."""
    import numpy as np
    import torch
    from nvidia.dali import fn, pipeline_def

    (name,) = draw.names[1:] or draw.names
    module = executed(to_dali.write(policy, "learned_policy"), f"dali_policy_{policy.hash}")
    operation = getattr(module, name.replace("-", "_"))
    numbers = torch.cat([draw.numbers[:, 0], torch.zeros(len(images), 1)], dim=1)
    pixels, magnitudes = images.permute(0, 2, 3, 1).contiguous(), draw.magnitudes[:, 0]
    parts = [[row.numpy() for row in rows] for rows in (pixels, magnitudes, numbers)]

    def once() -> Any:
        inputs = [fn.external_source(_always(rows), batch=True, layout=layout) for rows, layout in layouts]
        return operation(*inputs)

    layouts = list(zip(parts, ("HWC", "", ""), strict=True))
    pipeline = pipeline_def(once, batch_size=len(images), num_threads=1, device_id=None, enable_conditionals=True)()
    pipeline.build()
    (out,) = pipeline.run()
    return torch.from_numpy(np.stack([np.array(image) for image in out])).permute(0, 3, 1, 2)


def _always(rows: list[Any]) -> Callable[[], list[Any]]:
    return lambda: rows
