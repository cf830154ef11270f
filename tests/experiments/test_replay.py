"""Replays of recorded tables: a virtual clock, a bootstrap of the table, and the same choices as a real study."""

from __future__ import annotations

import time

import numpy as np
import optuna
import pytest

from policysearch.core.errors import UserError
from policysearch.core.trial import Outcome, Trial
from policysearch.experiments.comparison.caveats import cautions
from policysearch.experiments.comparison.replay import Replay, checkpoints
from policysearch.experiments.comparison.replay_pool import replayed
from policysearch.experiments.comparison.sensitivity import GRIDS, others
from policysearch.experiments.comparison.settings import CompareSettings
from policysearch.experiments.tabular.table_file import load_table
from policysearch.rules import RULES
from policysearch.study.choices import ArmChoice
from policysearch.study.controller import run
from policysearch.study.in_memory_store import InMemoryTrialStore
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.rewards import parse_reward
from policysearch.study.sources import Budgeted
from policysearch.study.strategies import make_strategy
from tests.support.made_up_tables import CHEAP, DEAR, made_up
from tests.support.selection import slow_but
from workers.evaluate import attempt
from workers.in_process import InProcessPool
from workers.local import LocalPool
from workers.simulated import Hazards, SimulatedPool

ACCURACY = parse_reward("accuracy")
CALM = Hazards()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "table.parquet"
    made_up(path)
    return path


@pytest.fixture(scope="module")
def table(path):
    return load_table(path)


def replay(table, workers=4, hazards=CALM, seed=0, **more):
    return Replay(table, ACCURACY, CHEAP, [CHEAP, DEAR], workers=workers, hazards=hazards, retries=1, seed=seed, **more)


def trial(number, attempt=0):
    return Trial(number, "a", "", 0, 0, 1, 1, attempt)


def pool(seconds, workers, hazards=CALM):
    return SimulatedPool(
        lambda t: Outcome({"n": t.number}, seconds=seconds[t.number]), workers, hazards, np.random.default_rng(0)
    )


def test_the_clock_moves_by_hand_worked_numbers(monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("a simulated pool does not wait"))
    made = pool([3.0, 1.0, 1.5], 2)
    made.submit(trial(0))
    made.submit(trial(1))
    assert made.free_slots == 0
    with pytest.raises(RuntimeError, match="free slot"):
        made.submit(trial(2))
    assert [t.number for t, _ in made.wait(0)] == [1] and made.clock == 1.0
    made.submit(trial(2))
    assert [t.number for t, _ in made.wait(0)] == [2] and made.clock == 2.5
    assert made.utilisation == pytest.approx(1.0)  # both workers were busy throughout
    assert [t.number for t, _ in made.wait(0)] == [0] and made.clock == 3.0
    assert made.utilisation == pytest.approx(5.5 / 6)
    assert made.wait(10) == [] and made.clock == 3.0


def test_hazards_come_at_their_rates():
    """5,000 attempts at rates 0.2 and 0.1: binomial deviations 0.006 and 0.0042; false alarm 1e-5 (4.5 deviations)."""
    made = pool([1.0] * 5000, 5000, Hazards(stragglers=0.2, slowdown=4, failures=0.1))
    for n in range(5000):
        made.submit(trial(n))
    ends = [made.wait(0)[0][1] for _ in range(5000)]
    failed = [o for o in ends if o.error]
    slow = [o for o in ends if not o.error and o.seconds == 4.0]
    assert abs(len(failed) / 5000 - 0.1) < 4.5 * 0.0042 and made.failed == len(failed)
    assert abs(len(slow) / (5000 - len(failed)) - 0.2) < 4.5 * 0.006
    assert all(not o.metrics and 0 <= o.seconds <= 4 for o in failed)
    assert {o.seconds for o in ends if not o.error} == {1.0, 4.0}


