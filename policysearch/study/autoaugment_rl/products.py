"""Matrix products whose last bits do not depend on the number of threads."""

from __future__ import annotations

import numpy as np

from policysearch.stats.arrays import Floats

_ONE_THREAD = 2**18
"""Multiplications of a block. OpenBLAS divides a product among threads above 2¹⁸, and products with vectors sooner.

Another number of threads adds in another order. So it would differ between machines, and a search that is resumed with
another number would not go on as it was; and such small products are slower with two threads than with one.
"""
_FEWEST = 2
"""Rows and columns of a block: with one it would be a product with a vector."""


def product(left: Floats, right: Floats) -> Floats:
    """left [M, K] · right [K, N], in blocks that one thread computes; [M, N]."""
    rows, inner = left.shape
    columns = right.shape[1]
    if rows == 1:
        return product(np.repeat(left, _FEWEST, axis=0), right)[:1]
    if rows * inner * columns <= _ONE_THREAD:
        return np.asarray(left @ right)
    if columns >= 2 * _FEWEST:
        middle = columns // 2
        return np.concatenate([product(left, right[:, :middle]), product(left, right[:, middle:])], axis=1)
    if rows >= 2 * _FEWEST:
        middle = rows // 2
        return np.concatenate([product(left[:middle], right), product(left[middle:], right)])
    return np.asarray(left @ right)
