"""Self-supervised children that train in hundredths of a second."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from policysearch.child.checkpoint import Checkpoint
from policysearch.child.device_data import DeviceData
from policysearch.child.recipe import Recipe
from policysearch.child.self_supervised.training import train_siamese
from policysearch.child.training_spec import TrainingSpec
from policysearch.policy.policy import Policy
from tests.support.small_children import IMAGES, DropNet, KeptAt, small_data

CROP = Policy(name="crop", sub_policies=[{"steps": [{"operation": "rotate", "magnitude": {"start": 0, "stop": 30}}]}])
"""Views that differ."""


class WideDropNet(DropNet):
    """`DropNet` with features enough for heads."""

    def __init__(self) -> None:
        super().__init__(width=8)


class Constant(nn.Module):
    """A network whose features are the same for every image, whatever it is trained on."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(8, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(torch.ones(len(images), 8) + 0 * images.sum())


def unlabelled(data: DeviceData) -> DeviceData:
    """The same images without labels."""
    return replace(data, labels=torch.zeros_like(data.labels), classes=1, labelled=False)


def siamese_child(
    policy: Policy = CROP,
    *,
    epochs: int = 2,
    seed: int = 3,
    images: int = IMAGES,
    data: DeviceData | None = None,
    factory: Callable[[], nn.Module] = WideDropNet,
    origin: bytes | None = None,
    stops: Collection[int] = (),
    options: dict[str, Any] | None = None,
    **recipe: Any,
) -> tuple[dict[str, Any], dict[int, bytes]]:
    """The metrics of a child that do not depend on the clock, and its checkpoints after the epochs in `stops`."""
    torch.set_num_threads(1)
    keeper = KeptAt({*stops, epochs})
    metrics = train_siamese(
        TrainingSpec(
            policy,
            small_data() if data is None else data,
            factory,
            images=images,
            epochs=epochs,
            seed=seed,
            recipe=Recipe(**{"batch": 12, "schedule": "cosine", "checkpoints": 1, **recipe}),
            origin=None if origin is None else Checkpoint.from_bytes(origin),
            keeper=keeper,
            **(options or {}),
        )
    )
    timed = {name for name in metrics if "second" in name or "memory" in name}
    return {name: value for name, value in metrics.items() if name not in timed}, keeper.content
