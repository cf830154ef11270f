"""RuleSampler: Optuna's own conformance tests, equality with the rule itself, resuming, and that it learns."""

from __future__ import annotations

import math
import pickle
from dataclasses import dataclass

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import RandomSampler
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    RelativeSamplerTestCase,
    SingleOnlySamplerTestCase,
)
from optuna.trial import TrialState, create_trial
from scipy.stats import ttest_1samp

import policysearch
from policysearch import RuleSampler
from policysearch.core.errors import UserError
from policysearch.core.seeds import rule_generator
from policysearch.experiments.search.run import search
from policysearch.rules import RULES, Choice, History, Pull, Tally
from policysearch.rules.registry import parse_rule
from policysearch.rules.uniform import Uniform
from policysearch.study.optuna_history import history_of
from policysearch.study.parameter_grid import Grid, axis
from policysearch.study.trial_columns import TrialColumns
from tests.support.quick import config_for
from tests.support.selection import slow_but

NAMES = sorted(name for name, (_, rule) in RULES.items() if "fidelities" not in getattr(rule, "needs", ()))
AT_ONCE = {"ucb", "greedy", "epsilon-greedy", "exp3", "sequential-halving"}
CONFORMING = [name if name in AT_ONCE else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]
BUDGET = 40
pytestmark = [  # of conformance tests, with their wide ranges and values
    pytest.mark.filterwarnings("ignore:the grid of:UserWarning"),
    pytest.mark.filterwarnings("ignore:the rule takes values:UserWarning"),
]


@pytest.mark.parametrize("name", CONFORMING)
class TestConformance(BasicSamplerTestCase, RelativeSamplerTestCase, SingleOnlySamplerTestCase):
    @pytest.fixture
    def sampler(self, name):
        return lambda: RuleSampler(name, seed=0, budget=BUDGET)


LETTERS = CategoricalDistribution(list("abcde"))


def create(direction="maximize", **settings) -> optuna.Study:
    return optuna.create_study(direction=direction, sampler=RuleSampler(**{"rule": "ucb", "seed": 0, **settings}))


def noisy(letter: str, number: int) -> float:
    """In [0, 1], as some rules ask."""
    return 0.3 + "abcde".index(letter) / 10 + 0.05 * float(np.random.default_rng(number).uniform(-1, 1))


def by_the_rule(name: str, trials: int, at_once: int) -> list[str]:
    """What the rule itself pulls of five arms; every seventh trial fails, the last started of a batch ends first."""
    tally, pulled, features = Tally(), [], Grid((axis("x", LETTERS, 8, 100),)).features
    for start in range(0, trials, at_once):
        batch = range(start, start + at_once)
        for number in batch:
            history = tally.history(LETTERS.choices, features=features, budget=BUDGET)
            choice = RULES[name][1]().choose(history, rule_generator(0, number))
            pulled.append(Pull(LETTERS.choices[choice.arm], probability=choice.probability))
            tally.start(pulled[-1])
        for number in reversed(batch):
            tally.finish(pulled[number], None if number % 7 == 6 else noisy(pulled[number].key, number))
    return [pull.key for pull in pulled]


def by_the_sampler(name: str, trials: int, at_once: int, sign: int) -> list[str]:
    study = create("maximize" if sign > 0 else "minimize", rule=name, budget=BUDGET)
    for _ in range(0, trials, at_once):
        batch = [study.ask({"x": LETTERS}) for _ in range(at_once)]
        for trial in reversed(batch):
            if trial.number % 7 == 6:
                study.tell(trial, state=TrialState.FAIL)
            else:
                study.tell(trial, sign * noisy(trial.params["x"], trial.number))
    return [trial.params["x"] for trial in study.trials]


@pytest.mark.parametrize("at_once", [1, 4])
@pytest.mark.parametrize("name", NAMES)
def test_over_one_parameter_it_is_the_rule_in_either_direction(name, at_once):
    expected = by_the_rule(name, BUDGET, at_once)
    assert by_the_sampler(name, BUDGET, at_once, 1) == expected
    assert by_the_sampler(name, BUDGET, at_once, -1) == expected


