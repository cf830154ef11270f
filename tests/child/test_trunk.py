"""A trunk: a constant rate that can be continued, measured by a read-out that is no part of it."""

from __future__ import annotations

import pytest

from policysearch.child.lr_schedules import READ_OUT_SHARE, SCHEDULES, decay
from policysearch.child.recipe import CONTINUABLE, Recipe
from policysearch.child.training_run import TrainingRun
from policysearch.core.errors import UserError
from policysearch.policy.policy import Policy, Stage
from policysearch.policy.steps import SubPolicy
from policysearch.study.continuation_checks import must_be_continuable, policy_must_be_continuable
from tests.support.small_children import same, small_child, small_train, small_trial, state_after

FLIP = Policy.preset("trivialaugment-wide")


def test_the_read_out_decays_from_the_trunks_rate_to_nearly_nothing():
    rates = [decay(step, 99) for step in range(99)]
    assert rates[0] == pytest.approx(0.9) and rates[-1] == pytest.approx(1 - 0.99**0.5)
    assert rates == sorted(rates, reverse=True)


def test_the_rates_of_a_continuable_schedule_do_not_depend_on_the_end():
    for name, schedule in SCHEDULES.items():
        equal = all(schedule(step, 100, 0.25) == schedule(step, 300, 0.25) for step in range(100))
        assert equal == (name in CONTINUABLE)


@pytest.mark.parametrize("settings", [{}, {"averaging": 0.5}], ids=str)
def test_the_read_out_leaves_the_trunk_as_it_was(settings):
    """The checkpoint of a trunk is that of a constant training, and the networks that are measured differ."""
    plain, contents = small_child(FLIP, epochs=4, stops=[2], schedule="constant", **settings)
    trunk, trunks = small_child(FLIP, epochs=4, stops=[2], schedule="trunk", **settings)
    early, short = small_child(FLIP, epochs=2, schedule="trunk", **settings)
    rest, ends = small_child(FLIP, epochs=4, origin=short[2], schedule="trunk", **settings)
    for content in (trunks[4], ends[4]):
        one, other = state_after(contents[4]), state_after(content)
        assert same(one["learner"], other["learner"]) and same(one["generators"], other["generators"])
    assert trunk["loss"] != plain["loss"] and early["loss"] != trunk["loss"]
    assert rest["loss"] == trunk["loss"], "the same stretch is read out, however often the trunk was stopped"
    assert trunk["augmented_train_loss"] == plain["augmented_train_loss"]
    assert trunk["curve"][:-1] == plain["curve"][:-1] and trunk["curve"][-1]["loss"] == trunk["loss"]


def test_a_read_out_that_changes_its_trunk_is_noticed(monkeypatch):
    """The planted bug: the checkpoint is taken after the read-out."""
    _, contents = small_child(FLIP, epochs=2, schedule="constant")
    checkpoint = TrainingRun.checkpoint
    monkeypatch.setattr(TrainingRun, "checkpoint", lambda run: (run.read_out(), checkpoint(run))[1])
    _, trunks = small_child(FLIP, epochs=2, schedule="trunk")
    assert not same(state_after(contents[2])["learner"], state_after(trunks[2])["learner"])


def test_a_read_out_costs_at_most_a_fifth_of_its_rung():
    """24 images in batches of 8 are 3 steps an epoch."""
    for begin, epochs, steps in ((0, 4, 2), (0, 1, 1), (5, 10, 3), (2, 12, 6)):
        metrics = small_train(small_trial(begin=begin, epochs=epochs), None, None, schedule="trunk")
        assert metrics["read_out_epochs"] == pytest.approx(steps / 3)
        assert steps == 1 or steps / 3 <= READ_OUT_SHARE * (epochs - begin)
    assert "read_out_epochs" not in small_train(small_trial(), None, None)


def test_a_trunk_that_was_cut_off_is_read_out_as_if_it_was_not():
    whole, contents = small_child(FLIP, epochs=4, stops=[3], schedule="trunk")
    rest, _ = small_child(FLIP, epochs=4, origin=contents[3], schedule="trunk")
    again, _ = small_child(FLIP, epochs=4, origin=contents[4], schedule="trunk")
    for metrics in (rest, again):
        assert {n: metrics[n] for n in ("loss", "curve", "read_out_epochs")} == {
            n: whole[n] for n in ("loss", "curve", "read_out_epochs")
        }


def test_what_cannot_be_continued_is_refused():
    with pytest.raises(UserError, match=r"a one-cycle training cannot be continued.*--schedule constant or trunk"):
        must_be_continuable(Recipe())
    must_be_continuable(Recipe(schedule="trunk"))
    staged = Policy(name="mine", sub_policies=(SubPolicy(),), stages=(Stage(start=0.5, sub_policies=(SubPolicy(),)),))
    with pytest.raises(UserError, match="policy mine has stages"):
        policy_must_be_continuable(staged)
    with pytest.raises(UserError, match="magnitudes of policy entaugment by entaugment change with the share"):
        policy_must_be_continuable(Policy.preset("entaugment"))
    for policy in (FLIP, Policy.preset("sample-aware-randaugment")):
        policy_must_be_continuable(policy)
