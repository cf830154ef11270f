"""Trials that go on from others, as their study records them."""

from __future__ import annotations

import json

import optuna
import pytest

from policysearch.core.trial import Outcome, Trial
from policysearch.experiments.search.lost_checkpoints import lost_checkpoints
from policysearch.policy.space_files import load_space
from policysearch.study.choices import ArmChoice
from policysearch.study.in_memory_store import InMemoryTrialStore
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.storage import open_storage

SIZES = ((40, 2), (40, 6))
METRICS = {"accuracy": 0.5, "checkpoint": "abc"}


def reward(metrics):
    return float(metrics["accuracy"])


@pytest.fixture
def study(tmp_path):
    with open_storage(f"sqlite:///{tmp_path}/shared.db") as storage:
        yield optuna.create_study(storage=storage, study_name="run", direction="maximize")


def in_study(study) -> OptunaTrialStore:
    return OptunaTrialStore(study, load_space("default"), seed=0, fidelities=SIZES, reward=reward)


def origin(trial: Trial) -> tuple[int | None, int, str, int]:
    return trial.parent, trial.begin, trial.checkpoint, trial.epochs


@pytest.mark.parametrize("kind", ["study", "memory"])
def test_a_child_that_goes_on_has_its_parents_replicate_and_checkpoint(kind, study):
    store = in_study(study) if kind == "study" else InMemoryTrialStore(seed=0, fidelities=SIZES, reward=reward)
    arm = load_space("default").arms(0)[0]
    first = store.add(arm, replicate=3)
    assert origin(first) == (None, 0, "", 2)
    store.tell(first, Outcome(dict(METRICS)))
    rest = store.start(ArmChoice(arm, fidelity=1, parent=0))
    assert origin(rest) == (0, 2, "abc", 6) and rest.replicate == 3 and rest.seed == first.seed
    fork = store.start(ArmChoice(arm, fidelity=1, parent=0, replicate=8))
    assert origin(fork) == (0, 2, "abc", 6) and fork.replicate == 8
    assert fork.seed != first.seed or kind == "memory"


def test_a_continued_search_knows_what_its_trials_go_on_from(study):
    store = in_study(study)
    arm = store.space.arms(0)[0]
    store.tell(store.add(arm), Outcome(dict(METRICS)))
    running = [store.add(arm, fidelity=1, parent=0), store.add(arm, replicate=9, fidelity=1, parent=0)]
    assert in_study(study).running() == running
    again = store.attempt_failed(running[0], Outcome(error="worker died"))
    assert in_study(study).running()[0] == again and origin(again) == origin(running[0])


def test_a_trial_that_begins_with_nothing_is_recorded_as_before(study):
    store = in_study(study)
    store.add(store.space.arms(0)[0])
    assert json.loads(study.trials[0].user_attrs["pull"]).keys() == {"arm", "replicate"}


def test_a_parent_that_kept_no_checkpoint_is_named_all_the_same(study):
    store = in_study(study)
    arm = store.space.arms(0)[0]
    store.tell(store.add(arm), Outcome({"accuracy": 0.5}))
    assert origin(store.add(arm, fidelity=1, parent=0)) == (0, 2, "", 6)


def test_checkpoints_that_were_lost_are_a_warning(study):
    store = in_study(study)
    arm = store.space.arms(0)[0]
    for sentence in ("", "checkpoint abc is missing: 6 epochs were trained", "checkpoint d is damaged: 2 epochs"):
        metrics = {**METRICS, **({"checkpoint_lost": sentence} if sentence else {})}
        store.tell(store.add(arm), Outcome(metrics))
    assert lost_checkpoints(store.rows[:1]) == ()
    assert lost_checkpoints(store.rows) == (
        "2 trainings could not write or use a checkpoint, as trial 1: checkpoint abc is missing: 6 epochs were "
        "trained; --checkpoint-limit says how many megabytes are kept",
    )
