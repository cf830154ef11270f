"""Searches that call a training function of the user's."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import policysearch
from policysearch.core.errors import UserError
from policysearch.core.tasks import OWN_TRAINING
from policysearch.core.user_code import training_digest
from policysearch.datasets.load import load
from policysearch.experiments.evaluation.run import evaluate
from policysearch.experiments.evaluation.settings import EvaluateSettings
from policysearch.experiments.search.rehearsal import most_demanding
from policysearch.experiments.search.report.page import page
from policysearch.experiments.search.result import read_both
from policysearch.experiments.search.run import resume, search
from policysearch.experiments.search.text import brief_of
from policysearch.experiments.user_training import spec_of
from policysearch.policy.space_files import load_space
from policysearch.study.config import SearchConfig, load_config, make_config
from policysearch.study.rows import PRUNED
from tests.support import my_training
from tests.support.kills import Killed, command, kill_at, kill_whole, search_at_work, trials
from tests.support.markdown import python_pages
from tests.support.quick import write_npz

MINE = "tests.support.my_training"
SMALL = {"workers": 0, "trials": 4, "confirm": 1, "finalists": 1, "images": 40, "epochs": 3}
ROOT = Path(policysearch.__file__).parents[1]


def test_a_function_is_searched_and_reported(quick, tmp_path):
    said = []
    result = search(
        train=my_training.train, out=tmp_path / "run", listener=lambda status: said.append(status.note), **SMALL
    )
    config = load_config(tmp_path / "run" / "config.toml")
    assert (config.task, config.data, config.space) == (OWN_TRAINING, "none", "transforms")
    assert config.train == f"{MINE}:train" and result.policy.about["train"] == config.train
    assert result.verdict is not None and all(summary.pulls for summary in result.summaries[:3])
    assert any(f"calling {MINE}:train for one epoch" in note for note in said if note)

    _, material = read_both(tmp_path / "run")
    text = page(material, "the training function reads its images by itself")
    assert f"On the images that the training function reads with {MINE}:train" in text
    assert "small-resnet" not in text and "recipe." not in text
    assert "small-resnet" not in str(brief_of(result, material))


def test_a_killed_search_ends_with_the_same_record(quick, tmp_path, monkeypatch):
    settings = SearchConfig(train=f"{MINE}:train", strategy="random", **SMALL)
    search(settings, out=str(tmp_path / "whole" / "run"))
    for count in (31,):
        folder = tmp_path / str(count) / "run"
        with monkeypatch.context() as patch:
            kill_at(patch, count)
            with pytest.raises(Killed):
                search(settings, out=str(folder))
        resume(folder)
        assert trials(folder) == trials(tmp_path / "whole" / "run")


UNHURRIED = """
import time

def train(policy, seed, images, epochs, report):
    accuracy = 0.5 + int(policy.hash, 16) % 97 / 1000 + seed % 7 / 1000
    for epoch in range(1, epochs + 1):
        time.sleep(0.1)
        report(epoch, accuracy=accuracy * epoch / epochs)
    return {"accuracy": accuracy}
