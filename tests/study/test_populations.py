"""Populations: who is replaced, what is explored, and that every choice follows from the record."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.stats import chisquare

from policysearch.core.errors import UserError
from policysearch.core.trial import Outcome, Trial
from policysearch.policy.space_files import load_space, parse_space
from policysearch.policy.spaces import Space
from policysearch.study.config import SearchConfig, make_config
from policysearch.study.in_memory_store import InMemoryTrialStore
from policysearch.study.populations.exploration import Exploration
from policysearch.study.populations.parameters import Parameter, flexible
from policysearch.study.populations.plan import settled, share_of_pull
from policysearch.study.populations.selection import truncated
from policysearch.study.populations.settings import Population, parse_population
from policysearch.study.populations.strategy import make_population
from policysearch.study.rows import COMPLETE, RUNNING, Row
from policysearch.study.sources import Budgeted
from policysearch.study.strategies import make_strategy, must_name_a_strategy

TURNS = """
schema = 1
[[family]]
name = "turn"
parameters = { degrees = [0, 5, 10, 15, 20, 25, 30], p = [0.25, 0.5, 0.75, 1.0] }
[family.policy]
sub_policies = [{ steps = [{ operation = "rotate", probability = "$p", magnitude = "$degrees" }] }]
"""


@pytest.fixture(scope="module")
def turns() -> Space:
    return parse_space("turns", TURNS, "turns")


def worth(row: Row, failing: frozenset[int]) -> Outcome:
    """What a child of the toy reaches: the more degrees the better, plus what its training so far is worth."""
    if row.number in failing:
        return Outcome(error="failed")
    degrees, p = (float(row.arm.parameters[name]) for name in ("turn.degrees", "turn.p"))
    return Outcome({"accuracy": 0.01 * row.fidelity + (degrees + 4 * p) / 100, "checkpoint": f"c{row.number}"})


class Search:
    """A search by a population on the toy, with several workers that end in random order."""

    def __init__(self, space: Space, spec: str, epochs: int = 8, failing: frozenset[int] = frozenset()) -> None:
        self.strategy = make_population(spec, space, epochs)
        self.trials = self.strategy.settings.population * len(self.strategy.ends)
        self.failing = failing
        self.store = self.new_store()

    def new_store(self) -> InMemoryTrialStore:
        ends = [(40, end) for end in self.strategy.ends]
        return InMemoryTrialStore(seed=3, fidelities=ends, reward=lambda metrics: metrics["accuracy"])

    def run(self, workers: int = 1, stop: int | None = None, seed: int = 0) -> list[Row]:
        """Trials until there are no more, or until so many have ended; those in flight are left open then."""
        source, order = Budgeted(self.store, self.strategy, self.trials), np.random.default_rng(seed)
        in_flight: list[Trial] = self.store.running()
        ended = sum(row.state != RUNNING for row in self.store.rows)
        while stop is None or ended < stop:
            while len(in_flight) < workers and (trial := source.ask()) is not None:
                in_flight.append(trial)
            if not in_flight:
                break
            trial = in_flight.pop(int(order.integers(len(in_flight))))
            source.tell(trial, worth(self.store.rows[trial.number], self.failing))
            ended += 1
        return self.store.rows


def told(rows: list[Row]) -> list[tuple]:
    return [(row.number, row.arm.key, row.parent, row.begin, row.checkpoint, row.fidelity, row.reward) for row in rows]


# Selection


@pytest.mark.parametrize(("count", "quantile", "replaced"), [(8, 0.25, 2), (10, 0.25, 3), (2, 0.25, 1), (3, 0.5, 1)])
def test_the_quantile_is_rounded_up_and_never_more_than_half(count, quantile, replaced):
    assert Population(population=count, quantile=quantile).replaced == replaced


def test_truncation_replaces_the_worst_by_the_best():
    """By brute force over random rewards with ties and failures: exactly the worst, each by one of the best."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        count = int(rng.integers(2, 12))
        replaced = int(rng.integers(1, count // 2 + 1))
        rewards = [None if rng.random() < 0.2 else float(rng.integers(5)) for _ in range(count)]
        takers = truncated(rewards, replaced, rng)
        moved = [i for i, taker in enumerate(takers) if taker != i]
        without = rewards.count(None)
        with_reward = sorted(r for r in rewards if r is not None)
        if not with_reward:
            assert takers == [-1] * count
            continue
        assert len(moved) == max(replaced, without)
        best = with_reward[-replaced:]
        assert all(rewards[takers[i]] is not None and rewards[takers[i]] >= best[0] for i in moved)
        staying = [rewards[i] for i in range(count) if i not in moved]
        assert None not in staying
        assert all(rewards[i] is None or rewards[i] <= min(staying) for i in moved)


def test_every_one_of_the_best_is_taken_over_alike():
    """Chi-square at 1e-4 (false alarms: never with this seed); one that always takes the best over is caught."""
    rng = np.random.default_rng(1)
    counts = Counter(truncated([0.1, 0.2, 0.8, 0.9], 2, rng)[0] for _ in range(2000))
    assert chisquare([counts[2], counts[3]]).pvalue > 1e-4
    assert chisquare([0, 2000]).pvalue < 1e-4


# Exploration


def chances(place: int, count: int, reach: int = 3, resample: float = 0.2) -> np.ndarray:
    """Probabilities of all choices by the paper's table: a uniform draw, or steps of 0 to `reach`, clipped."""
    out = np.full(count, resample / count)
    for amount in range(reach + 1):
        for sign in (1, -1):
            out[min(max(place + sign * amount, 0), count - 1)] += (1 - resample) / (2 * (reach + 1))
    return out


def explored(explore: Exploration, place: int, parameter: Parameter, draws: int = 4000) -> np.ndarray:
    rng = np.random.default_rng(place)
    start = {"m": parameter.choices[place]}
    values = [explore.moved(start, (parameter,), rng)["m"] for _ in range(draws)]
    return np.array([values.count(choice) for choice in parameter.choices])


LEVELS = Parameter("m", tuple(range(10)))


@pytest.mark.parametrize("place", [0, 1, 5, 9])
def test_numbers_are_explored_as_in_the_paper(place):
    """Chi-square at 1e-4 over 10 choices; a step of at most 2, and no draws anew, are caught."""
    wanted = 4000 * chances(place, 10)
    assert chisquare(explored(Exploration(), place, LEVELS), wanted).pvalue > 1e-4
    for planted in (Exploration(reach=2), Exploration(resample=0.0)):
        assert chisquare(explored(planted, place, LEVELS), wanted).pvalue < 1e-4


def test_what_has_no_order_stays_or_is_drawn_anew():
    names = Parameter("m", ("rotate", "invert", "equalize", "color"))
    assert not names.ordered and LEVELS.ordered and not Parameter("m", (3, 1, 2)).ordered
    wanted = 4000 * np.array([0.85, 0.05, 0.05, 0.05])
    assert chisquare(explored(Exploration(), 0, names), wanted).pvalue > 1e-4


# Spaces


SOFT = """
schema = 1
[[family]]
name = "soft"
parameters = { flip = [0.0, 0.5], sigma = [0.1, 0.2], mode = ["off", "target"], width = [2, 3], gamma = [1, 2] }
loss = { kind = "focal", gamma = "$gamma" }
[family.policy]
softening = { mode = "$mode" }
mixture = { width = "$width" }
sub_policies = [{ steps = [
    { operation = "flip-horizontal", probability = "$flip" }, { operation = "soft-crop", magnitude = "$sigma" },
] }]
"""


def test_only_what_a_stage_can_change_is_explored():
    soft = flexible(parse_space("soft", SOFT, "soft"), "pba")
    assert [parameter.name for parameter in soft.changing["soft"]] == ["soft.flip", "soft.sigma", "soft.mode"]
    mixes = flexible(load_space("mixes"), "pba")
    assert [family.name for family in mixes.families] == ["mix", "mask"], "mix-ended has stages of its own"
    assert len(flexible(load_space("pba"), "pba").changing["pba"]) == 54


@pytest.mark.parametrize(
    "family",
    [
        'preset = "$name"\nparameters.name = ["flip-crop", "randaugment", "flip+entaugment"]',
        'preset = "$name"\nparameters.name = ["flip-crop", "adaaugment"]',
        """parameters = { rule = ["sample-aware", "entaugment"], p = [0.5, 1.0] }
[family.policy]
sub_policies = [{ steps = [{ operation = "rotate", probability = "$p", magnitude = { start = 0, stop = 30 } }] }]
adaptive = { rule = "$rule" }""",
    ],
)
def test_a_family_with_any_policy_that_depends_on_the_end_takes_no_part(family):
    space = parse_space("x", f'schema = 1\n[[family]]\nname = "some"\n{family}\n', "x")
    with pytest.raises(UserError, match="no policy that changes by itself"):
        flexible(space, "pba")
    assert flexible(parse_space("x", f"{TURNS}\n[[family]]\nname = 'some'\n{family}\n", "x"), "pba").families


def test_presets_that_change_what_no_stage_can_are_found_by_trying():
    text = """
    schema = 1
    [[family]]
    name = "cropped"
    preset = "$name"
    parameters = { name = ["flip-crop", "augmix"] }
    [[family]]
    name = "levels"
    preset = "randaugment:$n,9"
    parameters = { n = [1, 2] }
    """
    assert [family.name for family in flexible(parse_space("x", text, "x"), "pba").families] == ["levels"]


def test_a_space_without_such_parameters_is_refused():
    with pytest.raises(UserError, match="space 'losses' has no family that has parameters"):
        make_population("pba", load_space("losses"), 8)


# The search


@pytest.mark.parametrize("spec", ["pba:population=6,interval=2", "pb2:population=6,interval=2"])
def test_generations_follow_each_other_without_cycles(spec, turns):
    search = Search(turns, spec)
    rows = search.run()
    assert len(rows) == 24 and all(row.state == COMPLETE for row in rows)
    for row in rows:
        generation, child = divmod(row.number, 6)
        assert row.fidelity == generation and row.replicate == 0
        if not generation:
            assert row.parent is None and row.begin == 0
            continue
        before = rows[6 * (generation - 1) : 6 * generation]
        assert row.parent in [one.number for one in before], "a parent is of the generation before: no cycles"
        assert (row.begin, row.checkpoint) == (2 * generation, f"c{row.parent}")
        if row.parent != before[child].number:
            ranked = sorted((one.reward for one in before), reverse=True)
            assert before[child].reward <= ranked[-2] and rows[row.parent].reward >= ranked[1]
    for generation in range(1, 4):
        forked = [row for row in rows[6 * generation : 6 * generation + 6] if (row.number - row.parent) != 6]
        assert len(forked) == 2


def test_the_last_policies_hold_what_each_interval_was_trained_with(turns):
    rows = Search(turns, "pba:population=6,interval=2").run()
    for last in rows[18:]:
        line, row = [last], last
        while row.parent is not None:
            row = rows[row.parent]
            line.insert(0, row)
        for ancestor in line:
            own = turns.arm(ancestor.arm.parameters).policy
            for epoch in range(ancestor.begin, ancestor.begin + 2):
                assert last.arm.policy.at(epoch / 8).sub_policies == own.sub_policies
    assert any(row.arm.policy.stages for row in rows[18:])


@pytest.mark.parametrize("spec", ["pba:population=6,interval=2", "pb2:population=6,interval=2"])
def test_any_number_of_workers_and_any_kill_give_the_same_trials(spec, turns):
    expected = told(Search(turns, spec).run())
    quick = spec.startswith("pba")  # pb2 fits a process for each choice
    for workers in (3, 6, 17) if quick else (5,):
        assert told(Search(turns, spec).run(workers, seed=workers)) == expected
    for stop in (1, 5, 6, 13, 23) if quick else (14,):
        killed = Search(turns, spec)
        killed.run(workers=4, stop=stop, seed=stop)
        resumed = Search(turns, spec)
        resumed.store.rows = list(killed.store.rows)
        assert told(resumed.run(workers=2)) == expected


def test_a_population_learns(turns):
    """The toy is won by the most degrees: the last generation's mean is above the first's by far."""
    for spec in ("pba:population=8,interval=1", "pb2:population=8,interval=1"):
        rows = Search(turns, spec).run()
        degrees = [[row.arm.parameters["turn.degrees"] for row in rows[i : i + 8]] for i in (0, 56)]
        assert np.mean(degrees[1]) > np.mean(degrees[0]) + 8, spec


def test_children_that_fail_take_over_others_and_a_failed_generation_begins_where_it_was(turns):
    some = Search(turns, "pba:population=6,interval=2", failing=frozenset({1, 3, 4})).run()
    assert all(row.parent not in (1, 3, 4) for row in some[6:12])
    assert {some[6 + child].parent for child in (1, 3, 4)} <= {0, 2, 5}

    first = Search(turns, "pba:population=6,interval=2", failing=frozenset(range(6))).run()
    assert all(row.parent is None and row.begin == 0 and row.fidelity == 1 for row in first[6:12])

    second = Search(turns, "pba:population=6,interval=2", failing=frozenset(range(6, 12))).run()
    parents = [row.parent for row in second[12:18]]
    assert all(parent < 6 for parent in parents) and [second[12].begin, second[12].fidelity] == [2, 2]


def test_from_first_begins_with_the_first_choices(turns):
    rows = Search(turns, "pba:population=4,from_first=1").run()
    assert all(row.arm.parameters == {"family": "turn", "turn.degrees": 0, "turn.p": 0.25} for row in rows[:4])


def test_the_names_of_schedules_say_what_they_are(turns):
    rows = Search(turns, "pba:population=6,interval=2").run()
    staged = [row for row in rows if row.arm.policy.stages]
    stages = len(staged[-1].arm.policy.stages) + 1
    assert staged[-1].arm.name == f"turn in {stages} stages, pull {staged[-1].number}"


# Settings


@pytest.mark.parametrize(
    ("settings", "strategy", "trials"),
    [
        ({"strategy": "pba", "epochs": 80}, "pba:interval=10", 64),
        ({"strategy": "pba:population=4", "epochs": 10}, "pba:population=4,interval=2", 20),
        ({"strategy": "pba", "epochs": 80, "trials": 40}, "pba:interval=16", 40),
        ({"strategy": "pb2:population=3,interval=3", "epochs": 8}, "pb2:population=3,interval=3", 9),
        ({"strategy": "pb2:population=3,interval=3", "epochs": 8, "trials": 9}, "pb2:population=3,interval=3", 9),
    ],
)
def test_what_a_population_leaves_open_is_filled_in(settings, strategy, trials):
    config = settled(make_config({"recipe": {"schedule": "constant"}, **settings}))
    assert (config.strategy, config.trials) == (strategy, trials)
    assert settled(config) == config, "a search that is resumed keeps its plan"
    population = parse_population(strategy)
    assert share_of_pull(config) * config.trials == pytest.approx(population.population)


def test_other_strategies_are_left_as_they_are():
    config = SearchConfig()
    assert settled(config) is config and share_of_pull(config) == 1


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"recipe": {}}, "a one-cycle training cannot be continued.*--schedule constant or trunk"),
        ({"recipe": {"schedule": "constant", "base_epochs": 2}}, "leave out --base-epochs 2"),
        ({"strategy": "pba:interval=80"}, "an interval of 80 of 80 epochs has no second"),
        ({"epochs": 1}, "an interval of 1 of 1 epochs"),
        ({"trials": 12}, "multiple of 8, got 12: give 16"),
        ({"trials": 8}, "two or more for each of the 8 children.*give 16"),
        ({"strategy": "pba:interval=10", "trials": 40}, "are 64 pulls, and --trials is 40: give 64"),
        ({"epochs": 10, "trials": 64}, "8 children that change every 2 of 10 epochs are 40 pulls"),
    ],
)
def test_plans_that_cannot_be_are_refused_in_a_sentence(settings, sentence):
    values = {"strategy": "pba", "recipe": {"schedule": "constant"}, **settings}
    with pytest.raises(UserError, match=sentence):
        settled(make_config(values))


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("pba:population=1", r"population must lie in \[2, 1000\] .*got 1"),
        ("pba:interval=0", "interval must be 1 epoch or more, got 0"),
        ("pba:interval=2.5", "interval must be a whole number, got '2.5'"),
        ("pba:quantile=0", r"quantile must lie in \(0, 0.5\], got 0"),
        ("pb2:quantile=nan", "quantile must be a number"),
        ("pb2:resample=1.1", "resample must lie in"),
        ("pb2:reach=-1", "reach must lie in"),
        ("pba:from_first=2", "from_first must be 0 or 1"),
        ("pba:size=4", "has no parameter 'size'; it has population, interval"),
    ],
)
def test_parameters_out_of_range_are_refused_in_a_sentence(spec, sentence):
    with pytest.raises(UserError, match=sentence):
        must_name_a_strategy(spec)


def test_a_recorded_table_cannot_be_replayed(turns):
    with pytest.raises(UserError, match="strategy pba needs children that go on"):
        make_strategy("pba", turns, 0, 10)
