"""Files of text lines, made for a test."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
from PIL import Image
from pyarrow import parquet


def line_image(seed: int, size: tuple[int, int] = (50, 150)) -> Image.Image:
    """A grey image of random pixels, (height, width)."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8))


def write_folder(
    folder: Path,
    texts: Sequence[str],
    *,
    files: Sequence[str] = (),
    parts: Sequence[str] = (),
    sizes: Sequence[tuple[int, int]] = (),
) -> None:
    """Images 0.png, 1.png, … or of these names, with their `labels.csv`."""
    files = files or [f"{i}.png" for i in range(len(texts))]
    for i, file in enumerate(files):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        line_image(i, *sizes[i : i + 1]).save(folder / file)
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as table:
        writer = csv.writer(table)
        writer.writerow(["file", "text", *(["part"] if parts else [])])
        for i, row in enumerate(zip(files, texts, strict=True)):
            writer.writerow([*row, *parts[i : i + 1]])


def write_parquet(file: Path, values: Sequence[Any], column: str = "text", **columns: Sequence[Any]) -> None:
    """Images with a column of these values, and further columns."""
    images = []
    for i in range(len(values)):
        content = io.BytesIO()
        line_image(i).save(content, "PNG")
        images.append({"bytes": content.getvalue(), "path": None})
    parquet.write_table(pyarrow.table({"image": images, column: list(values), **columns}), file)
