"""The arrays of an .npz: headers read first, then those that are needed copied in pieces."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path

import numpy as np

from policysearch.core.errors import UserError
from policysearch.core.readable import readable_name
from policysearch.datasets.arrays import array_names
from policysearch.service.limits import Limits
from policysearch.service.uploads.archive import Archive, Member
from policysearch.service.uploads.contents import Contents

_HEADER = 70_000
"""Bytes that the header of an array may have, its magic included."""
_KINDS = "biufU"
"""Kinds of dtype that are taken: numbers and text; no objects, which only pickle could read."""
_MOST_ARRAYS = 1_000


def copied(upload: Path, target: Path, limits: Limits) -> Contents:
    """Copy the arrays of images, labels and class names; others are left out.

    Args:
        upload: the .npz.
        target: the new .npz.
        limits: the operator's.

    Raises:
        UserError: it is damaged or hostile, or an array is too large or holds objects.
    """
    with upload.open("rb") as file, zipfile.ZipFile(target, "x", zipfile.ZIP_STORED) as out:
        archive = Archive(file, limits)
        if len(archive.members) > _MOST_ARRAYS:
            raise UserError(f"the .npz has {len(archive.members):,} arrays, and {_MOST_ARRAYS:,} are allowed")
        members = {str(member.path).removesuffix(".npy"): member for member in archive.members}
        names = array_names(members, None)
        if not names:
            others = ", ".join(map(readable_name, list(members)[:20]))
            raise UserError(f"there is no x_train (or train_images) in it; its arrays: {others or 'none'}")
        shapes = [_plain_shape(archive, members[name], name, limits) for name in names]
        for name in names:
            with out.open(f"{name}.npy", "w", force_zip64=True) as copy:
                for chunk in archive.chunks(members[name]):
                    copy.write(chunk)
    return Contents(target, sizes=tuple({_size(shape) for shape in shapes if len(shape) > 2}))


def _size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of images [N, H, W], [N, H, W, C] or [N, C, H, W]."""
    channels_first = len(shape) == 4 and shape[3] not in (1, 3) and shape[1] in (1, 3)
    return (shape[2], shape[3]) if channels_first else (shape[1], shape[2])


def _plain_shape(archive: Archive, member: Member, name: str, limits: Limits) -> tuple[int, ...]:
    """The shape of an array, whose header is checked against what is there before any of it is read."""
    beginning = b""
    for chunk in archive.chunks(member):
        beginning += chunk
        if len(beginning) > _HEADER:
            break
    header = io.BytesIO(beginning)
    try:
        version = np.lib.format.read_magic(header)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(header)
    except Exception:  # NumPy's parser evaluates a literal, which fails in many ways
        raise UserError(f"{name} is no NumPy array") from None
    if dtype.kind not in _KINDS:
        raise UserError(f"{name} holds {dtype}: arrays are numbers, and class names text; pickled objects are not read")
    size = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or size > limits.unpacked_bytes:
        raise UserError(f"{name} says that it has {size:,} bytes, and {limits.unpacked_bytes:,} is the most")
    if size + header.tell() != member.entry.file_size:
        raise UserError(f"{name} says that it has {size:,} bytes, and its place in the file is another")
    return tuple(shape)
