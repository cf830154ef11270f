"""Temporary; the rules branch brings the real one."""

import numpy as np

__all__ = ["recommend"]


def recommend(history):
    h = next((f for f in reversed(history.fidelities) if f.pulls.any()), None)
    return None if h is None else int(np.argmax(h.means))
