"""Which arm a search would take."""

from __future__ import annotations

import numpy as np

from policysearch.rules.history import History
from policysearch.rules.posterior import noise, normal


def recommend(history: History) -> int | None:
    """The arm of the best shrunken mean at the highest fidelity that has a reward; None while there is none.

    Ranked as the summary of a search is: by the shrunken mean to 12 decimals, then by the mean, then by index.
    """
    for counts in history.fidelities[::-1] or (history,):
        if counts.pulls.any():
            shrunken = normal(counts, noise(counts))[0].round(12)
            return int(np.lexsort((-counts.means, -shrunken))[0])
    return None
