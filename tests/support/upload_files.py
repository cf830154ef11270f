"""Small files to upload, good and hostile: no bomb is larger than the limits that a test lowers for it."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow
from PIL import Image
from pyarrow import parquet


def png(seed: int = 0, size: tuple[int, int] = (16, 16), kind: str = "PNG") -> bytes:
    """An image of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


def plain_png(side: int) -> bytes:
    """A large image of one color in few bytes."""
    out = io.BytesIO()
    Image.new("1", (side, side)).save(out, "PNG")
    return out.getvalue()


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip of some files, the same whenever it is made."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def images(classes: tuple[str, ...] = ("cat", "dog"), count: int = 6) -> dict[str, bytes]:
    """Files of a good zip."""
    names = [f"{name}/{number}.png" for name in classes for number in range(count)]
    return {name: png(seed) for seed, name in enumerate(names)}


def with_link(target: str = "/etc/passwd") -> bytes:
    """A zip with a symbolic link among its images."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in images().items():
            archive.writestr(name, data)
        link = zipfile.ZipInfo("cat/link.png")
        link.create_system = 3
        link.external_attr = 0o120777 << 16
        archive.writestr(link, target)
    return out.getvalue()


def changed(data: bytes, signature: bytes, offset: int, form: str, value: int) -> bytes:
    """The same zip with one number of a header changed: the first header with that signature."""
    at = data.index(signature) + offset
    return data[:at] + struct.pack(form, value) + data[at + struct.calcsize(form) :]


def npz(**arrays: Any) -> bytes:
    """An .npz of some arrays."""
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def good_arrays(count: int = 30) -> dict[str, Any]:
    """Arrays of a data set."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, 12, 12), dtype=np.uint8)
    return {"x_train": pixels, "y_train": np.arange(count) % 3, "classes": np.array(["a", "b", "c"])}


def npy_of(shape: tuple[int, ...], descr: str, data: bytes = b"") -> bytes:
    """An .npy file whose header says what it likes."""
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    header = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def table(rows: int = 12, **columns: Any) -> bytes:
    """A Parquet file of images and labels."""
    values = {
        "image": [{"bytes": png(seed), "path": f"{seed}.png"} for seed in range(rows)],
        "label": [seed % 2 for seed in range(rows)],
        **columns,
    }
    out = io.BytesIO()
    parquet.write_table(pyarrow.table(values), out)
    return out.getvalue()
