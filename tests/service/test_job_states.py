"""The states of a job: which may follow which, and what may be wanted in each."""

from __future__ import annotations

import pytest

from policysearch.service.job import AT_REST, NEXT_STATES, WITH_RUNNER, Intent, State, WrongState, must_accept

TABLE = {
    "checking": "queued refused cancelled failed",
    "refused": "deleting",
    "queued": "starting stopped cancelled failed",
    "starting": "running stopping cancelling queued done failed stopped cancelled interrupted",
    "running": "stopping cancelling done failed stopped cancelled interrupted",
    "stopping": "cancelling done failed stopped cancelled interrupted",
    "stopped": "queued deleting",
    "cancelling": "cancelled done failed stopped",
    "cancelled": "queued deleting",
    "interrupted": "queued deleting",
    "failed": "queued deleting",
    "done": "queued deleting",
    "deleting": "",
}
ACCEPTED = {
    "stop": "checking queued starting running stopping",
    "cancel": "checking queued starting running stopping cancelling",
    "run": "stopped cancelled interrupted failed done",
    "delete": "refused stopped cancelled interrupted failed done deleting",
}


def test_the_table_is_the_law():
    assert {str(a): {*map(str, b)} for a, b in NEXT_STATES.items()} == {a: {*b.split()} for a, b in TABLE.items()}


@pytest.mark.parametrize("intent", Intent)
@pytest.mark.parametrize("state", State)
def test_what_may_be_wanted_in_which_state(state, intent):
    if state in ACCEPTED[intent].split():
        must_accept(state, intent)
    else:
        with pytest.raises(WrongState, match=f"the job is {state}: ") as caught:
            must_accept(state, intent)
        assert caught.value.state is state


def test_states_at_rest_are_left_by_a_wish_alone():
    wishes = {State.QUEUED, State.DELETING}
    assert all(NEXT_STATES[state] <= wishes for state in AT_REST)
    assert not AT_REST & WITH_RUNNER


def test_every_state_can_come_to_rest():
    for state in State:
        reached, before = {state}, set()
        while reached != before:
            before = set(reached)
            reached |= {after for now in before for after in NEXT_STATES[now]}
        assert reached & (AT_REST | {State.DELETING})