def tree(trial: optuna.Trial) -> float:
    """Parameters that depend on each other, and one without steps."""
    family = trial.suggest_categorical("family", ["none", "turn", "shift"])
    rate = trial.suggest_float("rate", 1e-3, 1e-1, log=True)
    if family == "turn":
        return 0.1 + trial.suggest_int("degrees", 10, 30, step=10) / 40 - rate
    return 0.1 + (trial.suggest_float("pixels", 0, 0.3, step=0.1) if family == "shift" else 0) - rate


@pytest.mark.parametrize("name", NAMES)
def test_a_fresh_sampler_goes_on_as_one_that_lives_long(name):
    whole, parts = create(rule=name, budget=BUDGET), create()
    whole.optimize(tree, n_trials=25)
    for _ in range(25):
        parts.sampler = RuleSampler(name, seed=0, budget=BUDGET)
        parts.optimize(tree, n_trials=1)
    assert [trial.params for trial in parts.trials] == [trial.params for trial in whole.trials]


def test_a_stored_study_goes_on_as_one_in_memory(tmp_path):
    whole = create()
    whole.optimize(tree, n_trials=12)
    storage = f"sqlite:///{tmp_path}/study.db"
    optuna.create_study(study_name="s", direction="maximize", storage=storage)
    for _ in range(2):
        study = optuna.load_study(study_name="s", storage=storage, sampler=RuleSampler(seed=0))
        study.optimize(tree, n_trials=6)
    assert [trial.params for trial in study.trials] == [trial.params for trial in whole.trials]


def test_one_sampler_serves_several_studies():
    sampler = RuleSampler("ucb", seed=0)
    studies = [optuna.create_study(sampler=sampler) for _ in range(2)]
    for _ in range(12):
        for study in studies:
            study.optimize(tree, n_trials=1)
    assert [t.params for t in studies[0].trials] == [t.params for t in studies[1].trials]


def test_seeds_matter_and_one_is_drawn():
    def first(sampler):
        study = optuna.create_study(sampler=sampler)
        return [study.ask({"x": LETTERS}).params["x"] for _ in range(20)]

    drawn = RuleSampler("random")
    assert first(drawn) == first(RuleSampler("random", seed=drawn.seed))
    assert len({tuple(first(RuleSampler("random", seed=seed))) for seed in range(5)}) == 5
    assert RuleSampler().seed != RuleSampler().seed


def test_parameters_of_one_trial_are_drawn_apart():
    """Whether known or not, together or after another: no two are given by one and the same random number."""
    distribution = IntDistribution(0, 9)
    for known in ({}, {"b": distribution}):
        pairs = set()
        for seed in range(20):
            study = create(rule="random", seed=seed)
            for _ in range(bool(known)):
                study.tell(study.ask(known), 0.0)
            trial = study.ask()
            a, b = trial.suggest_int("a", 0, 9), trial.suggest_int("b", 0, 9)
            pairs.add(a == b)
        assert pairs == {True, False}


@pytest.mark.parametrize("name", ["ucb", "greedy"])
def test_asks_in_parallel_spread(name):
    space = {"x": CategoricalDistribution([True, False]), "y": IntDistribution(0, 2)}
    study = create(rule=name)
    study.tell(study.ask(space), 1.0)
    for _ in range(5):
        study.ask(space)
    assert len({tuple(trial.params.items()) for trial in study.trials}) == 6


def test_threads_share_a_study():
    study = create()
    study.optimize(tree, n_trials=20, n_jobs=4)
    assert {trial.state for trial in study.trials} == {TrialState.COMPLETE}
    assert sorted(trial.number for trial in study.trials) == list(range(20))


def told(state=TrialState.COMPLETE, value=None, last=None, x="a", **attributes):
    reports = {} if last is None else {0: last}
    return create_trial(
        state=state,
        value=value,
        params={"x": x},
        distributions={"x": CategoricalDistribution(["a", "b"])},
        intermediate_values=reports,
        user_attrs=attributes,
    )


