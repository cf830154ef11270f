"""Experiments whose networks begin with weights: searched, resumed, evaluated, shipped; and what is refused."""

from __future__ import annotations

import json
import pickle
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from policysearch.child.networks import build
from policysearch.child.weights_file import WeightsFile
from policysearch.core.errors import UserError
from policysearch.core.tasks import task_named
from policysearch.core.trial import Trial
from policysearch.datasets.load import load
from policysearch.experiments.evaluation.contenders import read_entrant
from policysearch.experiments.online.run import online
from policysearch.experiments.online.settings import OnlineSettings
from policysearch.experiments.pools import _setup
from policysearch.experiments.resolve import must_suit, resolved
from policysearch.experiments.search.run import resume, search
from policysearch.policy.policy import Policy
from policysearch.study.config import load_config, make_config
from tests.support.kills import command, completed, kill_whole, search_at_work, trials
from tests.support.quick import config_for, write_npz
from tests.support.target_data import write_marked, write_shaded
from workers.evaluate import ChildSetup


def write_weights(path: Path, seed: int = 0, scale: float = 1.0) -> Path:
    """Weights of a small network for 8×8 grey images of 5 classes."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        state = build("small-resnet", (1, 8, 8), 5).state_dict()
    state["stem.0.weight"] = scale * state["stem.0.weight"]
    WeightsFile("small-resnet", (1, 8, 8), tuple("abcde"), (100.0,), (60.0,), state).save(path)
    return path


@pytest.fixture
def settings(tmp_path):
    data, weights = write_npz(tmp_path / "data.npz"), write_weights(tmp_path / "weights.pt")
    return {"data": str(data), "weights": str(weights), "trials": 2, "confirm": 0, "recipe": {"checkpoints": 1}}


def test_a_search_fine_tunes_is_evaluated_with_its_weights_and_held_to_them(settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = search(config_for(tmp_path / "run", **{**settings, "weights": "weights.pt"}))
    assert result.policy.about["weights"] == "weights.pt"
    config = load_config(tmp_path / "run" / "config.toml")
    assert config.weights == str(tmp_path / "weights.pt") and config.recipe.layer_decay == 0.8

    spec = str(tmp_path / "run")
    same = read_entrant(spec, {}).config
    assert same.weights == config.weights and same.recipe.layer_decay == 0.8
    other = read_entrant(spec, {"model": "quick-resnet"}).config
    assert other.weights is None and other.recipe.layer_decay == 1
    write_weights(tmp_path / "other.pt", seed=1)
    tuned = read_entrant(spec, {"weights": str(tmp_path / "other.pt")}).config
    assert tuned.weights == str(tmp_path / "other.pt") and tuned.recipe.layer_decay == 1

    moved = (tmp_path / "weights.pt").rename(tmp_path / "elsewhere.pt")
    with pytest.raises(UserError, match=r"weights '\S+weights\.pt': there is no such file"):
        resume(tmp_path / "run", trials=3)
    write_weights(tmp_path / "weights.pt", seed=1)
    with pytest.raises(UserError, match="the weights changed since the search began"):
        resume(tmp_path / "run", trials=3)
    with pytest.raises(UserError, match=r"weights '\S+weights\.pt' changed since the search of \S+run began with them"):
        read_entrant(spec, {})
    assert read_entrant(spec, {"weights": str(tmp_path / "other.pt")}).config.weights == str(tmp_path / "other.pt")
    moved.rename(tmp_path / "weights.pt")
    assert sum(summary.pulls for summary in resume(tmp_path / "run", trials=3).summaries) == 3


def test_what_a_child_begins_with_decides_its_metrics(settings, tmp_path):
    """Other weights, another normalisation, frozen blocks and none: all differ; the same twice does not."""
    write_weights(tmp_path / "other.pt", seed=1)
    changes = [
        {},
        {"weights": str(tmp_path / "other.pt")},
        {"normalisation": "data"},
        {"recipe": {"checkpoints": 1, "frozen": 2}},
        {"weights": None},
    ]
    losses = [loss_of(tmp_path, {**settings, **change}) for change in changes]
    assert len(set(losses)) == len(changes) and loss_of(tmp_path, settings) == losses[0]


def setup_of(tmp_path, settings, *, portable=False) -> ChildSetup:
    config = resolved(config_for(tmp_path / "run", **settings))
    dataset = load(config)
    return _setup(config, dataset.portable(False) if portable else dataset.handle, False, None)


def trial() -> Trial:
    policy = Policy.preset("flip-crop")
    return Trial(0, policy.hash, policy.to_json(indent=None), 0, 3, 40, 1)


def loss_of(tmp_path, settings) -> float:
    return setup_of(tmp_path, settings)()(trial())["loss"]


def test_workers_elsewhere_are_shipped_the_weights(settings, tmp_path):
    here = setup_of(tmp_path, settings)
    elsewhere = pickle.loads(pickle.dumps(setup_of(tmp_path, settings, portable=True)))
    expected = here()(trial())["loss"]
    (tmp_path / "weights.pt").unlink()
    assert elsewhere()(trial())["loss"] == expected
    with pytest.raises(UserError, match="there is no such file"):
        here()
    with pytest.raises(UserError, match=r"weights 'weights\.pt' have changed"):
        replace(elsewhere, start=replace(elsewhere.start, digest="0" * 16))()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": "nowhere.pt"}, r"weights 'nowhere\.pt': there is no such file"),
        ({"weights": "."}, r"weights '\.' is a folder"),
        ({"weights": "a\0b"}, r"weights 'a\\x00b' cannot be read"),
        ({"weights": "published"}, "is for torchvision:NAME and timm:NAME, and the network is small-resnet"),
        ({"normalisation": "imagnet"}, "--normalisation must be data, imagenet or"),
        ({"weights": None, "normalisation": "data"}, "--normalisation can only be set with --weights"),
        (
            {"weights": None, "recipe": {"frozen": 1, "layer_decay": 0.5}},
            "--layer-decay and --frozen can only be set with --weights",
        ),
        (
            {"recipe": {"frozen": 5}},
            r"--frozen must lie in \[0, 4\], the blocks of small-resnet before its cl.*, got 5",
        ),
        ({"task": "self-supervised"}, "--weights .* does not go with --task self-supervised: its networks begin with"),
        ({"model": "quick-resnet"}, "do not fit quick-resnet: .*: they are of --model small-resnet"),
        pytest.param(
            {"model": "torchvision:shufflenet_v2_x0_5"},
            "do not fit torchvision:shufflenet_v2_x0_5: they lack",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(changes, message, settings, tmp_path):
    with pytest.raises(UserError, match=message):
        search(config_for(tmp_path / "run", **{**settings, **changes}))
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_killed_search_goes_on_with_its_weights_alone(settings, tmp_path):
    """`kill -9`; other weights in the same place are refused, and nothing of the record is lost."""
    whole, folder = tmp_path / "whole", tmp_path / "killed"
    words = ["--data", settings["data"], "--weights", settings["weights"], "--checkpoints", "1"]
    words += ["--trials", "8", "--images", "40", "--epochs", "6", "--confirm", "1", "--workers", "1"]
    words += ["--strategy", "ucb", "--model", "small-resnet"]  # that the weights are of
    assert subprocess.run(command("search", *words, "--out", str(whole)), capture_output=True).returncode == 0
    kill_whole(search_at_work(folder, 2, words))
    before = completed(folder / "study.db")

    own = Path(settings["weights"]).read_bytes()
    write_weights(Path(settings["weights"]), seed=1)
    refused = subprocess.run(command("resume", str(folder)), capture_output=True, text=True, timeout=200)
    assert refused.returncode == 2 and "the weights changed since the search began" in refused.stderr
    assert completed(folder / "study.db") == before

    Path(settings["weights"]).write_bytes(own)
    ended = subprocess.run(command("resume", str(folder)), capture_output=True, text=True, timeout=200)
    assert ended.returncode == 0, ended.stderr
    assert trials(folder) == trials(whole)


@pytest.mark.slow
@pytest.mark.parametrize(("task", "write"), [("multi-label", write_marked), ("regression", write_shaded)])
def test_other_tasks_begin_with_weights(task, write, tmp_path):
    """The layer of their answers is new too, as many as these are."""
    write(tmp_path / "data.npz")
    settings = {"task": task, "data": str(tmp_path / "data.npz"), "images": 16, "recipe": {"frozen": 1}}
    config = resolved(config_for(tmp_path / "run", **settings, weights=str(weights_for(tmp_path, settings))))
    dataset = load(config, needs=task_named(task).needs)
    must_suit(config, dataset)
    policy = Policy.preset("identity").to_json(indent=None)
    metrics = _setup(config, dataset.handle, False, None)()(replace(trial(), policy=policy, images=16))
    assert np.isfinite(metrics["loss"])


def weights_for(folder, settings) -> Path:
    """Weights of the task's network for these images, with five answers."""
    config = make_config({name: settings[name] for name in ("task", "data")})
    torch.save(
        build(config.model, load(config, needs=task_named(config.task).needs).shape, 5).state_dict(),
        folder / "plain.pt",
    )
    return folder / "plain.pt"


