"""The first choices of every rule on one fixed problem, so that no change of a rule goes unseen.

A choice is one sign: arm + 8·fidelity to the base 36. To renew after an intended change, run this file as a script.
"""

from __future__ import annotations

import numpy as np
import pytest

from policysearch.rules import RULES
from tests.support.simulated import Problem, play

TRACES: dict[str, str] = {
    "random": "2172256474014357067511350532011300123524",
    "greedy": "2173465077777777777777777777777777777777",
    "epsilon-greedy": "2172344470147313751616664664175442777775",
    "epsilon-greedy-decay": "2175344420147313771617664777177777777777",
    "ucb": "2173465076577777677777777777777777777777",
    "ucb-tuned": "2173465076777777677777777777777777777777",
    "ucb-normal": "2173465076777245031777777777777777777777",
    "kl-ucb": "2173465076767577677777777777777777777677",
    "thompson": "2173465067777777775757677777777777777777",
    "thompson-beta": "2173465047777767776666567766677677777777",
    "top-two-thompson": "2173465047766766677755567677676777776677",
    "linucb": "2354105455555555555555555555555555555555",
    "exp3": "2457441562447401751303771435265324666763",
    "exp3s": "2457341562437401751203771425164224666762",
    "discounted-ucb": "2173465076577777677777777777777777777777",
    "sliding-window-ucb": "2173465076577777677777777777777777777777",
    "discounted-thompson": "2173465067767777775757777777777777777777",
    "sequential-halving": "5603241764737643764376437676767676767676",
    "successive-halving": "61507D2F3464N13752FEEN0120435674EF02N756",
    "corrected-halving": "61507D2F3464N13752FD0NCC2031546D7EEFE7N4",
    "asha": "61507D2F346421573DF0765F1D203414520EEENN",
    "hyperband": "61507D2F3464NB8EC9MKHG712F03N514D30AEC8M",
}


def trace(name: str) -> str:
    def draw(arm, fidelity, rng):
        return None if rng.random() < 0.05 else 0.8 + arm / 100 + 0.02 * fidelity + 0.01 * rng.standard_normal()

    features = np.random.default_rng(5).standard_normal((8, 3))
    problem = Problem(8, draw, 3 if "fidelities" in RULES[name][1].needs else 1, 40, 500, features)
    made, _ = play(RULES[name][1](), problem, 40, 7, in_flight=3)
    return "".join(np.base_repr(arm + 8 * fidelity, 36) for arm, fidelity in made)


@pytest.mark.parametrize("name", sorted(RULES))
def test_choices_are_those_of_the_record(name):
    assert trace(name) == TRACES[name]


if __name__ == "__main__":
    for name in RULES:
        print(f'    "{name}": "{trace(name)}",')