def history_told(*trials, maximise=True) -> History:
    study = optuna.create_study(direction="maximize" if maximise else "minimize")
    study.add_trials(trials)
    grid = Grid((axis("x", CategoricalDistribution(["a", "b"]), 8, 100),))
    return history_of(TrialColumns(study.trials), grid, {}, maximise=maximise)


@pytest.mark.parametrize("rule", ["ucb", "ucb-tuned", "ucb-normal", "thompson", "top-two-thompson", "greedy"])
@pytest.mark.parametrize(("scale", "offset"), [(1e200, 0), (1e-3, 1e7), (1e307, 0)])
def test_huge_and_far_off_values_choose_as_ordinary_ones(rule, scale, offset):
    def chosen(scale, offset):
        study = optuna.create_study(direction="maximize", sampler=policysearch.RuleSampler(rule, seed=0))
        rng = np.random.default_rng(0)
        study.optimize(lambda t: scale * (t.suggest_int("x", 0, 4) + rng.normal()) + offset, n_trials=40)
        return [trial.params["x"] for trial in study.trials]

    same = np.mean(np.array(chosen(scale, offset)) == np.array(chosen(1.0, 0.0)))
    assert same > 0.9


def test_states_and_values_as_a_history():
    h = history_told(
        told(value=0.5),
        told(value=0.25, correct=25, validation_images=100),
        told(value=math.inf),
        told(value=-math.inf, x="b"),
        told(TrialState.PRUNED, value=0.125, last=0.125),
        told(TrialState.PRUNED),
        told(TrialState.FAIL, x="b"),
        told(TrialState.RUNNING, x="b"),
        told(TrialState.WAITING, x="b"),
    )
    assert (h.pulls.tolist(), h.sums.tolist(), h.squares.tolist()) == ([3, 0], [0.875, 0], [0.328125, 0])
    assert (h.failures.tolist(), h.pending.tolist()) == ([2, 2], [0, 1])
    assert (h.correct.tolist(), h.judged.tolist()) == ([25, 0], [100, 0])
    assert (h.log.arms.tolist(), h.log.rewards.tolist()) == ([0, 0, 0], [0.5, 0.25, 0.125])
    assert h.fidelities[0].pulls is h.pulls
    assert h.features.tolist() == [[1, -1], [-1, 1]]


def test_a_value_to_minimise_is_negated():
    assert history_told(told(value=0.5), maximise=False).sums.tolist() == [-0.5, 0]


def test_the_log_is_in_the_order_told():
    study = create()
    first, second = study.ask({"x": LETTERS}), study.ask({"x": LETTERS})
    study.tell(second, 2.0)
    study.tell(first, 1.0)
    grid = Grid((axis("x", LETTERS, 8, 100),))
    assert history_of(TrialColumns(study.trials), grid, {}, maximise=True).log.rewards.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("distribution", "points"),
    [
        (FloatDistribution(0, 0.3, step=0.1), [0, 0.1, 0.2, 0.3]),
        (FloatDistribution(-1, 1), [-1, 0, 1]),
        (FloatDistribution(1e-4, 1, log=True), pytest.approx([1e-4, 1e-2, 1])),
        (IntDistribution(3, 9, step=2), [3, 5, 7, 9]),
        (IntDistribution(1, 5, log=True), [1, 2, 3, 4, 5]),
        (IntDistribution(0, 1000), [0, 500, 1000]),
        (IntDistribution(0, 999, step=3), [0, 498, 999]),
        (IntDistribution(1, 10000, log=True), [1, 100, 10000]),
        (FloatDistribution(0, 1, step=0.001), [0, 0.5, 1]),
        (CategoricalDistribution(["a", None, 3]), ["a", None, 3]),
    ],
)
def test_points_of_a_parameter(distribution, points):
    made = axis("x", distribution, levels=3, most=50)
    values = [made.value(i) for i in range(len(made.points))]
    assert values == points
    assert {type(v) for v in values} <= {int, float, str, type(None)}
    trials = [create_trial(value=0.0, params={"x": v}, distributions={"x": distribution}) for v in values]
    assert made.indices(trials).tolist() == list(range(len(values)))


