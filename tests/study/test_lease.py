"""One controller at a time writes a study, whichever folders and machines name it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState, create_trial
from sqlalchemy.exc import OperationalError

from policysearch.core.errors import UserError
from policysearch.core.trial import Outcome
from policysearch.experiments.search.run import resume, search
from policysearch.policy.space_files import load_space
from policysearch.study import lease as lease_module
from policysearch.study.lease import _KEY, Holder, Lease, LeaseLost, this_machine
from policysearch.study.optuna_store import ForeignTrials, OptunaTrialStore
from policysearch.study.rows import COMPLETE, FAILED, RUNNING
from policysearch.study.storage import open_storage
from tests.support.kills import Killed, trials
from tests.support.quick import config_for, quick_metrics


@pytest.fixture
def study(tmp_path):
    with open_storage(f"sqlite:///{tmp_path}/shared.db") as storage:
        yield optuna.create_study(storage=storage, study_name="run", direction="maximize")


@pytest.fixture(autouse=True)
def seldom(monkeypatch):
    """No beat comes while a test runs, and a holder is waited for long, unless a test changes it."""
    monkeypatch.setattr(lease_module, "BEAT_SECONDS", 3600.0)
    monkeypatch.setattr(lease_module, "DEAD_SECONDS", 3600.0)


def lease_of(study: optuna.Study, folder: str = "mine") -> Lease:
    engine = study._storage._backend.engine
    return Lease(engine, study._study_id, study.study_name, "sqlite:///shared.db", Path(folder))


def write_holder(study: optuna.Study, **changes) -> Holder:
    """As if another controller held the study."""
    holder = replace(Holder.this_process(Path("theirs")), **changes)
    study.set_user_attr(_KEY, asdict(holder))
    return holder


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_lease_is_in_the_study_while_it_is_held(study):
    with lease_of(study) as held:
        assert study.user_attrs[_KEY] == asdict(held._this_process)
        held.must_hold()
    assert _KEY not in study.user_attrs


def test_a_controller_that_lives_keeps_others_out(study, monkeypatch):
    monkeypatch.setattr(lease_module, "BEAT_SECONDS", 0.01)
    with lease_of(study) as held:
        in_use = r"study 'run' in sqlite:///shared.db is in use by another controller \(process \d+ on .*mine\): wait"
        with pytest.raises(UserError, match=in_use), lease_of(study, "copy"):
            pass
        held.must_hold()


def test_a_process_that_has_ended_on_this_machine_is_not_waited_for(study):
    write_holder(study, process=ended_process())
    with lease_of(study) as held:
        held.must_hold()


def test_a_process_elsewhere_is_waited_for_and_then_taken_for_dead(study, monkeypatch, caplog):
    write_holder(study, machine="elsewhere", host="node7", process=1)
    monkeypatch.setattr(lease_module, "DEAD_SECONDS", 0.05)
    monkeypatch.setattr(lease_module, "BEAT_SECONDS", 0.05)
    with lease_of(study) as held:
        held.must_hold()
    assert "study 'run' was last held by process 1 on node7, at work in" in caplog.text


def test_who_was_silent_for_long_and_lost_the_study_stops(study):
    """The machine slept: by the clock the last sign of life is long ago, and another has taken over since."""
    with lease_of(study) as held:
        other = write_holder(study, key="other", host="node7")
        held.must_hold()
        held._renewed = 0.0
        with pytest.raises(LeaseLost, match=r"study 'run' was taken over by process \d+ on node7, at work in .*theirs"):
            held.must_hold()
        with pytest.raises(LeaseLost):
            held.must_hold()
    assert study.user_attrs[_KEY] == asdict(other), "what is no longer ours is not freed"


def test_a_lease_is_renewed_meanwhile_and_a_loss_is_noticed(study, monkeypatch):
    monkeypatch.setattr(lease_module, "BEAT_SECONDS", 0.005)
    with lease_of(study) as held:
        while study.user_attrs[_KEY]["beat"] < 3:
            pass
        held.must_hold()
        write_holder(study, key="other")
        while not held._lost:
            write_holder(study, key="other")
        with pytest.raises(LeaseLost):
            held.must_hold()


def test_of_two_that_come_at_once_one_gets_a_new_study(study, monkeypatch):
    """The second reads that nobody holds it, and is too late."""
    first, second = lease_of(study), lease_of(study, "copy")
    with first:
        assert not second._replace(None)
        assert study.user_attrs[_KEY]["key"] == first._this_process.key


def test_a_machine_is_the_same_for_processes_that_see_each_other():
    code = "from policysearch.study.lease import this_machine; print(this_machine())"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == this_machine()


def test_a_copied_folder_is_not_resumed_beside_the_original(quick, tmp_path, monkeypatch):
    monkeypatch.setattr(lease_module, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr("policysearch.experiments.search.run.write_picture", lambda *_: None)
    monkeypatch.setattr("policysearch.experiments.search.run.write_page", lambda *_: None)
    small = {"trials": 6, "confirm": 0}
    search(config_for(tmp_path / "whole", **small))
    settings = {"storage": f"sqlite:///{tmp_path}/shared.db", "study": "mine", **small}
    refused = []

    def metrics(trial):
        if trial.number == 5:
            with pytest.raises(UserError) as error:
                resume(tmp_path / "copy")
            refused.append(str(error.value))
        return quick_metrics(trial)

    def dies(trial):
        if trial.number == 3:
            raise Killed
        return quick_metrics(trial)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("tests.support.quick.quick_metrics", dies)
        search(config_for(tmp_path / "run", **settings))
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    with monkeypatch.context() as patch:
        patch.setattr("tests.support.quick.quick_metrics", metrics)
        resume(tmp_path / "run")
    assert trials(tmp_path / "run") == trials(tmp_path / "whole")
    assert len(refused) == 1 and "is in use by another controller" in refused[0]
    assert "begin one of its own with another --out and --study" in refused[0]


def store_of(study: optuna.Study, **settings) -> OptunaTrialStore:
    space = load_space("default")
    return OptunaTrialStore(
        study, space, seed=0, fidelities=((40, 1),), reward=lambda metrics: float(metrics["accuracy"]), **settings
    )


def test_a_number_that_another_program_took_stops_both(study):
    """Two controllers of an earlier version, which knew no lease: no outcome comes under another arm."""
    one, other = store_of(study), store_of(study)
    arms = one.space.arms(0)
    trial = one.add(arms[0])
    with pytest.raises(ForeignTrials, match="its next trial got number 1 where 0 was due; stop that program"):
        other.add(arms[1])
    with pytest.raises(ForeignTrials, match="number 2 where 1 was due"):
        one.suggest(optuna.samplers.RandomSampler(seed=0))
    one.tell(trial, Outcome({"accuracy": 0.5}))
    assert [t.state for t in study.trials] == [TrialState.COMPLETE, TrialState.FAIL, TrialState.FAIL]
    assert json.loads(study.trials[0].user_attrs["pull"])["arm"] == arms[0].key


def test_trials_that_another_program_ended_are_failed_pulls(study):
    store = store_of(study)
    arms = store.space.arms(0)
    for arm in arms[:3]:
        store.add(arm)
    store.tell(store.running()[0], Outcome({"accuracy": 0.5}))
    study.tell(1, state=TrialState.FAIL)
    again = store_of(study)
    assert [row.state for row in again.rows] == [COMPLETE, FAILED, RUNNING]
    assert again.rows[1].outcome.error == "ended by another program"


def test_trials_of_another_program_are_refused_and_passed_over_where_only_reading_is_wanted(study):
    store = store_of(study)
    arms = store.space.arms(0)
    store.add(arms[0])
    study.add_trial(create_trial(value=0.5))
    for _ in range(2):
        with pytest.raises(UserError, match="holds trial 1, which is no pull of this search: another program wrote it"):
            store_of(study)
        template = create_trial(state=TrialState.RUNNING, user_attrs={"pull": study.trials[0].user_attrs["pull"]})
        study.add_trial(template)
    assert [row.number for row in store_of(study, read_only=True).rows] == [0, 2, 3]


def test_a_sign_of_life_whose_answer_was_lost_is_our_own(study, monkeypatch):
    with lease_of(study) as held:
        change = held._change

        def without_answer(before, after):
            assert change(before, after)
            raise OperationalError("UPDATE", {}, Exception("the connection was lost"))

        with monkeypatch.context() as patch, pytest.raises(OperationalError):
            patch.setattr(held, "_change", without_answer)
            held._renew()
        held._renewed = 0.0
        held.must_hold()
        held.must_hold()
        assert held._read() == held._this_process
