"""Killed anywhere, a search goes on and ends with the trials of an uninterrupted one."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import optuna
import psutil
import pytest

from policysearch.core.errors import UserError
from policysearch.experiments.search.result import read
from policysearch.experiments.search.run import resume, search
from policysearch.experiments.trials_csv import write_trials
from policysearch.policy.policy import Policy
from policysearch.study.config import load_config
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.storage import StorageLost
from tests.support.image_files import some_images, write_folder
from tests.support.kills import Killed, command, kill_at, kill_whole, search_at_work, trials
from tests.support.quick import config_for, quick_metrics
from tests.support.selection import slow_but

STRATEGIES = [
    "random",
    "greedy",
    "epsilon-greedy",
    "epsilon-greedy-decay",
    "ucb",
    "tpe",
    "optuna:NSGAII",
    "optuna:BruteForce",
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Uninterrupted searches by strategy, made when first asked for."""
    made: dict[str, list[tuple]] = {}

    def get(strategy: str) -> list[tuple]:
        if strategy not in made:
            folder = tmp_path_factory.mktemp("whole") / "run"
            search(config_for(folder, strategy=strategy, trials=16))
            made[strategy] = trials(folder)
        return made[strategy]

    return get


COUNTS = [1, 2, 3, 16, 17, 40, 55]
QUICK = {"ucb": (2, 55), "tpe": (3, 40), "optuna:NSGAII": (16,)}
"""A strategy that chooses arms, one that is asked parameter by parameter, and one that keeps a population."""


def kills() -> list:
    """Every strategy and write; the quick suite has five of the writes once."""
    return [
        pytest.param(strategy, count, marks=[] if count in QUICK.get(strategy, ()) else pytest.mark.slow)
        for strategy in STRATEGIES
        for count in COUNTS
    ]


@pytest.mark.parametrize(("strategy", "count"), kills())
def test_killed_at_a_write(strategy, count, quick, whole, tmp_path, monkeypatch):
    expected = whole(strategy)
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        kill_at(patch, count)
        with pytest.raises(Killed):
            search(config_for(folder, strategy=strategy, trials=16))
    resume(folder)
    assert trials(folder) == expected
    assert none_runs(folder), "TPE would take it for a bad one for ever"


def none_runs(folder: Path) -> bool:
    """Whether every trial of a run's study has ended, those included that were never more than begun."""
    study = optuna.load_study(study_name="run", storage=f"sqlite:///{folder}/study.db")
    return all(trial.state.is_finished() for trial in study.trials)


def test_a_missing_study_is_not_begun_anew(quick, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    search(config_for(Path("a")))
    search(config_for(Path("b"), storage="sqlite:///shared.db"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert read(tmp_path / "b").policy is not None
    assert not list(Path().iterdir())
    (tmp_path / "a" / "study.db").unlink()
    (tmp_path / "shared.db").unlink()
    for name in "ab":
        with pytest.raises(UserError, match="is gone"):
            resume(tmp_path / name)
        with pytest.raises(UserError, match="is gone"):
            read(tmp_path / name)


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("config.toml", "epochs = 1", "epochs = 2", "epochs is 2, was 1"),
        ("config.toml", "seed = 0", "seed = 5", "seed is 5, was 0"),
        ("config.toml", "rate = 0.1", "rate = 0.2", "recipe.rate is 0.2, was 0.1"),
        ("config.toml", "trials = 12", "trials = 3", "has 12 pulls"),
        ("config.toml", 'study = "run"', 'study = "other"', "put the run's storage back"),
        ("space.toml", "0.05", "0.06", "space.toml changed"),
    ],
)
def test_pulls_of_edited_settings_are_not_mixed_in(file, old, new, told, quick, tmp_path):
    folder = tmp_path / "run"
    search(config_for(folder))
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))
    before = (folder / "trials.csv").read_bytes()
    with pytest.raises(UserError, match=told):
        resume(folder)
    assert (folder / "trials.csv").read_bytes() == before
    (folder / file).write_text(text.replace("retries = 1", "retries = 3"))
    resume(folder)


