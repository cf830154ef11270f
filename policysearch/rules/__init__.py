"""Bandit rules, one a file: pure functions of a `History`; numpy only."""

from policysearch.rules.epsilon_greedy import DecayingEpsilonGreedy, EpsilonGreedy
from policysearch.rules.greedy import Greedy
from policysearch.rules.history import Choice, Counts, History, Log, Rule
from policysearch.rules.tally import Pull, Tally, counted
from policysearch.rules.ucb import Ucb
from policysearch.rules.uniform import Uniform

__all__ = ["RULES", "Choice", "Counts", "History", "Log", "Pull", "Rule", "Tally", "counted"]

RULES: dict[str, tuple[str, type[Rule]]] = {
    "random": ("every arm alike", Uniform),
    "greedy": ("explore c·K pulls, then commit to the best mean (c)", Greedy),
    "epsilon-greedy": ("the best mean, with probability epsilon any arm (epsilon)", EpsilonGreedy),
    "epsilon-greedy-decay": ("the same with epsilon falling as rate·K/t (rate)", DecayingEpsilonGreedy),
    "ucb": ("largest upper bound, on the scale of the rewards' noise (c); the default", Ucb),
}
"""Name -> (description with the parameters in brackets, class)."""
