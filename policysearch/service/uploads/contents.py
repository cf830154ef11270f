"""What an upload was turned into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType


@dataclass(frozen=True)
class Contents:
    """Images in a form that `policysearch.datasets` reads, under names of ours.

    Attributes:
        path: a folder of class folders, an .npz or a .parquet file.
        names: of images, by our names without their endings: what the user called them.
        sizes: (height, width) of the images, those that occur.
        remarks: what was left out, a sentence each.
    """

    path: Path
    names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    sizes: tuple[tuple[int, int], ...] = ()
    remarks: tuple[str, ...] = ()