def test_grids_by_hand():
    axes = [axis("x", FloatDistribution(0, 0.3, step=0.1), 3, 50), axis("y", CategoricalDistribution("pq"), 3, 50)]
    grid = Grid(axes)
    assert (grid.size, grid.values(0), grid.values(5)) == (8, {"x": 0.0, "y": "p"}, {"x": 0.2, "y": "q"})
    s = 1 / math.sqrt(5)
    assert grid.features[[0, 5]].tolist() == [pytest.approx([-3 * s, 1, -1]), pytest.approx([s, -1, 1])]
    assert axis("z", FloatDistribution(1e-4, 1, log=True), 3, 50).features().T.tolist() == [
        pytest.approx([-math.sqrt(1.5), 0, math.sqrt(1.5)])
    ]
    near, below, off = 0.1 + 2 * 0.1, 0.3 - 1e-12, 0.15
    distributions = {"x": FloatDistribution(0, 1), "y": CategoricalDistribution("pq")}
    trials = [create_trial(value=0, params={"x": x, "y": "q"}, distributions=distributions) for x in (near, below, off)]
    trials.append(create_trial(value=0, params={"x": 0.1}, distributions={"x": FloatDistribution(0, 1)}))
    assert grid.arms(trials).tolist() == [7, 7, -1, -1]


def test_parameters_are_chosen_together_once_they_are_known():
    """By the exact grid: after one trial has completed, greedy explores each other pair once, then keeps the best."""

    def objective(trial):
        return float((trial.suggest_int("x", 0, 2), trial.suggest_categorical("y", "pq")) == (1, "q"))

    study = create(rule="greedy")
    study.optimize(objective, n_trials=10)
    pairs = [tuple(trial.params.values()) for trial in study.trials]
    assert len(set(pairs[:6])) == 6
    assert pairs[6:] == [(1, "q")] * 4


def test_conditional_parameters_are_a_tree_of_bandits():
    study = create()
    study.optimize(tree, n_trials=120)
    best = [trial.params for trial in study.trials[-40:]]
    assert sum(p.get("degrees") == 30 for p in best) >= 30
    assert study.best_params["family"] == "turn"


def test_a_path_is_other_trials_with_the_same_values():
    distributions = {"x": CategoricalDistribution("pq"), "y": IntDistribution(0, 1)}
    study = create(rule="greedy")
    for x, y, value in [("p", 0, 0.9), ("p", 1, 0.0), ("q", 0, 0.2), ("q", 1, 0.6)]:
        study.add_trial(create_trial(value=value, params={"x": x, "y": y}, distributions=distributions))
    for given, other in [({"x": "p"}, {"y": 0}), ({"x": "q"}, {"y": 1}), ({"y": 1}, {"x": "q"})]:
        study.enqueue_trial(given)
        assert study.ask(distributions).params == given | other
    study.enqueue_trial({"x": "p", "y": 1})
    assert study.ask(distributions).params == {"x": "p", "y": 1}


def test_large_grids_are_told_once_and_chosen_one_by_one():
    space = {name: FloatDistribution(0, 1) for name in "abc"}
    study = create(max_arms=100)
    study.tell(study.ask(space), 1.0)
    with pytest.warns(UserWarning, match=r"the grid of a, b, c has 512 points, more than max_arms \(100\)") as caught:
        for _ in range(3):
            study.tell(study.ask(space), 1.0)
    assert len(caught) == 1
    study = create()
    with pytest.warns(
        UserWarning, match=r"'n' has 1,000,001 values, more than max_arms \(4096\): its arms are 8"
    ) as caught:
        values = [study.ask({"n": IntDistribution(0, 10**6)}).params["n"] for _ in range(8)]
    assert (len(caught), len(set(values))) == (1, 8)