class Sleeper:
    """Children whose accuracy is a function of their arm and replicate, and which take a given time."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __call__(self):
        return self.evaluate

    def evaluate(self, t):
        seconds = self.seconds[t.number % len(self.seconds)]
        time.sleep(seconds)
        return {"accuracy": (hash_of(t.arm) + 7 * t.replicate) % 101 / 101, "took": seconds}


def hash_of(text: str) -> int:
    return sum(ord(letter) * (i + 1) for i, letter in enumerate(text))


def searched(table, strategy, pool, record, budget=24):
    made = make_strategy(strategy, table.space, record.seed, budget, table.arms)
    run(Budgeted(record, made, budget), pool, retries=0)
    return [(row.arm.key, row.replicate, row.fidelity, row.reward) for row in record.rows]


@pytest.mark.parametrize(
    ("strategy", "workers"),
    slow_but(
        [("ucb", 0), ("random", 0), ("ucb", 3)],
        [(strategy, workers) for strategy in ("ucb", "greedy", "random") for workers in (0, 3)],
    ),
)
def test_the_simulated_pool_equals_the_live_pool_where_durations_are_equal(table, strategy, workers):
    """Three live workers with pulls of 0.1, 0.3, 0.5, ... s that never end together: any order but this would show."""
    child = Sleeper([0.0] if not workers else [0.1, 0.3, 0.5, 0.2])
    instant = Sleeper([0.0])

    def simulated(t):
        outcome = attempt(instant.evaluate, t)
        return Outcome(outcome.metrics, seconds=child.seconds[t.number % len(child.seconds)])

    live = LocalPool(child, workers) if workers else InProcessPool(child)
    while workers and not all(w.ready for w in live._workers):
        live.wait(0.1)
    budget = 12
    try:
        with_live = searched(table, strategy, live, memory(5), budget)
    finally:
        live.close()
    made = SimulatedPool(simulated, workers or 1, CALM, np.random.default_rng(0))
    assert searched(table, strategy, made, memory(5), budget) == with_live


def memory(seed, fidelities=((500, 80), (4000, 40))):
    return InMemoryTrialStore(seed=seed, fidelities=fidelities, reward=ACCURACY)


@pytest.mark.parametrize("strategy", sorted(RULES))
def test_memory_and_optuna_choose_alike(table, strategy):
    """With four workers, failures and stragglers; rewards and probabilities survive the study's JSON."""

    def rows(record):
        recorded = {(a.key): k for k, a in enumerate(table.arms)}
        rng = np.random.default_rng(3)
        noise = rng.standard_normal((len(recorded), 100))

        def outcome(t):
            accuracy = 0.8 + 0.01 * noise[recorded[t.arm], t.replicate]
            return Outcome(
                {"accuracy": accuracy, "correct": round(1000 * accuracy), "validation_images": 1000}, "", 1.0
            )

        made = SimulatedPool(outcome, 4, Hazards(0.2, 3, 0.1), np.random.default_rng(1))
        return searched(table, strategy, made, record, 60)

    study = optuna.create_study(direction="maximize")
    optuna_record = OptunaTrialStore(study, table.space, seed=11, fidelities=((500, 80), (4000, 40)), reward=ACCURACY)
    in_memory = rows(memory(11))
    assert in_memory == rows(optuna_record) and len(in_memory) == 60
    again = OptunaTrialStore(study, table.space, seed=11, fidelities=((500, 80), (4000, 40)), reward=ACCURACY)
    assert [(r.arm.key, r.replicate, r.fidelity, r.reward) for r in again.rows] == in_memory
    keys = [arm.key for arm in table.arms]
    assert_equal(again.tally.history(keys), optuna_record.tally.history(keys))


def assert_equal(a, b):
    for name in ("pulls", "sums", "squares", "failures", "correct", "judged"):
        assert np.allclose(getattr(a, name), getattr(b, name), rtol=1e-12), name


def test_outcomes_are_a_bootstrap_of_the_replicates(path, table):
    """Means of pulls over runs are the table's; all arms of a run share the replicate; false alarm 1e-5 (4.4 s.e.)."""
    made = replay(table, workers=1)
    rewards, _ = table.grid(0, ACCURACY)
    drawn = []
    for number in range(400):
        shares = np.random.default_rng([number, 1]).random(10)
        outcome = made._outcome("ucb", shares)
        values = [outcome(Trial(0, arm.key, "", 2, 0, 500, 80)).metrics["accuracy"] for arm in table.arms]
        replicate = np.flatnonzero(np.isclose(rewards[0], values[0]))[0]
        assert np.allclose(values, rewards[:, replicate])
        drawn.append(replicate)
    counts = np.bincount(drawn, minlength=rewards.shape[1])
    expected = 400 / rewards.shape[1]
    assert (np.abs(counts - expected) < 4.4 * np.sqrt(expected * (1 - 1 / rewards.shape[1]))).all()


def test_checkpoints_end_with_the_budget():
    assert checkpoints(1).tolist() == [1] and checkpoints(5)[-1] == 5
    many = checkpoints(400)
    assert many[0] == 1 and many[-1] == 400 and len(many) <= 40 and (np.diff(many) > 0).all()