@pytest.mark.parametrize("empty", [False, True])
def test_a_study_lost_after_a_kill_is_not_begun_anew(empty, quick, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        kill_at(patch, 30)
        patch.setattr("policysearch.experiments.session.write_trials", skip_second(write_trials))
        with pytest.raises(Killed):
            search(config_for(folder))
    (folder / "study.db").unlink()
    if empty:
        (folder / "study.db").touch()
    with pytest.raises(UserError, match=r"put .* back"):
        resume(folder)


def skip_second(function):
    """The first call alone takes place: a killed process writes nothing at its end."""
    calls = []

    def once(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            function(*arguments)

    return once


def test_a_run_is_shown_without_its_reward_function(quick, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("def reward(m):\n    return m['accuracy']\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    search(config_for(Path("run"), reward="mine:reward"))
    (tmp_path / "mine.py").unlink()
    monkeypatch.delitem(sys.modules, "mine")
    assert read(tmp_path / "run").policy is not None


def test_a_damaged_study_is_told(quick, tmp_path):
    search(config_for(tmp_path / "a"))
    (tmp_path / "a" / "study.db").write_bytes(b"damaged" * 999)
    with pytest.raises(UserError, match="cannot"):
        resume(tmp_path / "a")


def test_a_study_damaged_while_a_search_is_at_work_is_told(quick, tmp_path, monkeypatch):
    folder = tmp_path / "run"

    def damaging(trial):
        if trial.number == 3:
            with closing(sqlite3.connect(folder / "study.db")) as connection:
                connection.execute("DROP TABLE trial_user_attributes")
        return quick_metrics(trial)

    monkeypatch.setattr("tests.support.quick.quick_metrics", damaging)
    with pytest.raises(StorageLost, match=r"the storage failed: no such table.*policysearch resume"):
        search(config_for(folder))
    assert [row[5] for row in trials(folder)] == ["complete"] * 3 + ["running"]


@pytest.mark.parametrize("strategy", slow_but(["tpe"], ["ucb", "tpe"]))
def test_killed_in_a_child(strategy, quick, whole, tmp_path, monkeypatch):
    expected = whole(strategy)
    folder = tmp_path / "run"
    seen = []

    def dying(trial):
        seen.append(trial)
        if len(seen) == 9:
            raise Killed
        return quick_metrics(trial)

    with monkeypatch.context() as patch:
        patch.setattr("tests.support.quick.quick_metrics", dying)
        with pytest.raises(Killed):
            search(config_for(folder, strategy=strategy, trials=16))
    assert read(folder).policy is None
    resume(folder)
    assert trials(folder) == expected


@pytest.mark.parametrize("strategy", ["ucb", "tpe"])
def test_going_further_equals_a_longer_search(strategy, quick, whole, tmp_path):
    expected = [row for row in whole(strategy) if row[0] == "search"]
    folder = tmp_path / "run"
    search(config_for(folder, strategy=strategy, trials=7))
    result = resume(folder, trials=16)
    assert [row for row in trials(folder) if row[0] == "search"] == expected
    assert result.policy is not None and result.config.trials == 16
    with pytest.raises(UserError, match="fewer than the 16"):
        resume(folder, trials=8)


def test_resuming_a_finished_run_changes_nothing(quick, tmp_path):
    folder = tmp_path / "run"
    search(config_for(folder))
    before = trials(folder), Policy.load(folder / "policy.json").hash
    resume(folder)
    assert (trials(folder), Policy.load(folder / "policy.json").hash) == before


def test_a_sampler_that_lives_long_does_not_resume_equal():
    """Why every trial gets a fresh, seeded sampler: one generator for all draws other trials after a restart."""

    def some(study, n):
        for _ in range(n):
            trial = study.ask()
            study.tell(trial, trial.suggest_float("x", 0, 1))

    def fresh():
        return optuna.samplers.TPESampler(seed=0)

    one = optuna.create_study(sampler=fresh())
    some(one, 20)
    two = optuna.create_study(sampler=fresh())
    some(two, 12)
    two.sampler = fresh()
    some(two, 8)
    assert [t.params for t in one.trials] != [t.params for t in two.trials]


def test_failures_are_recorded_retried_and_survive_a_resume(quick, tmp_path, monkeypatch):
    def failing(trial):
        if trial.number == 4 or (trial.number == 2 and trial.attempt == 0):
            raise ValueError(f"attempt {trial.attempt}")
        return quick_metrics(trial)

    monkeypatch.setattr("tests.support.quick.quick_metrics", failing)
    folder = tmp_path / "run"
    search(config_for(folder, confirm=0, retries=1))
    for _ in range(2):
        with (folder / "trials.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert rows[4]["state"] == "failed" and rows[4]["attempts"] == "2" and rows[4]["reward"] == ""
        assert rows[4]["error"] == "ValueError: attempt 0; ValueError: attempt 1"
        assert rows[2]["state"] == "complete" and rows[2]["attempts"] == "2"
        assert rows[2]["error"] == "ValueError: attempt 0"
        resume(folder)
    study = optuna.load_study(study_name="run", storage=f"sqlite:///{folder}/study.db")
    assert study.trials[4].state == optuna.trial.TrialState.FAIL


def test_a_reward_that_is_no_number_is_a_failure_not_a_reward(quick, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "tests.support.quick.quick_metrics",
        lambda t: {**quick_metrics(t), "accuracy": float("nan")} if t.number == 1 else quick_metrics(t),
    )
    folder = tmp_path / "run"
    search(config_for(folder, confirm=0, trials=4))
    assert trials(folder)[1][-2:] == ("failed", "")


@pytest.mark.parametrize("value", [1e154, -1e300, 10**400])
def test_a_huge_reward_is_a_failure_and_the_run_goes_on(value, quick, tmp_path, monkeypatch):
    """Its square overflows. One that an earlier version left behind, measured and not closed, ends a run no more."""
    huge = {1, 3}

    def metrics(trial):
        return {**quick_metrics(trial), "accuracy": value} if trial.number in huge else quick_metrics(trial)

    def killed(store, number, outcome, end=OptunaTrialStore._end):
        if number == 3:
            raise Killed
        return end(store, number, outcome)

    monkeypatch.setattr("tests.support.quick.quick_metrics", metrics)
    folder = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(OptunaTrialStore, "_end", killed)
        search(config_for(folder, confirm=0, trials=5))
    result = resume(folder)
    assert [row[-2] for row in trials(folder)] == ["complete", "failed", "complete", "failed", "complete"]
    assert result.policy is not None


@pytest.mark.slow
def test_a_run_goes_on_with_other_workers(quick, tmp_path):
    search(config_for(tmp_path / "run", confirm=0, trials=4, workers=0))
    assert resume(tmp_path / "run", trials=6, workers=1).config.workers == 1
    assert load_config(tmp_path / "run" / "config.toml").workers == 1
    assert resume(tmp_path / "run", trials=7).config.workers == 1


def test_the_record_is_an_ordinary_study(quick, tmp_path):
    folder = tmp_path / "run"
    result = search(config_for(folder, strategy="tpe"))
    study = optuna.load_study(study_name="run", storage=f"sqlite:///{folder}/study.db")
    assert study.best_trial.params["family"]
    for trial in study.trials:
        assert set(trial.user_attrs) == {"pull", "outcome"}
        key = json.loads(trial.user_attrs["pull"])["arm"]
        assert Policy.from_dict(json.loads(study.user_attrs[f"policy:{key}"])).hash == key
    assert result.policy == Policy.load(folder / "policy.json")


TINY = (
    *("--trials", "10", "--images", "40", "--epochs", "6", "--confirm", "1", "--workers", "1"),
    *("--strategy", "ucb", "--model", "small-resnet"),
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> list[tuple]:
    folder = tmp_path_factory.mktemp("tiny") / "run"
    search(config_for(folder, trials=10, epochs=6, confirm=1))
    return trials(folder)


@pytest.mark.slow
@pytest.mark.parametrize("finished", [1, 6])
def test_kill_minus_9_of_a_real_search(finished, tiny, tmp_path):
    folder = tmp_path / "run"
    process = search_at_work(folder, finished, TINY)
    with pytest.raises(UserError, match=f"in use by another controller .process {process.pid}"):
        resume(folder)
    kill_whole(process)
    done = subprocess.run(command("resume", str(folder)), capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert trials(folder) == tiny
    assert Policy.load(folder / "policy.json").about["confirmed"] is True


@pytest.mark.slow
def test_ctrl_c_ends_cleanly(tiny, tmp_path):
    folder = tmp_path / "run"
    process = search_at_work(folder, 2, TINY)
    workers = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130 and b"resume" in err and b"Traceback" not in err, err
    assert not psutil.wait_procs(workers, timeout=60)[1]
    assert (folder / "trials.csv").exists() and not (folder / "policy.json").exists()
    assert (
        "Not finished"
        in subprocess.run(command("show", str(folder)), capture_output=True, text=True, check=True).stdout
    )
    resume(folder)
    assert trials(folder) == tiny


def test_data_may_move_but_not_change(quick, tmp_path):
    write_folder(tmp_path / "pets", some_images(90))
    config = config_for(tmp_path / "run", data=str(tmp_path / "pets"))
    with pytest.warns(UserWarning, match="no test part"):
        search(config)
    (tmp_path / "pets").rename(tmp_path / "animals")
    text = (tmp_path / "run" / "config.toml").read_text()
    (tmp_path / "run" / "config.toml").write_text(text.replace("/pets", "/animals"))
    assert resume(tmp_path / "run", trials=14).policy is not None
    (tmp_path / "animals" / "cat" / "00001.png").unlink()
    with pytest.raises(UserError, match="data changed since the search began"):
        resume(tmp_path / "run", trials=16)


def test_more_replicates_can_be_asked_for(quick, tmp_path):
    first = search(config_for(tmp_path / "run", confirm=2))
    more = resume(tmp_path / "run", confirm=5)
    assert {s.pulls for s in first.confirmation} == {2} and {s.pulls for s in more.confirmation} == {5}
    assert more.config.confirm == 5 and load_config(tmp_path / "run" / "config.toml").confirm == 5
    with pytest.raises(UserError, match="--confirm 3 is fewer than the 5"):
        resume(tmp_path / "run", confirm=3)


def test_a_search_confirms_beside_the_fixed_policies_that_it_was_begun_with(quick, tmp_path, monkeypatch):
    """Older searches confirmed beside two of them, and wrote nothing of it down: they stay finished."""
    four = search(config_for(tmp_path / "new", confirm=2))
    monkeypatch.setattr("policysearch.experiments.search.run.note_references", lambda store: None)
    two = search(config_for(tmp_path / "old", confirm=2))
    names = [{s.arm.policy.name for s in result.confirmation} for result in (four, two)]
    assert names[0] >= {"identity", "flip-crop", "randaugment:2,9", "trivialaugment-wide"}
    assert names[1] >= {"identity", "trivialaugment-wide"} and len(names[1]) <= len(names[0])
    assert read(tmp_path / "old").policy == two.policy is not None