"""


@pytest.mark.slow
def test_kill_minus_9_with_a_training_function(tmp_path):
    """The pull at work begins anew; the record is that of a search that nobody killed, and no worker is left."""
    (tmp_path / "mine.py").write_text(UNHURRIED)
    words = ["--train", f"{tmp_path / 'mine.py'}:train", "--trials", "6", "--images", "40", "--epochs", "3"]
    words += ["--confirm", "1", "--finalists", "1", "--workers", "1"]
    assert subprocess.run(command("search", *words, "--out", str(tmp_path / "whole")), timeout=300).returncode == 0
    folder = tmp_path / "killed"
    kill_whole(search_at_work(folder, 3, words))
    ended = subprocess.run(command("resume", str(folder)), capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    assert trials(folder) == trials(tmp_path / "whole")


def test_hopeless_pulls_stop_where_they_report(quick, tmp_path):
    pruned = {"prune": "median:n_startup_trials=3", "strategy": "random", "trials": 10}
    result = search(train=my_training.train, out=str(tmp_path / "run"), **{**SMALL, **pruned})
    _, material = read_both(tmp_path / "run")
    assert any(row.state == PRUNED and row.outcome.metrics["curve"][-1]["epoch"] < 3 for row in material.searched)

    assert result.verdict is not None


def test_any_metric_may_be_the_reward(quick, tmp_path):
    result = search(
        train=my_training.train_with_iou, out=str(tmp_path / "run"), reward="mean_iou-0.1*val_loss", **SMALL
    )
    _, material = read_both(tmp_path / "run")
    row = material.searched[0]
    assert row.reward == pytest.approx(row.outcome.metrics["mean_iou"] - 0.1 * row.outcome.metrics["val_loss"])
    assert "accuracy" not in row.outcome.metrics and result.verdict is not None


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"train": f"{MINE}:broken"},
            r"my_training:broken failed: ValueError: no such layer \(line \d+ of my_training",
        ),
        ({"train": f"{MINE}:forgetful"}, "forgetful returned no accuracy, which the search needs; there is val_acc"),
        ({"train": f"{MINE}:train", "reward": "accuracy-recall"}, "no recall, which the search needs"),
        (
            {"train": f"{MINE}:transform_alone", "space": "default"},
            "softens targets by what can be seen.*under the arm",
        ),
        ({"train": f"{MINE}:train", "space": "mixes"}, "needs activation maps of a network of this program"),
        ({"train": f"{MINE}:forgotten"}, "has no 'forgotten'"),
        ({"train": f"{MINE}:train_on_data"}, "takes data, and the search has none: give --data"),
        ({"train": f"{MINE}:train", "data": "fashion-small"}, "does not take data, and --data fashion-small is given"),
        ({"train": f"{MINE}:broken", "prune": "paired"}, "takes no report: name one of its parameters so"),
        (
            {"train": f"{MINE}:broken", "strategy": "asha"},
            "begins with fewer images, and .* does not take their number",
        ),
        ({"train": f"{MINE}:train", "model": "resnet-18"}, "--model resnet-18 does not go with --task own-training"),
        ({"train": f"{MINE}:train", "recipe": {"batch": 64}}, "--batch does not go with --task own-training"),
        (
            {"train": f"{MINE}:train", "weights": "published"},
            "the training function loads what its network begins with",
        ),
        ({"train": f"{MINE}:train", "strategy": "pba"}, "--strategy pba does not go with .*its children fork"),
        ({"train": f"{MINE}:train", "strategy": "by-class"}, "returns no counts by class"),
        ({"train": f"{MINE}:train", "space": "losses"}, "has a loss, which does not go with"),
        ({"train": f"{MINE}:train", "space": "pairs"}, "'pair', which does not go with"),
        ({"train": f"{MINE}:train", "task": "classification"}, "--task classification does not: leave --task out"),
        ({"train": "train"}, "--train takes MODULE:FUNCTION or PATH.py:FUNCTION, got 'train'"),
        (
            {"train": "nowhere.py:train"},
            "train function nowhere.py:train cannot be loaded: there is no file nowhere.py",
        ),
        ({"task": OWN_TRAINING}, "calls a function of yours: give --train"),
        ({"trails": 3}, "unknown key 'trails': did you mean trials"),
        ({"data": 3, "train": f"{MINE}:train"}, "data is of type int, and must be arrays"),
    ],
    ids=str,
)
def test_mistakes_are_said_before_anything_is_written(settings, sentence, quick, tmp_path):
    with pytest.raises(UserError, match=sentence):
        search(out=str(tmp_path / "run"), **{**SMALL, **settings})
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "train", [partial(my_training.train, images=3), lambda policy: 0.5, 3], ids=["part", "lambda", "3"]
)
def test_a_function_that_workers_could_not_find_is_refused(train, tmp_path):
    with pytest.raises(UserError, match="a function that a module or script defines at its top, got"):
        search(train=train, out=str(tmp_path / "run"), **SMALL)


def test_the_first_call_is_under_the_arm_that_asks_most():
    assert most_demanding(load_space("mixes")).policy.mix is not None
    assert most_demanding(load_space("default")).policy.softening is not None


def test_the_default_space_needs_no_labels():
    for arm in load_space("transforms").arms(0):
        arm.policy.to_transform()


def test_arrays_are_data_and_the_winner_is_evaluated(quick, tmp_path, monkeypatch):
    monkeypatch.setattr("policysearch.experiments.evaluation.files.write_plot", lambda *_: None)
    monkeypatch.setattr("policysearch.experiments.evaluation.run.write_page", lambda *_: None)
    data = load(str(write_npz(tmp_path / "small.npz")))
    arrays = ((data.x_train[:, 0], data.y_train), (data.x_test[:, 0], data.y_test))
    train = my_training.train_on_data
    results = [
        search(train=train, data=given, out=str(tmp_path / str(i)), **SMALL) for i, given in enumerate([data, arrays])
    ]
    assert results[0].policy == results[1].policy
    assert Path(results[0].config.data).suffix == ".npz"

    done = evaluate(tmp_path / "0", EvaluateSettings(seeds=2), {"out": str(tmp_path / "test"), "workers": 0})
    assert done.summary.verdict is not None and (tmp_path / "test" / "evaluation.toml").exists()


def test_an_evaluation_of_images_that_the_function_reads(quick, tmp_path, monkeypatch):
    monkeypatch.setattr("policysearch.experiments.evaluation.files.write_plot", lambda *_: None)
    monkeypatch.setattr("policysearch.experiments.evaluation.run.write_page", lambda *_: None)
    search(train=my_training.train_and_test, out=str(tmp_path / "run"), **SMALL)
    settings, place = EvaluateSettings(seeds=2), {"out": str(tmp_path / "test"), "workers": 0}
    with pytest.raises(UserError, match="how many the training function has is not known: give --images"):
        evaluate(tmp_path / "run", settings, place)
    assert not (tmp_path / "test").exists()

    evaluate(tmp_path / "run", settings, {**place, "images": 60})
    text = (tmp_path / "test" / "evaluation.md").read_text(encoding="utf-8").replace("\\", "")
    assert f"the images that the training function reads, {MINE}:train_and_test, 60 training images" in text
    assert "its own test images" in text and "small-resnet" not in text


def test_an_evaluation_needs_a_function_that_takes_the_test_part(quick, tmp_path):
    search(train=my_training.train, out=str(tmp_path / "run"), **SMALL)
    settings = EvaluateSettings(seeds=2)
    with pytest.raises(UserError, match="does not take test: name one of its parameters so, and return test_accuracy"):
        evaluate(tmp_path / "run", settings, {"out": str(tmp_path / "test"), "workers": 0})
    assert not (tmp_path / "test").exists()


def test_the_function_is_pinned_but_not_its_comments_nor_the_main_part(tmp_path):
    path = tmp_path / "mine.py"
    texts = [
        "def train(policy):\n    return 0.5\nif __name__ == '__main__':\n    train(1)\n",
        "# a note\ndef train(policy):\n    return 0.5\nif __name__ == '__main__':\n    train(2)\n",
        "def train(policy):\n    return 0.6\n",
    ]
    digests = []
    for text in texts:
        path.write_text(text)
        digests.append(training_digest(f"{path}:train"))
    assert digests[0] == digests[1] != digests[2]


def test_another_function_does_not_continue_a_search(quick, tmp_path):
    path = tmp_path / "function.py"
    path.write_text("def train(policy):\n    return 0.5\n")
    search(train=f"{path}:train", out=str(tmp_path / "run"), **SMALL)
    path.write_text("def train(policy):\n    return 0.6\n")
    with pytest.raises(UserError, match="the train function's source changed since the search began"):
        resume(tmp_path / "run", trials=20)


def test_settings_follow_from_the_function_unless_they_are_given():
    config = make_config({"train": "mine.py:train", "space": "mixes"})
    assert (config.task, config.space, config.data, config.learner) == (OWN_TRAINING, "mixes", "none", "mine.py:train")
    assert make_config({}).learner == "quick-resnet-wide"
    assert spec_of("mine.py:train") == "mine.py:train"


SCRIPT = """
import sys
from policysearch import search

