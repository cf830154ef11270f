"""`policysearch calibrate` from its flags to its files, and `search --calibrated`."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from policysearch.core.errors import UserError
from policysearch.experiments.calibration.run import calibrate
from policysearch.experiments.calibration.settings import CalibrateSettings
from policysearch.experiments.calibration_file import load_calibration
from policysearch.experiments.search.run import search
from policysearch.experiments.tabular.plan import Plan
from policysearch.experiments.tabular.record import record_table
from policysearch.experiments.tabular.table_file import load_table
from policysearch.policy.policy import Policy
from policysearch.study.config import load_config, make_config
from policysearch.study.rewards import parse_reward
from tests.support.command_line import call
from tests.support.quick import QuickSetup, quick_metrics

TINY = CalibrateSettings(long="200x2", ladder="100x1,50x2", arms=4, seeds=2, long_seeds=2)
FLAGS = ["--arms", "6", "--seeds", "2", "--long-seeds", "2"]
FILES = {"calibration.toml", "calibration.json", "calibration.png", "table.parquet", "table", "plan.json"}


def costed(trial):
    """Metrics by arm and seed alone; long trainings cost what they should."""
    gap = 0.1 + quick_metrics(trial)["accuracy"] / 10
    cost = trial.images * trial.epochs / 1000
    return {**quick_metrics(trial), "accuracy_gap": gap, "cpu_seconds": cost, "augmented_train_loss": 1.0}


class CostedSetup(QuickSetup):
    def __call__(self):
        return costed


@pytest.fixture
def quick_children(quick, monkeypatch):
    monkeypatch.setattr("workers.evaluate.ChildSetup", CostedSetup)
    monkeypatch.setattr("policysearch.experiments.calibration.files.write_picture", lambda *_: None)


@pytest.fixture
def cli(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    return lambda *words: call(monkeypatch, capsys, *words)


class Stop(Exception):
    pass


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_real_tiny_calibration_and_a_search_with_it(cli, tmp_path, monkeypatch):
    """Six arms on the shipped data; the search takes the pull and the reward, and its policy says so.

    Trainings of two epochs cannot be judged by, so what is recommended is asked for all the same.
    """
    monkeypatch.setattr("policysearch.experiments.calibration.truth.Truth.judges", True)
    words = ["--long", "100x2", "--ladder", "40x2", *FLAGS, "--workers", "0"]
    code, out, err = cli("calibrate", *words, "--out", "mine")
    assert code == 0, err
    assert "Forecast" in out and "6 arms, 2 replicates" in out and "search --calibrated mine" in out
    assert {p.name for p in (tmp_path / "mine").iterdir()} == FILES
    found = load_calibration(tmp_path / "mine")
    assert (found.images, found.epochs) == (40, 2) and found.measured.data == "fashion-small"
    told = json.loads((tmp_path / "mine" / "calibration.json").read_text())
    assert len(told["candidates"]) >= 6 and told["long"]["fidelity"] == "100x2" and len(told["long"]["arms"]) == 6
    assert told["sentence"] == found.measured.sentence and found.measured.sentence in " ".join(out.split())
    code, _, err = cli(
        "search", "--calibrated", "mine", *["--trials", "2", "--confirm", "1", "--workers", "0", "--out", "s"]
    )
    assert code == 0 and err.count("warning: the calibration says: ") == (not found.measured.within_tolerance), err
    assert err.count("warning") == err.count("the calibration says")
    config = load_config(tmp_path / "s" / "config.toml")
    assert (config.images, config.epochs, config.reward) == (found.images, found.epochs, found.reward)
    assert config.calibrated == "mine" and Policy.load(tmp_path / "s" / "policy.json").about["calibrated"] == "mine"


def test_a_calibration_that_was_stopped_ends_as_one_that_was_not(tmp_path, quick_children):
    whole = calibrate(TINY, {"workers": 0}, tmp_path / "whole")
    assert whole.pulls == (24, 24) and whole.recorded.failed == 0

    def stop(status):
        if status.phase == "record":
            stop.left -= 1
            if stop.left == 0:
                raise Stop

    starts = []
    for stop.left in (5, 10):
        with pytest.raises(Stop):
            calibrate(TINY, {"workers": 0}, tmp_path / "parts", listener=stop, tell=starts.append)
    again = calibrate(TINY, {"workers": 0}, tmp_path / "parts", tell=starts.append)
    assert [start.forecast is None for start in starts] == [False, True, True] and again.pulls == (24, 24)
    for name in ("calibration.json", *(["calibration.toml"] if whole.advice.recommended else [])):
        assert (tmp_path / "parts" / name).read_text() == (tmp_path / "whole" / name).read_text()
    with pytest.raises(UserError, match="was begun with another --arms"):
        calibrate(TINY.model_copy(update={"arms": 5}), {"workers": 0}, tmp_path / "parts")


def test_a_budget_ends_a_calibration_and_a_larger_one_goes_on(tmp_path, quick_children, monkeypatch):
    """Each pull takes a second by its record."""
    monkeypatch.setattr("workers.in_process.attempt", lambda evaluate, trial, _: _a_second(evaluate, trial))
    table = tmp_path / "t.parquet"
    settings = make_config({"workers": 0})
    first = record_table(settings, Plan(fidelities="100x1,200x2", seeds=2, arms=4, budget=10), table)
    assert first.pulls == 10
    assert record_table(settings, Plan(fidelities="100x1,200x2", seeds=2, arms=4), table).pulls == 16
    told = []
    found = calibrate(TINY.model_copy(update={"budget": 60.0}), {"workers": 0}, tmp_path / "c", tell=told.append)
    assert found.pulls == (24, 24) and told[0].forecast.seconds(told[0].draft.long) > 1
    with pytest.raises(UserError, match="--budget 3 worker-seconds is too small: even 4 arms"):
        calibrate(TINY.model_copy(update={"budget": 3.0}), {"workers": 0}, tmp_path / "d")
    assert not (tmp_path / "d").exists()


def _a_second(evaluate, trial):
    from policysearch.core.trial import Outcome

    return Outcome(evaluate(trial), seconds=1.0)


@pytest.mark.slow
def test_a_table_of_a_few_arms_holds_and_replays_only_these(tmp_path, quick_children, cli):
    table = tmp_path / "t.parquet"
    settings = make_config({"workers": 0})
    assert record_table(settings, Plan(fidelities="100x1,200x2", seeds=1, arms=6), table).pulls == 12
    read = load_table(table)
    assert len(read.arms) == 6 and read.grid(0, parse_reward("accuracy"))[0].shape == (6, 1)
    words = ["--strategies", "random,ucb", "--pulls", "8", "--runs", "4", "--workers", "1", "--out", "c"]
    code, out, err = cli("compare", "--replay", "t.parquet", *words)
    assert code == 0 and "ucb" in out, err
    with pytest.raises(UserError, match="--arms 5 is fewer than the 6"):
        record_table(settings, Plan(fidelities="100x1,200x2", seeds=1, arms=5), table)
    assert record_table(settings, Plan(fidelities="100x1,200x2", seeds=1, arms=8), table).pulls == 16


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--arms", "1"], "arms"),
        (["--rewards", "acuracy"], "reward metric"),
        (["--long", "100x4", "--ladder", "100x8"], "--long must be more expensive than every pull of --ladder"),
        (["--long", "9000x4"], "--long 9000x4: --images must lie in"),
        (["--long", "100x4", "--ladder", "10x4"], "--ladder 10x4: --images must lie in"),
        (["--long", "fast"], "a fidelity is IMAGESxEPOCHS"),
        (["--data", "nowhere"], "nowhere"),
        (["--space", "nothing"], "space"),
        (["--tolerance", "-1"], "tolerance"),
        (["--images", "50"], "images"),
        (["--long", "30x1"], "no pull cheaper than --long 30x1"),
        (["--out", "other"], "other exists and is no calibration"),
        (["--out", "file"], "file exists and is no calibration"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(cli, tmp_path, words, told):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    out = [] if "--out" in words else ["--out", "new"]
    code, printed, err = cli("calibrate", *words, *out, "--workers", "0")
    assert code == 2 and told in err, err
    assert err.count("\n") == 1 and not printed and "Traceback" not in err
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before


def written(path: Path, **changes) -> Path:
    """A calibration file as the program writes it."""
    measured = {"sentence": "s", "regret": 0.1, "regret_low": 0.0, "regret_high": 0.2, "regret_after_one_pull": 0.1}
    measured |= {"pulls": 2, "tolerance": 0.003, "within_tolerance": True, "cost_share": 0.25, "long": "200x2"}
    measured |= {"long_regret": 0.0, "arms": 6, "digest": "d", "data": "others", "model": "small-resnet"}
    values = {"images": 60, "epochs": 2, "reward": "accuracy-0.1*loss", **changes}
    values.setdefault("schema", 1)
    lines = [f"{k} = {json.dumps(v)}" for k, v in values.items() if v is not None]
    lines += ["[measured]", *(f"{k} = {json.dumps(v)}" for k, v in {**measured, "space": "default"}.items())]
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"schema": 2}, "has schema version 2, this program reads 1"),
        ({"schema": None}, "has no schema version"),
        ({"images": 0}, "is damaged"),
        ({"epochs": None}, "is damaged"),
        ({"reward": "nonsense"}, "is damaged"),
    ],
)
def test_calibrations_that_cannot_be_used(cli, tmp_path, changes, told):
    values = {"schema": 1, **changes}
    text = written(tmp_path / "c.toml", **values).read_text()
    assert tomllib.loads(text)
    code, out, err = cli("search", "--calibrated", "c.toml", "--out", "run")
    assert code == 2 and told in err and err.count("\n") == 1 and not out
    for name in ("nowhere.toml", "."):
        code, _, err = cli("search", "--calibrated", name, "--out", "run")
        assert code == 2 and "cannot read calibration" in err
    (tmp_path / "c.toml").write_text("= no TOML")
    assert "no TOML" in cli("search", "--calibrated", "c.toml")[2]


@pytest.mark.filterwarnings("default")
def test_flags_override_a_calibration_and_say_so(cli, quick, tmp_path):
    written(tmp_path / "c.toml")
    tiny = ["--trials", "6", "--confirm", "1", "--workers", "0"]
    code, _, err = cli(
        "search", "--calibrated", "c.toml", "--reward", "accuracy", "--model", "wrn-16-4", *tiny, "--out", "run"
    )
    assert code == 0
    assert "reward = 'accuracy' was given and stands; the calibration says 'accuracy-0.1*loss'" in err
    assert "made on other data (others) than fashion-small" in err and "another network (small-resnet)" in err
    config = load_config(tmp_path / "run" / "config.toml")
    assert (config.images, config.epochs, config.reward, config.calibrated) == (60, 2, "accuracy", "c.toml")


def test_a_calibration_holds_from_python_too(quick, npz, tmp_path):
    path = written(tmp_path / "c.toml")
    given = {"calibrated": str(path), "data": str(npz), "epochs": 3, "trials": 6, "confirm": 1, "workers": 0}
    config = make_config({**given, "model": "small-resnet", "out": str(tmp_path / "run")})
    with pytest.warns(UserWarning) as told:
        result = search(config)
    texts = [str(each.message) for each in told]
    assert "epochs = 3 was given and stands; the calibration says 2" in texts, texts
    assert sum("is known to mislead" in text for text in texts) == 1 and len(texts) == 3, texts
    assert (result.config.images, result.config.epochs, result.config.reward) == (60, 3, "accuracy-0.1*loss")
    assert result.config.last_fidelity == (60, 3)


@pytest.mark.filterwarnings("default")
def test_what_a_calibration_says_against_its_pull_is_repeated(cli, quick, tmp_path):
    path = written(tmp_path / "c.toml")
    path.write_text(path.read_text().replace("within_tolerance = true", "within_tolerance = false"))
    tiny = ["--trials", "4", "--confirm", "1", "--workers", "0", "--calibrated", "c.toml"]
    code, _, err = cli("search", *tiny, "--out", "a")
    assert code == 0 and "the calibration says: s" in err and "is known to mislead" not in err
    code, _, err = cli("search", *tiny, "--epochs", "1", "--out", "b")
    assert code == 0 and "60 images × 1 epochs by accuracy-0.1*loss is known to mislead" in err


def test_rewards_of_a_base_may_be_calibrated_where_there_is_one(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "policysearch.experiments.calibration.run.load_with_progress", lambda *_: (_ for _ in ()).throw(Stop)
    )
    settings = TINY.model_copy(update={"rewards": "accuracy,affinity"})
    with pytest.raises(UserError, match="--base-epochs"):
        calibrate(settings, {}, tmp_path / "a")
    with pytest.raises(Stop):
        calibrate(settings, {"recipe": {"base_epochs": 2}}, tmp_path / "b")


def test_finalists_that_are_hardly_confirmed_are_warned_of(quick, tmp_path):
    settings = {"images": 1000, "epochs": 40, "trials": 4, "workers": 0, "confirm": 1, "confirm_images": 500}
    with pytest.warns(UserWarning, match="confirmed by 500 images × 40 epochs, less than the 1000 × 40 of the search"):
        search(make_config({**settings, "out": str(tmp_path / "run")}))


@pytest.mark.filterwarnings("default")
def test_a_search_with_pulls_that_mislead_is_warned_once(cli, quick):
    tiny = ["--trials", "6", "--confirm", "1", "--workers", "0"]
    code, _, err = cli("search", *tiny, "--images", "2000", "--epochs", "8", "--out", "a")
    assert code == 0 and err.count("is known to mislead") == 1 and err.count("\n") == 1
    code, _, err = cli("search", *tiny, "--out", "b")
    assert code == 0 and not err
