"""The leaderboard by hand: means, standard errors, intervals and what is printed of them."""

from __future__ import annotations

import math

import pytest

from policysearch.core.trial import Outcome
from policysearch.experiments.search.candidates import candidates
from policysearch.experiments.search.summary import finalists, highest_fidelity, most_finalists, summarise
from policysearch.experiments.search.tables import PROVISIONAL, arm_grid, arm_notes
from policysearch.policy.policy import Policy
from policysearch.policy.space_files import load_space
from policysearch.policy.spaces import Arm
from policysearch.study.config import make_config
from policysearch.study.rows import COMPLETE, FAILED, PRUNED, RUNNING, Row


def arm(name: str) -> Arm:
    return Arm({"family": name}, Policy.preset(name))


OURS, IDENTITY, CROP = arm("randaugment:1,3"), arm("identity"), arm("flip-crop")


def row(of: Arm, reward: float | None, fidelity: int = 0, state: str = "", seconds: float = 2.0) -> Row:
    ended = state or (FAILED if reward is None else COMPLETE)
    return Row(0, of, 0, fidelity=fidelity, state=ended, reward=reward, outcome=Outcome(seconds=seconds))


def test_means_errors_and_intervals_by_hand():
    """Sums of squares .0008 and .0002 with two degrees: a pull's deviation is √.0005; t.975 is 4.302653."""
    record = [row(OURS, 0.80), row(OURS, 0.84), row(IDENTITY, 0.70), row(IDENTITY, 0.72), row(CROP, 0.75)]
    first, second, third = summarise(record)
    assert [s.arm for s in (first, second, third)] == [OURS, CROP, IDENTITY]
    assert (first.pulls, second.pulls, first.freedom, first.failures) == (2, 1, 2, 0)
    assert first.mean == pytest.approx(0.82) and first.seconds == 4
    assert first.error == pytest.approx(math.sqrt(0.0005) / math.sqrt(2))
    assert second.error == pytest.approx(math.sqrt(0.0005))
    half = 4.302653 * math.sqrt(0.0005 / 2)
    assert (first.interval.low, first.interval.high) == pytest.approx((0.82 - half, 0.82 + half))
    grid = arm_grid(summarise(record), make_config({}))
    assert grid.heads[2] == "accuracy [95 %]"
    assert grid.rows[0] == ("randaugment:1,3", "2", "82.00 % [75.20, 88.80]", "82.00 %", "4")
    assert arm_notes(summarise(record)) == []


def test_pulls_of_lower_fidelities_and_failures_are_counted_apart():
    record = [row(OURS, 0.9), row(OURS, 0.5, 1), row(OURS, None), row(IDENTITY, 0.99), row(CROP, None, state=RUNNING)]
    record += [row(OURS, None, 1, PRUNED)] * 2
    assert highest_fidelity(record) == 1
    found = {s.arm.name: s for s in summarise(record)}
    ours = found["randaugment:1,3"]
    assert (ours.pulls, ours.cheaper, ours.failures, ours.pruned, ours.mean) == (1, 1, 1, 2, 0.5)
    assert ours.ended == 5
    assert (found["identity"].pulls, found["identity"].cheaper) == (0, 1)
    assert found["flip-crop"].failures == 0
    grid = arm_grid(summarise(record), make_config({}))
    assert grid.rows[0][:3] == ("randaugment:1,3", "1 (+1 cheaper) (+1 failed) (+2 pruned)", "50.00 %")
    assert arm_notes(summarise(record)) == [PROVISIONAL]
    assert arm_notes(summarise(record), most=1) == ["2 more arms in trials.csv.", PROVISIONAL]


def test_without_repeats_half_of_what_is_seen_is_noise():
    """Rewards 0, 1, 2, 3, 4: variance 2.5, half of it is noise; the factor is 1 - 2·1.25/10 = 3/4."""
    arms = [arm(f"randaugment:1,{m}") for m in range(5)]
    found = summarise([row(a, float(i)) for i, a in enumerate(arms)])
    assert [s.shrunken for s in found] == pytest.approx([3.5, 2.75, 2.0, 1.25, 0.5])
    assert all(math.isnan(s.error) for s in found)
    assert [s.interval.mean for s in found] == [s.mean for s in found] == [4, 3, 2, 1, 0]


def test_the_best_go_on_and_the_fixed_once():
    record = [row(OURS, 0.9), row(OURS, 0.9), row(CROP, 0.8), row(CROP, 0.8)]
    names = [a.policy.name for a in finalists(summarise(record), 2, [IDENTITY, CROP])]
    assert names == ["randaugment:1,3", "flip-crop", "identity"]
    assert [a.policy.name for a in finalists(summarise(record), 1, [IDENTITY])] == [
        "randaugment:1,3",
        "identity",
    ]


@pytest.mark.parametrize("strategy", ["ucb", "additive"])
def test_of_many_fixed_policies_the_first_and_those_that_did_best_are_confirmed(strategy):
    """Rewards fall from the last of the twelve to the first, identity, so that the last two go with it."""
    space = load_space("recipe")
    free = [*space.free.values()]
    record = [row(free_arm, 0.5 + 0.02 * place) for place, free_arm in enumerate(free)]
    config = make_config({"space": "recipe", "strategy": strategy, "finalists": 1, "fixed_finalists": 3})

    def confirmed(trials: list[Row]) -> list[str]:
        return [a.name for a in candidates(config, space, trials, summarise(trials), [*space.free])]

    chosen = confirmed(record)
    assert len(chosen) <= most_finalists(config, len(free)) == 4
    assert {"identity", *[*space.free][-2:]} <= {*chosen}
    assert len(confirmed(record[1:])) == len(free)  # one was not pulled: nothing is known of its place
    everything = config.model_copy(update={"fixed_finalists": None})  # a search of an earlier version
    assert len(candidates(everything, space, record, summarise(record), [*space.free])) == len(free)