def test_text_lines_take_no_weights(tmp_path):
    with pytest.raises(UserError, match="does not go with --task text-lines"):
        resolved(make_config({"task": "text-lines", "weights": str(write_weights(tmp_path / "w.pt")), "workers": 0}))


def test_weights_that_do_not_say_their_normalisation_get_a_note(settings, tmp_path):
    state = torch.load(settings["weights"], weights_only=True)["weights"]
    torch.save(state, tmp_path / "plain.pt")
    config = resolved(config_for(tmp_path / "run", **{**settings, "weights": str(tmp_path / "plain.pt")}))
    notes = must_suit(config, load(config))
    assert any("'plain.pt' do not say how their inputs were normalised" in note for note in notes)
    config = config.model_copy(update={"normalisation": "data"})
    assert not any("normalised" in note for note in must_suit(config, load(config)))


@pytest.mark.slow
def test_colour_weights_on_grey_images_get_a_note(settings, tmp_path):
    state = build("small-resnet", (3, 8, 8), 5).state_dict()
    WeightsFile("small-resnet", (3, 8, 8), tuple("abcde"), (90.0, 100.0, 110.0), (60.0,) * 3, state).save(
        tmp_path / "colour.pt"
    )
    config = resolved(config_for(tmp_path / "run", **{**settings, "weights": str(tmp_path / "colour.pt")}))
    assert any("summed over its channels" in note for note in must_suit(config, load(config)))


@pytest.mark.slow
def test_an_online_search_writes_weights_that_another_one_begins_with(settings, tmp_path):
    space = tmp_path / "space.toml"
    space.write_text('schema = 1\nbaselines = ["identity", "flip-crop"]\n')
    names = {"data": settings["data"], "epochs": 4, "images": 40, "space": str(space)}
    first = {**names, "out": str(tmp_path / "one")}
    online(OnlineSettings(every=1), first)
    again = {**names, "weights": str(tmp_path / "one" / "network.pt"), "out": str(tmp_path / "two")}
    online(OnlineSettings(every=1), again)
    one, two = (torch.load(tmp_path / name / "network.pt", weights_only=True) for name in ("one", "two"))
    assert one["mean"] == pytest.approx(two["mean"]) and one["std"] == pytest.approx(two["std"])
    summary = json.loads((tmp_path / "two" / "online.json").read_text())
    assert summary["about"]["weights"] == "network.pt"
