"""Bandit rules, one per file: pure functions of a `History`; numpy only."""

from policysearch.rules.corrected_halving import CorrectedHalving
from policysearch.rules.discounted_thompson import DiscountedThompson
from policysearch.rules.discounted_ucb import DiscountedUcb
from policysearch.rules.epsilon_greedy import DecayingEpsilonGreedy, EpsilonGreedy
from policysearch.rules.exp3 import Exp3
from policysearch.rules.exp3s import Exp3S
from policysearch.rules.greedy import Greedy
from policysearch.rules.history import Choice, Counts, History, Log, Need, Rule
from policysearch.rules.kl_ucb import KlUcb
from policysearch.rules.linucb import LinUcb
from policysearch.rules.recommendation import recommend
from policysearch.rules.sequential_halving import SequentialHalving
from policysearch.rules.sliding_window_ucb import SlidingWindowUcb
from policysearch.rules.successive_halving import Asha, Hyperband, SuccessiveHalving
from policysearch.rules.tally import Pull, Tally, counted
from policysearch.rules.thompson import Thompson, TopTwoThompson
from policysearch.rules.thompson_beta import ThompsonBeta
from policysearch.rules.ucb import Ucb
from policysearch.rules.ucb_normal import UcbNormal
from policysearch.rules.ucb_tuned import UcbTuned
from policysearch.rules.uniform import Uniform

__all__ = [
    "RULES",
    "Choice",
    "Counts",
    "History",
    "Log",
    "Need",
    "Pull",
    "Rule",
    "Tally",
    "counted",
    "recommend",
]

RULES: dict[str, tuple[str, type[Rule]]] = {
    "random": ("every arm alike", Uniform),
    "greedy": ("explore c·K pulls, then commit to the best mean (c)", Greedy),
    "epsilon-greedy": ("the best mean, with probability epsilon any arm (epsilon)", EpsilonGreedy),
    "epsilon-greedy-decay": ("the same with epsilon falling as rate·K/t (rate)", DecayingEpsilonGreedy),
    "ucb": ("largest upper bound, on the scale of the rewards' noise (c); the default for listed arms", Ucb),
    "ucb-tuned": ("the same with a variance for each arm (scale, prior)", UcbTuned),
    "ucb-normal": ("the same for normal rewards, with forced exploration (forced, c)", UcbNormal),
    "kl-ucb": ("largest upper bound for accuracies, by their divergence (c, images)", KlUcb),
    "thompson": ("best of one draw from a normal posterior with shrunken means (width)", Thompson),
    "thompson-beta": ("best of one draw from beta posteriors, for accuracies (images)", ThompsonBeta),
    "top-two-thompson": ("the best of a draw or its challenger, to find the best arm (beta)", TopTwoThompson),
    "linucb": ("largest upper bound of a regression on what the policies do (alpha, ridge, own)", LinUcb),
    "exp3": ("exponential weights, for rewards that drift (gamma, rate, decay)", Exp3),
    "exp3s": ("the same with a share for every arm, for a best arm that changes (gamma, rate, alpha)", Exp3S),
    "discounted-ucb": ("ucb that forgets gradually, for rewards that drift (gamma, c)", DiscountedUcb),
    "sliding-window-ucb": ("ucb that knows the last pulls alone, for rewards that drift (window, c)", SlidingWindowUcb),
    "discounted-thompson": (
        "thompson that forgets gradually, for rewards that drift (gamma, width)",
        DiscountedThompson,
    ),
    "sequential-halving": ("a known budget in rounds, each on half as many arms", SequentialHalving),
    "successive-halving": ("cheap pulls for all arms, more expensive ones for the best 1/eta (eta)", SuccessiveHalving),
    "corrected-halving": (
        "the same, cheap rewards corrected by what policies do (eta, doubt, width)",
        CorrectedHalving,
    ),
    "asha": ("asynchronous halving as published: promote what can be, else start a new arm (eta)", Asha),
    "hyperband": ("the same, started at every fidelity in turn (eta)", Hyperband),
}
"""Name -> (description with the parameters in brackets, class); `needs` of the class says what it cannot do without."""
