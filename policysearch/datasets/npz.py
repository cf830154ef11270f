"""An `.npz` file: the arrays that are needed of it, and how large they are before they are unpacked."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policysearch.core.errors import UserError
from policysearch.datasets.arrays import ListArrays, array_names, list_arrays
from policysearch.datasets.limits import must_fit
from policysearch.datasets.source import Listing


def list_npz(
    path: Path,
    group: str | None,
    labels: bool = True,
    listing: ListArrays | None = None,
    names: Callable[[Iterable[str], str | None], list[str]] = array_names,
) -> Listing:
    """The images of an `.npz` file, as `list_arrays` takes them; other arrays are not read.

    Args:
        path: the file.
        group: the array that holds the groups, or None.
        labels: as for `list_arrays`.
        listing: what lists the images of its arrays; None: `list_arrays`.
        names: gives those of the arrays' names that are read.

    Raises:
        UserError: the file is damaged or mis-shaped, or its arrays are too large to be unpacked.
        OSError: it cannot be read.
    """
    try:
        arrays, others = _read(path, lambda members: names(members, group))
    except (UserError, OSError):
        raise
    except Exception:  # a damaged archive fails in zip, zlib, NumPy's parser or NumPy itself
        raise UserError("it is damaged, or holds something other than plain arrays") from None
    if not arrays:
        raise UserError(f"there is no x_train (or train_images) in it; its arrays: {', '.join(others) or 'none'}")
    return list_arrays(arrays, group, labels) if listing is None else listing(arrays, group)


def _read(path: Path, needed: Callable[[Iterable[str]], list[str]]) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """The arrays that are needed, by name, and the names of the others."""
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise UserError("this is no NumPy .npz file (np.savez writes one)")
        file.seek(0)
        with zipfile.ZipFile(file) as archive:
            members = {name.removesuffix(".npy"): archive.getinfo(name) for name in archive.namelist()}
            names = needed(members)
            # Not even a header is read before: it, too, may unpack to anything.
            must_fit(sum(members[name].file_size for name in names), path.stat().st_size, "its arrays are")
            arrays = {name: _array(archive, members[name]) for name in names}
    return arrays, [name for name in members if name not in names]


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    """The array in a member of the archive; room for it is taken when its header fits the member's size."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(file)
        size = math.prod(shape) * dtype.itemsize
        if not 0 <= size <= member.file_size:
            raise ValueError(f"an array of {size} bytes in {member.file_size}")
    with archive.open(member) as file:
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        return array