def train(policy, seed, epochs):
    return 0.5 + seed % 7 / 100

def run(workers):
    result = search(train=train, trials=2, confirm=1, finalists=1, epochs=2, workers=workers, out="run")
    print(result.policy.name)
"""
WITH_GUARD = SCRIPT + 'if __name__ == "__main__":\n    run({workers})\n'
WITHOUT_GUARD = SCRIPT + "run({workers})\n"


def run_script(text: str, folder: Path, *, piped: bool = False) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(text)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, *([] if piped else ["script.py"])]
    given = text if piped else None
    return subprocess.run(
        command, input=given, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=600
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "piped", "workers", "sentence"),
    [
        (WITH_GUARD, False, 2, ""),
        (WITHOUT_GUARD, False, 0, ""),
        (WITHOUT_GUARD, False, 2, "workers need train function 'train' of this script, and run it again"),
        (WITHOUT_GUARD, True, 0, ""),
        (WITHOUT_GUARD, True, 2, "cannot import what is only defined in a notebook, a console or standard input"),
    ],
    ids=["guarded", "unguarded alone", "unguarded", "standard input alone", "standard input"],
)
def test_functions_of_scripts_and_notebooks(text, piped, workers, sentence, tmp_path):
    done = run_script(text.replace("{workers}", str(workers)), tmp_path, piped=piped)
    assert (done.returncode == 0) is not sentence and sentence in done.stderr, done.stderr
    assert (tmp_path / "run" / "policy.json").exists() is not bool(sentence)
    if workers == 2 and not sentence:  # from anywhere
        command = [sys.executable, "-m", "policysearch", "resume", str(tmp_path / "run"), "--trials", "3"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        assert subprocess.run(command, cwd="/", env=environment, check=False, capture_output=True).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "deadline", "error"), [("dies_once", 600.0, "worker died"), ("sleeps_once", 5.0, "deadline of 5 s passed")]
)
def test_a_worker_that_dies_or_hangs_costs_one_attempt(name, deadline, error, quick, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {**SMALL, "workers": 1, "trials": 3, "deadline": deadline}
    search(train=f"{MINE}:{name}", out=str(tmp_path / "run"), **settings)
    _, material = read_both(tmp_path / "run")
    failures = [failure.error for row in material.searched for failure in row.failures]
    assert len(failures) == 1 and error in failures[0]


def examples() -> dict[str, str]:
    """The files of the guide's pages, by name."""
    texts = [*python_pages()["your-training"], *python_pages()["trainers"]]
    return {text.splitlines()[0].removeprefix("# "): text for text in texts if text.startswith("# my_")}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the libraries warn of much