def test_what_a_run_tells(table):
    budget, made = 60, replay(table, workers=4)
    one = made.run("ucb", budget, 0)
    at = checkpoints(budget)
    assert len(one.picks) == len(one.regret) == len(one.seconds) == len(one.clock) == len(at)
    assert one.seconds[-1] == pytest.approx(5.0 * budget)  # every pull takes 5 s
    assert one.clock[-1] == pytest.approx(5.0 * budget / 4) and one.utilisation == pytest.approx(1)
    assert (np.diff(one.regret) >= 0).all() and one.failures == 0
    gaps = made.means.max() - made.means
    assert 0 <= one.regret[-1] <= budget * gaps.max()
    assert made.run("ucb", budget, 0).picks.tolist() == one.picks.tolist()
    assert made.run("ucb", budget, 1).regret[-1] != one.regret[-1]


def test_failures_are_tried_again_and_cost_time(table):
    one = replay(table, hazards=Hazards(failures=0.3)).run("ucb", 60, 0)
    assert one.failures > 5 and one.seconds[-1] > 60 * 5 * 0.91


def test_all_seconds_of_a_single_worker_are_counted(table):
    one = replay(table, workers=1, hazards=Hazards(failures=0.3)).run("random", 60, 0)
    assert one.failures > 10 and one.seconds == pytest.approx(one.clock)


def test_failed_pulls_are_regretted_too(path, table, tmp_path, monkeypatch):
    source = replay(table, hazards=Hazards(failures=0.5))
    (tmp_path / "worst.py").write_text(f"def choose(history, rng):\n    return {int(source.means.argmin())}\n")
    one = source.run(f"{tmp_path}/worst.py:choose", 40, 0)
    assert one.failures > 10 and one.regret[-1] == pytest.approx(40 * np.ptp(source.means))


def drawn(table, strategy, number):
    """Recorded replicate by pull of an arm, over all arms, as one search saw them."""
    seen = []

    def accuracy(metrics):
        seen.append((metrics["arm"], metrics["replicate"]))
        return float(metrics["accuracy"])

    source = Replay(table, accuracy, CHEAP, [CHEAP], workers=1, hazards=CALM, retries=0, seed=0)
    seen.clear()
    source.run(strategy, 100, number)
    pulls, out = {}, {}
    for arm, replicate in seen:
        pulls[arm] = pulls.get(arm, -1) + 1
        out.setdefault(pulls[arm], set()).add(replicate)
    return out


def test_pull_j_has_one_replicate_for_all_arms_and_strategies(table):
    """Common random numbers: what pairs arms in a search, and strategies in a comparison."""
    random, ucb = (drawn(table, strategy, 0) for strategy in ("random", "ucb"))
    common = random.keys() & ucb.keys()
    assert len(common) >= 5
    assert all(len(random[j]) == 1 and random[j] == ucb[j] for j in common)
    assert random != drawn(table, "random", 1)


def test_before_the_first_reward_the_pick_is_blind(table):
    source = replay(table, hazards=Hazards(failures=0.99))
    picks = {int(source.run("random", 20, number).picks[0]) for number in range(12)}
    assert len(picks) > 3


def test_strategies_of_several_fidelities_are_measured_where_they_end(path, table):
    """All by the means of the most expensive pulls, in units of cost: such a pull is eight ordinary ones here."""
    few = {"runs": 2, "pulls": "60", "sensitivity": 0, "processes": 1, "failures": 0}
    mixed = replayed(CompareSettings(strategies="random,hyperband", **few), str(path), lambda done, total: None)
    plain = replayed(CompareSettings(strategies="random", **few), str(path), lambda done, total: None)
    means = {f: np.nanmean(table.grid(table.index(f), ACCURACY)[0], axis=1) for f in (CHEAP, DEAR)}
    assert np.allclose(mixed.arms.means, means[DEAR]) and np.allclose(plain.arms.means, means[CHEAP])
    assert "measured at 4000x40" in " ".join(cautions(mixed)) and "measured at" not in " ".join(cautions(plain))
    assert np.array_equal(mixed.runs[0].picks, plain.runs[0].picks), "what random does is the same"
    for one in mixed.runs:
        assert one.picks.shape == (2, len(checkpoints(60)))


def test_a_ladder_below_the_pull_s_fidelity(path):
    """Cheap rungs cost less than a pull: more of them end than the budget's number."""
    few = {"runs": 2, "pulls": "10", "sensitivity": 0, "processes": 1, "workers": 2, "fidelity": "4000x40"}
    with pytest.warns(UserWarning, match="fewer than the 20 arms"):
        made = replayed(CompareSettings(strategies="hyperband,random", **few), str(path), lambda done, total: None)
    assert all(one.picks.shape == (2, len(checkpoints(10))) for one in made.runs)
    with pytest.raises(UserError, match="names a fidelity twice"):
        replayed(CompareSettings(strategies="hyperband", ladder="500x80,500x80"), str(path), lambda d, t: None)


