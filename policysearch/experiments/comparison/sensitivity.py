"""Other values of each rule's own parameter: what the table of sensitivity is made of."""

from __future__ import annotations

from collections.abc import Iterable

GRIDS: dict[str, dict[str, tuple[float, ...]]] = {
    "greedy": {"c": (1, 2, 3, 4, 6)},
    "epsilon-greedy": {"epsilon": (0.0, 0.1, 0.3, 0.5, 0.7, 0.85)},
    "epsilon-greedy-decay": {"rate": (0.25, 0.5, 1, 2, 4)},
    "ucb": {"c": (0.0, 0.125, 0.25, 0.5, 1, 2)},
    "ucb-tuned": {"scale": (0.5, 1, 2, 4)},
    "ucb-normal": {"forced": (0.01, 0.05, 0.25), "c": (0.125, 0.25, 0.5, 1)},
    "kl-ucb": {"images": (500, 2000, 8000), "c": (0, 1, 3)},
    "thompson": {"width": (0.25, 0.5, 1, 2)},
    "thompson-beta": {"images": (500, 1000, 2000, 4000)},
    "top-two-thompson": {"beta": (0.25, 0.5, 0.75)},
    "linucb": {"alpha": (0.5, 1, 3, 6), "own": (0.1, 0.5, 1)},
    "exp3": {"gamma": (0.05, 0.1, 0.2, 0.4)},
    "exp3s": {"gamma": (0.05, 0.1, 0.2, 0.4)},
    "discounted-ucb": {"gamma": (0.9, 0.95, 0.98, 0.99)},
    "sliding-window-ucb": {"window": (25, 50, 100, 200)},
    "discounted-thompson": {"gamma": (0.9, 0.95, 0.98, 0.99)},
    "successive-halving": {"eta": (2, 3, 4)},
    "corrected-halving": {"doubt": (0.3, 1, 3), "width": (0, 0.5, 1, 2)},
    "asha": {"eta": (2, 3, 4)},
    "hyperband": {"eta": (2, 3, 4)},
}
"""Rule -> its parameters, and the values tried of each while the others keep their defaults."""


def others(names: Iterable[str]) -> list[str]:
    """`NAME:parameter=value` for every value of every rule that is named without a parameter."""
    return [
        f"{name}:{parameter}={value:g}"
        for name in names
        for parameter, values in GRIDS.get(name, {}).items()
        for value in values
    ]
