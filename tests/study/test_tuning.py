"""Rate and weight decay by TPE: what a setting depends on, and what it does not."""

from __future__ import annotations

import math

from policysearch.study.tuning import ROUND, Setting, best_setting, rounds, setting

OWN = Setting(0.1, 5e-4)


def worth(chosen: Setting) -> float:
    """Best at a rate of 0.05; decay matters less."""
    return -abs(math.log(chosen.rate / 0.05)) - 0.1 * abs(math.log(chosen.weight_decay / 1e-3))


def tuned(count: int, seed: int = 7) -> dict[int, tuple[Setting, float]]:
    tried: dict[int, tuple[Setting, float]] = {}
    for part in rounds(count):
        chosen = {index: setting(index, OWN, tried, seed) for index in part}
        tried |= {index: (one, worth(one)) for index, one in chosen.items()}
    return tried


def test_the_first_is_the_recipes_own_and_all_lie_in_their_ranges():
    tried = tuned(20)
    assert tried[0][0] == OWN and len({one for one, _ in tried.values()}) == 20
    assert all(0.02 <= one.rate <= 0.5 and 2.5e-5 <= one.weight_decay <= 0.01 for one, _ in tried.values())
    assert setting(1, Setting(0.1, 0.0), {}, 0).weight_decay > 0


def test_a_setting_follows_from_earlier_rounds_alone():
    """So a tuning that was killed, or whose trials end in another order, goes on as it would have."""
    tried = tuned(4 * ROUND)
    index = 3 * ROUND + 2
    earlier = {number: pair for number, pair in tried.items() if number < 3 * ROUND}
    assert setting(index, OWN, earlier, 7) == setting(index, OWN, tried, 7) == tried[index][0]
    assert setting(index, OWN, {0: tried[0]}, 7) != tried[index][0]
    assert setting(index, OWN, earlier, 8) != tried[index][0]


def test_later_rounds_learn_from_earlier_ones():
    """The better half of the last settings is nearer to the best than that of the first, over three seeds."""
    gains = []
    for seed in range(3):
        values = [value for _, value in tuned(24, seed).values()]
        gains.append(sorted(values[12:])[6] - sorted(values[:12])[6])
    assert sum(gains) > 0


def test_the_best_is_the_first_of_the_highest():
    assert best_setting({}) is None
    other = Setting(0.2, 1e-3)
    assert best_setting({3: (other, 0.5), 1: (OWN, 0.5), 2: (other, 0.4)}) == OWN
    assert [list(part) for part in rounds(6)] == [[0, 1, 2, 3], [4, 5]]