@dataclass(frozen=True)
class Quarter:
    """The last arm, "with probability a quarter"; remembers what it saw."""

    seen: list

    def choose(self, history, rng):
        self.seen.append(history)
        return Choice(history.arms - 1, probability=0.25)


def test_probabilities_come_back_in_the_log():
    rule, space = Quarter([]), {"x": IntDistribution(0, 1), "y": IntDistribution(0, 3)}
    study = create(rule=rule)
    study.add_trial(create_trial(value=0.0, params={"x": 0, "y": 0}, distributions=space))
    for _ in range(2):
        study.tell(study.ask(space), 1.0)
    assert rule.seen[1].log.probabilities.tolist() == pytest.approx([math.nan, 0.25], nan_ok=True)
    study = create(rule=rule)
    for _ in range(2):
        study.tell(study.ask(space), 1.0)
    assert rule.seen[-1].arms == 8
    assert rule.seen[-1].log.probabilities.tolist() == [1 / 16]  # the first trial drew x, then y


def test_constant_parameters_are_no_arms():
    space = {"x": LETTERS, "one": CategoricalDistribution([1]), "two": IntDistribution(2, 2)}
    study = create(rule="greedy")
    for _ in range(8):
        trial = study.ask(space)
        study.tell(trial, float(trial.params["x"] == "c"))
    assert len({trial.params["x"] for trial in study.trials[:5]}) == 5
    assert [trial.params["x"] for trial in study.trials[5:]] == ["c"] * 3
    assert set(study.sampler.infer_relative_search_space(study, study.trials[-1])) == {"x"}


def test_constant_parameters_are_no_part_of_a_path():
    study = create(rule="greedy")
    for x in "abcde":
        study.add_trial(create_trial(value=float(x == "d"), params={"x": x}, distributions={"x": LETTERS}))
    study.add_trial(create_trial(value=0.0))  # from now on no parameter is in every trial
    trial = study.ask()
    trial.suggest_int("one", 1, 1)
    assert trial.suggest_categorical("x", LETTERS.choices) == "d"


def test_a_trial_cut_off_between_two_parameters_goes_on_as_it_began():
    distributions = {"x": CategoricalDistribution("pq"), "y": IntDistribution(0, 1)}
    study = create(rule="greedy")
    for x, y, value in [("p", 0, 0.9), ("p", 1, 0.0), ("q", 0, 0.2), ("q", 1, 0.6)]:
        study.add_trial(create_trial(value=value, params={"x": x, "y": y}, distributions=distributions))
    begun = create_trial(state=TrialState.RUNNING, params={"x": "q"}, distributions={"x": distributions["x"]})
    study.add_trial(begun)
    trial = optuna.Trial(study, study.trials[-1]._trial_id)
    assert trial.suggest_categorical("x", "pq") == "q"
    assert trial.suggest_int("y", 0, 1) == 1


def test_with_pruners_and_partly_fixed():
    def objective(trial):
        value = tree(trial)
        trial.report(value, 1)
        if trial.should_prune():
            raise optuna.TrialPruned
        return value

    for pruner in (optuna.pruners.MedianPruner(n_startup_trials=2), optuna.pruners.HyperbandPruner(max_resource=4)):
        study = optuna.create_study(direction="maximize", sampler=RuleSampler(seed=0), pruner=pruner)
        study.optimize(objective, n_trials=30)
    study.sampler = optuna.samplers.PartialFixedSampler({"family": "none"}, study.sampler)
    study.optimize(objective, n_trials=10)
    assert {trial.params["family"] for trial in study.trials[30:]} == {"none"}


WORTH = np.random.default_rng(5).uniform(0, 1, (5, 4))


