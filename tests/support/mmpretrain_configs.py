"""Exported MMPretrain configs, read and built by the library itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from policysearch.export.to_mmpretrain import write
from policysearch.policy.policy import Policy


def by_mmpretrain(transform: Any, image: Tensor) -> Tensor:
    """[1, H, W] uint8 -> the same: MMPretrain loads grey images as three equal channels."""
    array = image.expand(3, -1, -1).permute(1, 2, 0).numpy().copy()
    return torch.from_numpy(transform({"img": array})["img"][..., :1].copy()).permute(2, 0, 1)


def read_config(policy: Policy, folder: Path, own: str = "") -> Any:
    """The exported config as mmengine reads it; with `own`, that of a config of one's own on top of it."""
    from mmengine.config import Config

    (folder / "learned_policy.py").write_text(write(policy, "learned_policy"), encoding="utf-8")
    if not own:
        return Config.fromfile(str(folder / "learned_policy.py"))
    (folder / "mine.py").write_text(own, encoding="utf-8")
    return Config.fromfile(str(folder / "mine.py"))


def built(nodes: Any) -> Any:
    """The pipeline of a config's list of transforms."""
    import mmpretrain.datasets  # noqa: F401 (registers the transforms)
    from mmcv.transforms import Compose
    from mmengine.registry import DefaultScope

    with DefaultScope.overwrite_default_scope("mmpretrain"):
        return Compose(nodes)
