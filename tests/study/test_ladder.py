"""Fidelities of a search, and which child a promoted pull goes on with."""

from __future__ import annotations

import pytest

from policysearch.core.errors import UserError
from policysearch.core.trial import Outcome
from policysearch.policy.policy import Policy
from policysearch.policy.space_files import load_space
from policysearch.policy.spaces import Arm
from policysearch.rules.successive_halving import Asha
from policysearch.study.config import make_config
from policysearch.study.in_memory_store import InMemoryTrialStore
from policysearch.study.ladder import (
    Origin,
    keeps_children,
    ladder,
    longest_pull,
    must_be_climbable,
    origin_of,
    trained_epochs,
)
from policysearch.study.rewards import parse_reward
from policysearch.study.rows import COMPLETE, FAILED, PRUNED, RUNNING, Row
from policysearch.study.rule_strategy import RuleStrategy
from policysearch.study.sources import Budgeted

ARM = Arm({"family": "identity"}, Policy.preset("identity"))
OTHER = Arm({"family": "flip-crop"}, Policy.preset("flip-crop"))


def config(**settings):
    return make_config({"strategy": "successive-halving", "images": 900, "epochs": 27, **settings})


def test_the_ladder_is_of_images_unless_children_are_continued():
    assert ladder(config()) == ((100, 27), (300, 27), (900, 27))
    assert ladder(config(recipe={"schedule": "constant"})) == ((100, 27), (300, 27), (900, 27)), "as it always was"
    on = config(recipe={"schedule": "constant"}, promote="continue")
    assert ladder(on) == ((900, 3), (900, 9), (900, 27))
    assert ladder(config(strategy="asha:eta=2", rungs=2, promote="continue")) == ((900, 14), (900, 27))
    assert ladder(config(recipe={"schedule": "trunk"})) == ((900, 3), (900, 9), (900, 27))
    assert ladder(config(recipe={"schedule": "trunk"}, promote="retrain")) == ((100, 27), (300, 27), (900, 27))
    assert ladder(config(strategy="ucb", promote="continue")) == ((900, 27),)


def test_the_longest_pull_trains_what_it_does_not_continue():
    on = {"recipe": {"schedule": "constant"}, "promote": "continue"}
    assert longest_pull(config(**on)) == (900, 18)
    assert longest_pull(config(strategy="hyperband", **on)) == (900, 27), "a bracket begins at the top"
    assert longest_pull(config()) == (900, 27)


def test_children_are_kept_where_others_go_on_from_them():
    trunk = {"recipe": {"schedule": "trunk"}}
    assert all(keeps_children(config(strategy=name, **trunk)) for name in ("asha:eta=2", "hyperband", "pba"))
    assert not keeps_children(config(strategy="ucb", **trunk)) and not keeps_children(config())
    assert not keeps_children(config(promote="retrain", **trunk))


def test_what_cannot_be_continued_is_refused_in_a_sentence():
    with pytest.raises(UserError, match=r"one-cycle training cannot be continued.* add --schedule constant or trunk"):
        must_be_climbable(config(promote="continue"))
    with pytest.raises(UserError, match=r"--epochs 4 are too few for 3 rungs, which would end at 1, 1, 4: give more"):
        must_be_climbable(config(promote="continue", epochs=4, recipe={"schedule": "constant"}))
    must_be_climbable(config(epochs=4))
    must_be_climbable(config(strategy="ucb", promote="continue"))


def rows(*of_arm):
    """Rows of (replicate, fidelity, state)."""
    return [Row(n, ARM, replicate, fidelity, state=state) for n, (replicate, fidelity, state) in enumerate(of_arm)]


def test_a_promoted_pull_continues_its_own_replicate_one_fidelity_lower():
    first = ((0, 0, RUNNING), (1, 0, COMPLETE), (2, 0, COMPLETE))
    assert origin_of(rows(*first), ARM.key, 1) == Origin(1, 1), "the lowest that has ended"
    assert origin_of(rows(*first, (1, 1, RUNNING)), ARM.key, 1) == Origin(2, 2)
    assert origin_of(rows(*first, (1, 1, PRUNED)), ARM.key, 1) == Origin(2, 2)
    assert origin_of(rows(*first, (1, 1, FAILED)), ARM.key, 1) == Origin(2, 2), "others first"
    tried = (*first, (1, 1, FAILED), (2, 1, FAILED), (1, 1, FAILED))
    assert origin_of(rows(*tried), ARM.key, 1) == Origin(2, 2), "then those that failed least"
    assert origin_of(rows(*first, (1, 1, COMPLETE)), ARM.key, 2) == Origin(1, 3)


def test_where_there_is_no_child_a_new_one_begins():
    assert origin_of([], ARM.key, 2) == Origin(0)
    above = rows((0, 0, COMPLETE), (0, 1, COMPLETE), (2, 1, RUNNING))
    assert origin_of(above, ARM.key, 1) == Origin(1), "the lowest replicate that was not pulled here"
    assert origin_of(above, OTHER.key, 1) == Origin(0), "another arm's child is none"


def played(pulls: int):
    """A search by asha over nine arms, in memory."""
    arms = load_space("default").arms(0)[:9]
    strategy = RuleStrategy(Asha(), arms, 0, continues=True)
    store = InMemoryTrialStore(seed=0, fidelities=[(9, 1), (9, 3), (9, 9)], reward=parse_reward("accuracy"))
    source = Budgeted(store, strategy, pulls, costs=(1, 3, 9))
    while (trial := source.ask()) is not None:
        metrics = {
            "accuracy": 0.5 + 0.01 * [arm.key for arm in arms].index(trial.arm),
            "checkpoint": f"c{trial.number}",
        }
        store.tell(trial, Outcome(metrics, seconds=1.0))
    return store


def test_lineages_are_unbroken_and_the_budget_counts_what_is_added():
    store = played(40)
    promoted = [row for row in store.rows if row.fidelity]
    assert {row.fidelity for row in promoted} == {1, 2}
    for row in promoted:
        parent = store.rows[row.parent]
        assert (parent.arm, parent.replicate, parent.fidelity) == (row.arm, row.replicate, row.fidelity - 1)
        trial = store.trial(row)
        assert (trial.begin, trial.checkpoint) == ((1, 3)[parent.fidelity], f"c{parent.number}")
        assert trained_epochs(store, row) == trial.epochs - trial.begin
    assert len({row.parent for row in promoted}) == len(promoted), "no child is continued twice"
    spent = sum(store.trial(row).epochs - row.begin for row in store.rows)
    assert 40 <= spent < 40 + 6