def gathered(sampler: optuna.samplers.BaseSampler, direction: str, seed: int) -> float:
    """Mean worth of what was tried beyond that of the grid, 60 trials; noise as large as the worths' deviation."""
    rng, sign = np.random.default_rng(seed), 1 if direction == "maximize" else -1
    tried = []

    def objective(trial):
        tried.append(WORTH[trial.suggest_int("x", 0, 4), "abcd".index(trial.suggest_categorical("y", "abcd"))])
        return sign * (tried[-1] + WORTH.std() * rng.standard_normal())

    optuna.create_study(direction=direction, sampler=sampler).optimize(objective, n_trials=60)
    return float(np.mean(tried) - WORTH.mean())


def better_than_random(make, direction: str) -> bool:
    """One-sided t-test over 12 seeds at 1e-5, the false-alarm rate of a sampler no better than RandomSampler."""
    return ttest_1samp([gathered(make(s), direction, s) for s in range(12)], 0, alternative="greater").pvalue < 1e-5


@pytest.mark.parametrize("direction", slow_but(["minimize"], ["maximize", "minimize"]))
def test_it_beats_random_search(direction):
    assert better_than_random(lambda seed: RuleSampler("ucb:c=0.5", seed=seed), direction)
    assert not better_than_random(lambda seed: RandomSampler(seed=seed), direction)


def test_a_sampler_that_forgets_to_negate_is_caught(monkeypatch):
    def forgets(*arguments, maximise, budget):
        return history_of(*arguments, maximise=True, budget=budget)

    monkeypatch.setattr("policysearch.study.rule_sampler.history_of", forgets)
    assert not better_than_random(lambda seed: RuleSampler("ucb:c=0.5", seed=seed), "minimize")


def test_own_rules(tmp_path):
    path = tmp_path / "my_rules.py"
    path.write_text(
        "from policysearch.rules import Choice\n"
        "def last(history, rng):\n    return history.arms - 1\n"
        "def over(history, rng):\n    return Choice(history.arms)\n"
        "def text(history, rng):\n    return 'first'\n"
        "class Any:\n    def choose(self, history, rng):\n        return Choice(rng.integers(history.arms))\n"
        "def make():\n    return Any()\n"
        "def nothing():\n    pass\n"
        "def breaks():\n    raise OSError('no file')\n"
        "def raises(history, rng):\n    return [][0]\n"
        "def half(history, rng):\n    return Choice(1.5)\n"
        "def beyond(history, rng):\n    return Choice(0, fidelity=3)\n"
        "def below(history, rng):\n    return Choice(0, fidelity=-1)\n"
        "def surely(history, rng):\n    return Choice(0, probability=1.5)\n"
        "def likely(history, rng):\n    return Choice(0, probability='x')\n"
    )
    h = Tally().history(list("abc"))
    assert parse_rule(f"{path}:last").choose(h, np.random.default_rng(0)) == Choice(2)
    for name in ("Any", "make"):
        chosen = parse_rule(f"{path}:{name}").choose(h, np.random.default_rng(0))
        assert chosen == Uniform().choose(h, np.random.default_rng(0))
    study = create(rule=f"{path}:last")
    assert study.ask({"x": LETTERS}).params == {"x": "e"}
    for name, message in {
        "over": "answered arm 3; there are 0 to 2",
        "raises": r"failed: IndexError: list index out of range \(line 18 of .*my_rules.py\)",
        "half": r"answered Choice\(arm=1.5",
        "beyond": "answered fidelity 3; there is only 0",
        "below": "answered fidelity -1; there is only 0",
        "surely": r"answered probability 1.5; give one in \(0, 1\]",
        "likely": r"answered Choice\(arm=0, fidelity=0, probability='x'",
        "text": "answered 'first'; return a Choice or the index of an arm",
        "nothing": "is no rule; give an object with choose",
        "breaks": "failed: OSError: no file",
        "absent": "has no 'absent'",
    }.items():
        with pytest.raises(UserError, match=message):
            parse_rule(f"{path}:{name}").choose(h, np.random.default_rng(0))


