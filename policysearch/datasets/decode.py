"""From listed images to pixels of one size."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np

from policysearch.core.cores import usable_cores
from policysearch.core.errors import UserError, in_one_line
from policysearch.datasets.config import DataSettings
from policysearch.datasets.conversions import BITS
from policysearch.datasets.decoded import Decoded, LabelledPixels, OtherSize, Outcome, Rows, Unreadable, is_allowed
from policysearch.datasets.pixels import to_pixels
from policysearch.datasets.segmentation.mask_pixels import mask_pixels
from policysearch.datasets.source import Item

Tell = Callable[[int, int], object]
"""Called with how many images of how many are decoded."""

_AT_ONCE = 512


def decode(items: Sequence[Item], settings: DataSettings, scratch: Path, tell: Tell) -> Decoded:
    """Read all images, on all cores, into a memory-mapped file.

    Grey images of 16 bits become 8 bits by the range that they use: where none of them has a value above 4,095, say,
    they are of 12 bits and their upper 8 of these are kept.

    Args:
        items: the images.
        settings: their size and background, and whether damaged ones are left out.
        scratch: the file the pixels are kept in, as [N, 3, H, W].
        tell: called now and then.

    Raises:
        UserError: there are no images, or some are damaged, not of one size or not of 8 to 512 pixels a side; these are
            named.
        OSError: the file does not fit on the disk.
    """
    with warnings.catch_warnings():  # not in the threads: filters are the whole process's
        warnings.simplefilter("ignore")  # Pillow warns of odd files that it can read
        return _decoded(items, settings, scratch, tell)


def _decoded(items: Sequence[Item], settings: DataSettings, scratch: Path, tell: Tell) -> Decoded:
    if not items:
        raise UserError("there are no images")

    rows = Rows(items, scratch)
    with closing(_all_read(items, settings, tell)) as outcomes:
        for i, outcome in enumerate(outcomes):
            rows.add(i, outcome)

    rows.refuse_damaged(settings.skip_damaged)
    bits = rows.conversions.bits_in_use
    if bits < BITS:
        deep = list(rows.conversions.peaks)
        again = [items[rows.indices[row]] for row in deep]
        with closing(_all_read(again, settings, lambda done, total: None, bits)) as outcomes:
            rows.replace(deep, outcomes)
    return rows.decoded(settings.background)


def _all_read(
    items: Sequence[Item], settings: DataSettings, tell: Tell, bits: int = BITS
) -> Generator[Outcome, None, None]:
    read = partial(_read, settings=settings, bits=bits)
    pool = ThreadPoolExecutor(usable_cores())
    try:
        for start in range(0, len(items), _AT_ONCE):
            yield from pool.map(read, items[start : start + _AT_ONCE])
            tell(min(start + _AT_ONCE, len(items)), len(items))
    finally:
        pool.shutdown(cancel_futures=True)


def _read(item: Item, settings: DataSettings, bits: int) -> Outcome:
    try:
        image, label = item.read()
        np.int64(label)  # raises where it is larger
        if settings.size is None and not is_allowed(image.height, image.width):
            return OtherSize(image.height, image.width)
        mask = None if item.mask is None else mask_pixels(item.mask(), image.size, settings)
        return LabelledPixels(to_pixels(image, settings, bits), label, mask)
    except UserError as error:  # a mask that is none
        return Unreadable(str(error))
    except Exception as error:  # a damaged file fails anywhere in its decoder
        return Unreadable(in_one_line(error)[:100])
