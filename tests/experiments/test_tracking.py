"""Where else a search is told of: every pull once under its own number, and no tracker can stop a search."""

from __future__ import annotations

import warnings
from pathlib import Path

import optuna
import pytest

from policysearch.core.trial import Outcome
from policysearch.experiments.search.run import resume, search
from policysearch.experiments.search.tracking.listener import followed, scalars
from policysearch.policy.policy import Policy
from policysearch.policy.spaces import Arm
from policysearch.study.rows import Row
from tests.support.command_line import call
from tests.support.quick import config_for

ARM = Arm({"family": "identity"}, Policy.preset("identity"))


class Rows:
    """A record, as far as trackers see it."""

    def __init__(self, *rows: Row) -> None:
        self.rows = list(rows)


def ended(number: int, reward: float | None = 0.5) -> Row:
    outcome = Outcome({"accuracy": 0.5, "loss": 1.0} if reward is not None else {}, "" if reward else "no", 2.0)
    return Row(number, ARM, number, state="failed" if reward is None else "complete", reward=reward, outcome=outcome)


class Kept:
    """A tracker that keeps what it is told; `fails` names the step at which it goes wrong."""

    def __init__(self, fails: int = -1) -> None:
        self.fails = fails
        self.steps: list[tuple[str, int]] = []
        self.closed: list[bool] = []

    def pull(self, phase, row, figures) -> None:
        if row.number == self.fails:
            raise ConnectionError("http://me:s3cret@host/api is away")
        self.steps.append((phase, row.number))

    def close(self, folder, ended) -> None:
        self.closed.append(ended)


def test_each_pull_is_told_once_when_it_has_ended():
    kept, statuses = Kept(), []
    record, confirm = Rows(ended(0), Row(1, ARM, 1), Row(2, ARM, 2)), Rows()
    with followed({"kept": lambda: kept}, Path(), {"search": record, "confirm": confirm}, statuses.append) as tell:
        assert kept.steps == [("search", 0)], "what the record holds already"
        record.rows[2] = ended(2)
        tell("a")
        tell("b")
        record.rows[1] = ended(1)
        confirm.rows.append(ended(0))
    assert kept.steps == [("search", 0), ("search", 2), ("search", 1), ("confirm", 0)]
    assert statuses == ["a", "b"] and kept.closed == [True]


def test_a_search_that_is_stopped_is_told_so():
    kept = Kept()
    with pytest.raises(KeyboardInterrupt), followed({"kept": lambda: kept}, Path(), {"search": Rows()}, print):
        raise KeyboardInterrupt
    assert kept.closed == [False]


def test_a_tracker_that_fails_is_left_alone_after_one_warning():
    kept, bad, rows = Kept(), Kept(fails=1), Rows(*map(ended, range(4)))

    def away():
        raise OSError("no route")

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with followed({"bad": lambda: bad, "kept": lambda: kept, "away": away}, Path(), {"s": rows}, print):
            pass
    texts = sorted(str(each.message) for each in told)
    assert len(texts) == 2 and "OSError: no route" in texts[0]
    assert "ConnectionError" in texts[1] and "http://host/api is away" in texts[1] and "s3cret" not in texts[1]
    assert len(kept.steps) == 4 and bad.steps == [("s", 0)] and bad.closed == []


def test_a_failed_pull_has_no_reward():
    assert scalars(ended(0, None), None) == {"worker_seconds": 2.0}
    assert scalars(ended(0), 0.6) == {
        "worker_seconds": 2.0,
        "reward": 0.5,
        "accuracy": 0.5,
        "loss": 1.0,
        "best_mean": 0.6,
    }


def test_tensorboard_holds_the_record_once_however_often_it_is_resumed(quick, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tmp_path / "run"
    search(config_for(folder, trials=4, confirm=1, finalists=1))
    assert not (folder / "tensorboard").exists()
    resume(folder, trials=6, tensorboard=True)
    result = resume(folder, trials=7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = EventAccumulator(str(folder / "tensorboard"))
        found.Reload()
    assert [event.step for event in found.Scalars("search/reward")] == list(range(7))
    assert {"search/accuracy", "search/loss", "search/best_mean", "confirm/reward"} <= set(found.Tags()["scalars"])
    best = max(s.mean for s in result.summaries)
    assert found.Scalars("search/best_mean")[-1].value == pytest.approx(best)
    assert result.policy.name in str(found.Tensors("winner/text_summary")[0].tensor_proto)


def test_tensorboard_has_a_run_of_each_arm_with_its_parameters(quick, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = search(config_for(tmp_path / "run", trials=24, confirm=0, tensorboard=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runs = {path.name.rpartition(" ")[0]: EventAccumulator(str(path)).Reload() for path in arms_of(tmp_path)}
    assert set(runs) == {summary.arm.name.replace(":", "_") for summary in result.summaries}
    for summary in result.summaries:
        run = runs[summary.arm.name.replace(":", "_")]
        assert run.Scalars("search/mean_reward")[-1].value == pytest.approx(summary.mean)
        assert len(run.Scalars("search/reward")) == summary.pulls
        parameters = run.PluginTagToContent("hparams")["_hparams_/session_start_info"]
        assert summary.arm.name.encode() in parameters and b"family" in parameters


def arms_of(folder: Path) -> list[Path]:
    return list((folder / "run" / "tensorboard" / "arms").iterdir())


def test_the_objective_of_a_study_is_called_as_the_reward(quick, tmp_path):
    search(config_for(tmp_path / "run", trials=2, confirm=1, finalists=1, confirm_reward="-loss"))
    storage = f"sqlite:///{tmp_path}/run/study.db"
    names = {name: optuna.load_study(study_name=name, storage=storage).metric_names for name in ("run", "run-confirm")}
    assert names == {"run": ["accuracy"], "run-confirm": ["-loss"]}


def test_tensorboard_that_is_missing_is_told_before_anything_is_written(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("policysearch.experiments.config_checks.find_spec", lambda name: None)
    code, _, err = call(monkeypatch, capsys, "search", "--tensorboard", "--out", "run")
    assert code == 2 and "policysearch[tensorboard]" in err and err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore")
def test_mlflow_keeps_one_run_of_a_search(quick, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/m.db")
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "run"
    search(config_for(folder, trials=4, confirm=1, finalists=1))
    result = resume(folder, trials=6)
    client = mlflow.MlflowClient()
    (run,) = client.search_runs([client.get_experiment_by_name("policysearch").experiment_id])
    steps = [metric.step for metric in client.get_metric_history(run.info.run_id, "search/reward")]
    assert sorted(steps) == list(range(6)) and run.info.status == "FINISHED"
    assert run.data.params["trials"] == "4" and run.data.params["recipe.rate"]
    assert run.data.tags["winner"] == result.policy.name and run.data.tags["verdict"]
    assert run.data.metrics["lead over/identity"] == result.policy.about["paired_difference_to"]["identity"]["mean"]
    arms = {key for key in run.data.metrics if key.startswith("search/arms/")}
    assert len(arms) == len(result.summaries) and "search/arms/trivialaugment-wide" in arms
    assert "policy.json" in [artifact.path for artifact in client.list_artifacts(run.info.run_id)]


@pytest.mark.filterwarnings("ignore:MLflow gets no more")
def test_mlflow_that_is_away_does_not_stop_a_search(quick, tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    result = search(config_for(tmp_path / "run", trials=2, confirm=0))
    assert result.policy is not None
