"""Searches whose pulls are stopped at checkpoints, or continue the child of another: the record, resumed and read."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from policysearch.core.errors import SearchFailed, UserError
from policysearch.experiments.search.result import read
from policysearch.experiments.search.run import resume, search
from policysearch.experiments.search.text import brief_of
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.pruning.registry import pruner_of
from policysearch.study.rows import PRUNED
from tests.support.kills import Killed, kill_at, trials
from tests.support.learning import LearningSetup
from tests.support.quick import config_for

PRUNING = {"prune": "median:n_startup_trials=3", "strategy": "random", "epochs": 4}
PAIRED = {"prune": "paired:level=0.5,after=0", "strategy": "random", "epochs": 4, "seed": 3}
CONTINUED = {"strategy": "asha", "epochs": 9, "images": 40, "recipe": {"schedule": "trunk"}}
"""Settings of searches that stop or continue children."""


@pytest.fixture
def learning(quick, monkeypatch):
    monkeypatch.setattr("workers.evaluate.ChildSetup", LearningSetup)


def settings(folder: Path, changes):
    return config_for(folder, **{"trials": 24, "confirm": 1, "finalists": 1, **changes})


def study_of(folder: Path) -> optuna.Study:
    return optuna.load_study(study_name=folder.name, storage=f"sqlite:///{folder}/study.db")


def record(folder: Path) -> list[tuple]:
    """What must be the same however often a search was interrupted, with what each trial continues."""
    pulls = [json.loads(trial.user_attrs["pull"]) for trial in study_of(folder).trials]
    curves = [sorted(trial.intermediate_values.items()) for trial in study_of(folder).trials]
    return [*trials(folder), *pulls, *curves]


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        (PRUNING, (44,)),
        pytest.param(PRUNING, (9, 30, 58), marks=pytest.mark.slow),
        pytest.param(PAIRED, (60,), marks=pytest.mark.slow),
        pytest.param(CONTINUED, (25, 58, 73), marks=pytest.mark.slow),
        (CONTINUED, (52,)),
    ],
    ids=str,
)
def test_a_search_killed_at_any_write_ends_with_the_same_record(changes, counts, learning, tmp_path, monkeypatch):
    whole = tmp_path / "whole" / "run"
    search(settings(whole, changes))
    expected = record(whole)
    assert any(row[5] == PRUNED for row in trials(whole)) or changes is CONTINUED
    for count in counts:
        folder = tmp_path / str(count) / "run"
        with monkeypatch.context() as patch:
            kill_at(patch, count)
            with pytest.raises(Killed):
                search(settings(folder, changes))
        resume(folder)
        assert record(folder) == expected


def test_a_pruned_pull_is_a_state_of_its_own_and_never_a_reward(learning, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    reported = []
    report = OptunaTrialStore.report
    monkeypatch.setattr(OptunaTrialStore, "report", lambda *a: (reported.append([*a[1]]), report(*a)))
    monkeypatch.setattr("policysearch.study.pruning.judge.time.monotonic", lambda: 7.0)
    result = search(settings(folder, PRUNING))
    assert reported == [[0]], "curves under way are written together, at most every two seconds"
    assert {row[5] for row in trials(folder) if row[0] == "confirm"} == {"complete"}, "finalists are never stopped"

    ended = study_of(folder).trials
    stopped = [trial for trial in ended if trial.state == TrialState.PRUNED]
    assert stopped and all(trial.value is None for trial in stopped)
    assert not any(trial.state == TrialState.FAIL for trial in ended)
    for trial in ended:
        outcome = json.loads(trial.user_attrs["outcome"])
        points = {point["epoch"]: point["accuracy"] for point in outcome["metrics"]["curve"]}
        assert trial.intermediate_values == points
        assert bool(outcome["pruned"]) == (trial in stopped) == (max(points) < 4)

    again = read(folder)
    assert sum(s.pruned for s in again.summaries) == len(stopped) == sum(s.pruned for s in result.summaries)
    assert sum(s.failures for s in again.summaries) == 0
    assert any("pruned)" in cell for row in brief_of(again).arms.rows for cell in row)
    with (folder / "trials.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["state"] == PRUNED]
    assert len(rows) == len(stopped)
    assert all(row["reward"] == row["error"] == "" and "by Optuna's pruner median" in row["pruned"] for row in rows)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"prune": "meridian"}, "unknown pruner 'meridian': did you mean median"),
        ({"prune": "wilcoxon"}, "steps for separate instances, and epochs are none: take --prune paired"),
        ({"prune": "median:warmup=3"}, "--prune median has no parameter 'warmup'; it has n_startup_trials"),
        ({"prune": "percentile"}, "--prune percentile: .*percentile"),
        ({"prune": "percentile:percentile=250"}, "--prune percentile: Percentile must be between 0 and 100"),
        ({"prune": "paired:level=2"}, r"--prune paired: level must be in \(0, 0.5\], got 2"),
        ({"prune": "median:n_startup_trials=x"}, "median: n_startup_trials must be a whole number, got 'x'"),
        ({"prune": "median:n_warmup_steps=2.5"}, "median: n_warmup_steps must be a whole number, got '2.5'"),
        ({"prune": "threshold:lower="}, "threshold: lower must be a number, got ''"),
        ({"prune": "paired:after=x"}, "--prune paired: after must be a number, got 'x'"),
        ({"prune": "paired", "reward": "-ece"}, "accuracy and loss at their checkpoints, but not ece"),
        ({"prune": "paired", "recipe": {"checkpoints": 1}}, "--checkpoints 1 is the end: give 2 or more"),
        ({"prune": "median", "strategy": "hyperband"}, "different numbers of images: add --schedule trunk, or take"),
        ({"prune": "paired", "strategy": "pba", "recipe": {"schedule": "trunk"}}, "strategy pba needs the reward"),
        ({"strategy": "asha", "promote": "continue"}, "one-cycle training cannot be continued"),
        ({"strategy": "asha", "recipe": {"schedule": "trunk"}, "epochs": 3}, "--epochs 3 are too few for 3 rungs"),
        (
            {"strategy": "asha", "rungs": 5, "images": 4000},
            "81 arms or more, but the space has 2.: give fewer --rungs, or take",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(changes, sentence, learning, tmp_path):
    with pytest.raises(UserError, match=sentence):
        search(settings(tmp_path / "run", {"images": 900, "epochs": 80, **changes}))
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("text", ["percentile:percentile=40", "successive-halving", "hyperband", "patient:patience=1"])
def test_optunas_pruners_work_through_a_whole_search(text, learning, tmp_path):
    search(settings(tmp_path / "run", {**PRUNING, "prune": text, "epochs": 9}))
    states = {row[5] for row in trials(tmp_path / "run")}
    assert states <= {"complete", PRUNED} and (PRUNED in states or text.startswith(("hyper", "patient")))


def test_a_search_whose_pulls_were_all_stopped_says_so(learning, tmp_path):
    text = "threshold:lower=0.99"
    message = rf"24 of 24 were stopped by --prune {text}, the last one at epoch 1 of 4 .*threshold; begin anew"
    with pytest.raises(SearchFailed, match=message):
        search(settings(tmp_path / "run", {**PRUNING, "prune": text}))


def test_pruners_may_be_written_as_optuna_does():
    for text in ("MedianPruner", "Median", "median", "successive_halving", "SuccessiveHalvingPruner", "hyperband"):
        assert pruner_of(config_for(Path("x"), prune=text, epochs=4)) is not None
    assert pruner_of(config_for(Path("x"))) is None