def test_an_own_rule_searches(quick, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("def choose(history, rng):\n    return int(rng.integers(history.arms))\n")
    results = [
        search(config_for(tmp_path / name, strategy=strategy, trials=4, confirm=0))
        for name, strategy in (("own", "mine.py:choose"), ("ours", "random"))
    ]
    assert results[0].policy == results[1].policy
    assert f"{tmp_path / 'mine.py'}:choose" in (tmp_path / "own" / "config.toml").read_text()


@dataclass(frozen=True)
class Needy(Uniform):
    """A rule that cannot do without."""

    needs: frozenset[str]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"rule": "ubc"}, "unknown rule 'ubc': did you mean ucb"),
        ({"rule": "ucb:d=1"}, "rule ucb has no parameter 'd'; it has c"),
        ({"rule": "ucb:c=-1"}, "c must be 0 or more, got -1"),
        ({"rule": "nowhere:rule"}, "rule 'nowhere:rule' cannot be loaded"),
        ({"rule": 3}, "rule 3 is no rule; give an object with"),
        ({"rule": Uniform}, "is no rule"),
        ({"rule": Needy({"fidelities"})}, "needs trials of several fidelities, but here they have one; take 'ucb'"),
        ({"rule": Needy({"budget"})}, "needs to know how many trials there will be; give RuleSampler budget=60"),
        ({"seed": -1}, "seed must be 0 or more, got -1"),
        ({"budget": -1}, "budget must be 0 or more, got -1"),
        ({"levels": 1}, "levels must be 2 or more, got 1"),
        ({"max_arms": 1}, "max_arms must be 2 or more, got 1"),
    ],
)
def test_arguments_that_are_refused(settings, told):
    with pytest.raises(UserError, match=told):
        RuleSampler(**settings)


def test_studies_that_are_refused():
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=RuleSampler())
    with pytest.raises(UserError, match="one value, but the study has 2; give it one"):
        study.ask().suggest_int("x", 0, 3)
    with pytest.raises(UserError, match=r"'x' goes from 0.0 to inf; .* give it finite ends"):
        create().ask().suggest_float("x", 0, math.inf)
    with pytest.raises(UserError, match="answered fidelity 2; there is only 0"):
        create(rule=lambda history, rng: Choice(0, 2)).ask().suggest_int("x", 0, 3)


@pytest.mark.parametrize(
    "choices", [[True, 1, 2], [1, 1.0], ["a", "a"], [math.nan, "a", float("nan")], [0, None, False]]
)
def test_equal_choices_are_refused(choices):
    for known in (False, True):
        study = create()
        if known:
            study.add_trial(
                create_trial(value=0.0, params={"x": choices[0]}, distributions={"x": CategoricalDistribution(choices)})
            )
        with pytest.raises(UserError, match=r"parameter 'x' has equal choices, .* and .*: leave one out, or give each"):
            study.ask().suggest_categorical("x", choices)


@pytest.mark.filterwarnings("ignore:Choices for a categorical distribution")
def test_tuples_as_choices_need_a_study_in_memory(tmp_path):
    choices = [(1, 2), (3, 4)]
    stored = optuna.create_study(storage=f"sqlite:///{tmp_path}/s.db", sampler=RuleSampler(seed=0))
    with pytest.raises(UserError, match=r"'x' has the tuple \(1, 2\) as a choice, .* the list \[1, 2\], which is"):
        stored.ask().suggest_categorical("x", choices)
    study = create()
    study.optimize(lambda trial: sum(trial.suggest_categorical("x", choices)), n_trials=6)
    assert study.best_params == {"x": (3, 4)}


def test_it_can_be_pickled():
    """As Ray Tune does to keep its state."""
    again = pickle.loads(pickle.dumps(RuleSampler("ucb:c=0.5", budget=9, levels=3)))
    original = RuleSampler("ucb:c=0.5", again.seed, budget=9, levels=3)
    assert again.__getstate__() == original.__getstate__()


def test_it_is_exported():
    assert policysearch.RuleSampler is RuleSampler