def test_a_value_of_the_sensitivity_table_that_is_compared_anyway(path):
    few = CompareSettings(strategies="ucb,ucb:c=0.5", pulls="24", runs=3, sensitivity=2, processes=1)
    made = replayed(few, str(path), lambda done, total: None)
    assert [len(one.picks) for one in made.runs] == [3, 3]
    assert "ucb:c=0.5" not in [one.strategy for one in made.sensitivity]


def test_dear_pulls_count_by_their_cost(table):
    """A pull at 4000×40 costs four of 500×80: a budget of 40 ends with the pull that reaches it."""

    class Dear:
        fidelities = True

        def choose(self, history):
            return ArmChoice(table.arms[len(history.rows) % 20], fidelity=1)

    record = memory(0)
    source = Budgeted(record, Dear(), 40, [1.0, 4.0])
    asked = 0
    while source.ask() is not None:
        asked += 1
    assert asked == 10
    assert Budgeted(record, Dear(), 44, [1.0, 4.0]).ask() is not None  # what a resumed record has is counted


SETTINGS = CompareSettings(strategies="random,ucb,tpe", pulls="24,30", runs=12, sampler_runs=2, sensitivity=2)


@pytest.mark.slow
def test_processes_change_nothing(path):
    one = replayed(SETTINGS.model_copy(update={"processes": 1}), str(path), lambda done, total: None)
    seen = []
    two = replayed(
        SETTINGS.model_copy(update={"processes": 2}), str(path), lambda done, total: seen.append((done, total))
    )
    for a, b in zip((*one.runs, *one.sensitivity), (*two.runs, *two.sensitivity), strict=True):
        assert (a.strategy, a.budget) == (b.strategy, b.budget)
        for name in ("pulls", "picks", "regret", "seconds", "clock", "failures", "utilisation"):
            assert np.array_equal(getattr(a, name), getattr(b, name)), name
    assert seen[-1][0] == seen[-1][1] == 2 * 12 * 2 + 2 * 2 + 2 * len(two.sensitivity)
    assert [len(r.picks) for r in one.runs] == [12, 12, 12, 12, 2, 2]  # TPE is given fewer
    assert one.arms.truth is not None and len(one.arms.names) == 20


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fidelity": "7x7"}, "has no fidelity 7x7; it has 500x80, 4000x40"),
        ({"fidelity": "many"}, "IMAGESxEPOCHS"),
        ({"pulls": "ten"}, "--pulls must be numbers above 0"),
        ({"pulls": "0"}, "--pulls must be numbers above 0"),
        ({"strategies": "ucb,ucb"}, "each once"),
        ({"strategies": "ucv"}, "did you mean ucb"),
        ({"strategies": "ucb:c=-1"}, "c must be 0 or more"),
        ({"reward": "nothing"}, "unknown reward metric"),
        ({"workers": 0}, "--workers 0"),
        ({"strategies": "kl-ucb", "reward": "-loss"}, "maximises accuracy, but the reward is '-loss'"),
    ],
)
def test_settings_that_cannot_be(path, change, message):
    with pytest.raises(UserError, match=message):
        replayed(SETTINGS.model_copy(update=change), str(path), lambda done, total: None)


def test_budgets_that_make_little_sense_are_warned_of(path):
    few = CompareSettings(strategies="random", pulls="5", runs=2, workers=8, processes=1)
    with pytest.warns(UserWarning) as told:
        made = replayed(few, str(path), lambda done, total: None)
    assert "5 pulls are fewer than the 20 arms" in str(told[0].message)
    assert "8 workers, and a budget of 5 pulls" in str(told[1].message)
    assert made.runs[0].pulls[-1] == 5


def test_strategies_with_parameters_keep_their_commas():
    given = CompareSettings(strategies="ucb:c=0.5, random,optuna:CmaEs,x:a=1,b=2,greedy:c=2")
    assert given.names == ["ucb:c=0.5", "random", "optuna:CmaEs", "x:a=1,b=2", "greedy:c=2"]


def test_many_workers_stay_busy(table):
    """20 pulls a worker: above 95 % busy, with equal pulls and with uneven ones."""
    assert replay(table, workers=50, hazards=Hazards(0.05, 2, 0.01)).run("ucb", 1000, 0).utilisation > 0.95


@pytest.mark.slow
def test_a_hundred_thousand_pulls_of_a_thousand_workers(table):
    assert replay(table, workers=1000, hazards=Hazards(0.05, 2, 0.01)).run("ucb", 100_000, 0).utilisation > 0.95


def test_every_value_of_the_sensitivity_table_is_allowed(table):
    for name in others(GRIDS):
        make_strategy(name, table.space, 0, 100, table.arms)
    assert others(["ucb:c=1", "random"]) == [] and GRIDS.keys() <= RULES.keys()