@pytest.mark.parametrize(
    ("file", "library"),
    [("my_training.py", "torch"), ("my_lightning.py", "lightning"), ("my_transformers.py", "transformers")],
)
def test_the_examples_of_the_guide_are_searched(file, library, quick, tmp_path, monkeypatch):
    pytest.importorskip(library)
    monkeypatch.chdir(tmp_path)
    (tmp_path / file).write_text(examples()[file])
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    images = (rng.integers(0, 64, (90, 3, 32, 32)) + 60 * labels[:, None, None, None]).astype(np.uint8)
    settings = {**SMALL, "trials": 3, "confirm": 1, "finalists": 1, "prune": "median:n_startup_trials=1"}
    result = search(train=f"{file}:train", data=(images, labels), out=str(tmp_path / "run"), **settings)
    _, material = read_both(tmp_path / "run")
    assert result.verdict is not None and not any(row.failures for row in material.searched)
    assert [point["epoch"] for point in material.confirmed[0].outcome.metrics["curve"]] == [1, 2, 3]


@pytest.mark.slow
def test_the_call_of_the_guide_is_a_search(quick, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_training", raising=False)
    (tmp_path / "my_training.py").write_text(examples()["my_training.py"])
    call = next(text for text in python_pages()["your-training"] if not text.startswith("# my_"))
    for before, after in {
        "trials=60": "trials=2, confirm=1",
        "workers=2": "workers=0",
        "epochs=10": "epochs=1",
    }.items():
        assert before in call
        call = call.replace(before, after)
    names = {"__name__": "__main__"}
    exec(compile(call, "guide", "exec"), names)
    assert names["result"].policy is not None


def test_nobody_says_what_guessing_gives_where_images_have_no_labels(quick, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (99, 8, 8), dtype=np.uint8)
    parts = {"x_train": images[:90], "x_test": images[90:]}
    result = search(train=my_training.unlabelled, data=parts, out=str(tmp_path / "run"), **SMALL)
    assert result.warnings == () and result.config.data.endswith(".npz")


@pytest.mark.slow
def test_workers_of_ray_call_the_function(quick, tmp_path):
    pytest.importorskip("ray")
    path = tmp_path / "function.py"
    path.write_text("def train(policy, seed, device):\n    return 0.5 + seed % 7 / 100\n")
    place = {"pool": "ray", "workers": 1, "device": "cpu", "trials": 2}
    search(train=f"{path}:train", out=str(tmp_path / "ray"), **{**SMALL, **place})
    search(train=f"{path}:train", out=str(tmp_path / "here"), **{**SMALL, "trials": 2})
    assert trials(tmp_path / "ray") == trials(tmp_path / "here")
