"""What makes pulls cheap: constant rate and averaged weights, fine-tuning from a base, and what the base says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from policysearch.child.device_data import on_device
from policysearch.child.lr_schedules import constant
from policysearch.child.networks import build
from policysearch.child.recipe import Recipe
from policysearch.child.training import train
from policysearch.child.warm_start import Bases, affinity, severity
from policysearch.child.weight_averaging import WeightAverage
from policysearch.core.errors import UserError
from policysearch.datasets.load import load
from policysearch.datasets.split import split
from policysearch.experiments.search.result import read
from policysearch.experiments.search.run import search
from policysearch.policy.policy import Policy
from policysearch.study.config import load_config, save_config
from tests.support.quick import config_for


@pytest.fixture(scope="module")
def data():
    dataset = load("fashion-small")
    return on_device(dataset, split(dataset, None, 0), torch.device("cpu"))


def child(data, policy="identity", epochs=3, bases=None, images=200, **recipe):
    torch.set_num_threads(1)
    return train(
        Policy.preset(policy),
        data,
        lambda: build("small-resnet", data.images.shape[1:], data.classes),
        images=images,
        epochs=epochs,
        seed=1,
        recipe=Recipe(**recipe),
        bases=bases,
    )


def test_a_constant_rate_rises_over_fifty_steps_whatever_the_total():
    rates = [constant(step, total, 0.25) for total in (60, 6000) for step in range(60)]
    assert rates[:60] == rates[60:]
    assert rates[0] == pytest.approx(1 / 25) and rates[25] == pytest.approx((1 + 1 / 25) / 2)
    assert rates[50:60] == [1.0] * 10


def test_a_point_of_a_constant_curve_is_the_end_of_a_shorter_training(data):
    """One-cycle, whose rate depends on the total, is the planted bug: there the two differ."""
    for schedule, equal in (("constant", True), ("one-cycle", False)):
        long = child(data, epochs=4, checkpoints=4, schedule=schedule, averaging=0.5)
        short = child(data, epochs=2, checkpoints=1, schedule=schedule, averaging=0.5)
        assert (long["curve"][1]["loss"] == short["loss"]) is equal


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_weights_are_averaged_over_the_last_share_of_the_steps(share):
    """Weights that grow by one a step: a mean over the last share of T lags by about share·T/2 (as the move's weight
    1/(share·t) has mean age share·T/(1 + share)); with share 1 it is the mean itself."""
    network = nn.Linear(1, 1, bias=False)
    average = WeightAverage(network, share)
    steps = 400
    for step in range(1, steps + 1):
        with torch.no_grad():
            network.weight.fill_(step)
        average.update(network)
    lag = steps - average.network.weight.item()
    assert lag == pytest.approx(share * steps / (1 + share), abs=3)
    if share == 1.0:
        assert average.network.weight.item() == pytest.approx(np.mean(range(1, steps + 1)), rel=1e-4)


def test_running_statistics_are_averaged_and_counts_copied():
    network = nn.BatchNorm1d(2)
    average = WeightAverage(network, 1.0)
    for value in (1.0, 3.0):
        network.running_mean.fill_(value)
        network.num_batches_tracked.fill_(int(value))
        average.update(network)
    assert average.network.running_mean.tolist() == [2.0, 2.0] and int(average.network.num_batches_tracked) == 3


@pytest.mark.slow
def test_averaged_weights_do_better_under_a_constant_rate(data):
    rough, smooth = (child(data, images=500, epochs=20, schedule="constant", averaging=a)["loss"] for a in (0, 0.1))
    assert smooth < rough


def test_fine_tuning_begins_with_the_base_that_a_replicate_shares(data):
    """At rate near 0 nothing is learnt: every arm's child is the base."""
    bases = Bases()
    first = child(data, "identity", epochs=1, bases=bases, rate=1e-12, base_epochs=0)
    assert "affinity" not in first and first["accuracy"] < 0.3
    trained = child(data, epochs=6)
    recipe = {"bases": bases, "base_epochs": 6, "epochs": 1}
    ours = child(data, "identity", **recipe)
    again = child(data, "flip-crop", **recipe)
    assert ours["base_seconds"] > 0 and again["base_seconds"] == 0
    assert ours["affinity"] == 0 and again["affinity"] < 0
    assert ours["density_loss"] == pytest.approx(trained["loss"], abs=1e-6) and again["density_loss"] > trained["loss"]


def test_a_base_is_not_changed_by_the_children_that_go_on_from_it(data):
    bases = Bases()
    recipe = {"bases": bases, "base_epochs": 2, "epochs": 2}
    first, second = (child(data, "flip-crop", **recipe) for _ in range(2))
    assert first["loss"] == second["loss"] == child(data, "flip-crop", base_epochs=2, epochs=2)["loss"]


@pytest.mark.parametrize(
    ("room", "asked", "made"), [(2, "121312", "1232"), (1, "1122", "12"), (1, "1212", "1212"), (3, "123123", "123")]
)
def test_only_the_bases_used_last_are_kept(room, asked, made):
    bases, trained = Bases(room), []
    for name in asked:
        bases.of((int(name), 0), lambda name=name: trained.append(name) or nn.Linear(1, 1))
    assert "".join(trained) == made


def test_severity_is_that_of_all_classes_where_data_are_sorted(data):
    """Equalize leaves a flat image as it is, and takes levels from others: half of these images are flat."""
    flat = data.images.clone()
    flat[data.train[: len(data.train) // 2]] = 7
    policy = Policy.from_dict({"sub_policies": [{"steps": [{"operation": "posterize", "magnitude": 1}]}]})
    whole, half = severity(policy, data, 0), severity(policy, replace(data, images=flat), 0)
    assert half == pytest.approx(whole / 2, rel=0.2)


def test_affinity_falls_with_strength(data):
    torch.manual_seed(0)
    bases = Bases()
    child(data, bases=bases, base_epochs=8, epochs=1, images=1000)
    (network,) = bases._networks.values()
    found = [affinity(Policy.preset(p), data, network, 500, 0)["affinity"] for p in ("randaugment:1,3", "soft-crop")]
    assert found[1] < found[0] < 0


def test_severity_is_the_mean_of_what_is_hidden(data):
    def hidden(side):
        step = {"operation": "cutout", "magnitude": side}
        return severity(Policy.from_dict({"sub_policies": [{"steps": [step]}]}), data, 0)

    assert severity(Policy.preset("identity"), data, 0) == 0
    assert 0 < hidden(0.2) < 0.2**2 + 0.01 and hidden(0.2) < hidden(0.5) < 0.26
    assert child(data, "soft-crop", epochs=1)["severity"] > 0.1


def test_a_recipe_at_its_defaults_is_written_as_before(tmp_path):
    later = {"schedule", "averaging", "base_epochs"}
    assert not later & Recipe().model_dump().keys()
    assert Recipe(averaging=0.5).model_dump()["averaging"] == 0.5
    config = config_for(tmp_path / "run", recipe={"schedule": "constant"})
    save_config(config, tmp_path / "config.toml")
    assert load_config(tmp_path / "config.toml") == config


@pytest.mark.slow
def test_rewards_of_the_base_need_one(tmp_path):
    with pytest.raises(UserError, match="give --base-epochs"):
        search(config_for(tmp_path / "run", reward="accuracy+0.1*affinity"))
    told = search(config_for(tmp_path / "run", reward="accuracy+0.1*affinity", recipe={"base_epochs": 1}, confirm=0))
    assert all(np.isfinite(s.mean) for s in told.summaries)


@pytest.mark.slow
def test_finalists_may_be_confirmed_by_longer_trainings_and_another_reward(tmp_path):
    settings = {"confirm_images": 60, "confirm_epochs": 2, "confirm_reward": "-loss", "reward": "accuracy"}
    told = search(config_for(tmp_path / "run", trials=6, **settings))
    lines = (tmp_path / "run" / "trials.csv").read_text().splitlines()
    header = lines[0].split(",")
    rows = [dict(zip(header, line.split(","), strict=False)) for line in lines[1:] if '"' not in line]
    sizes = {(row["phase"], row["images"], row["epochs"]) for row in rows}
    assert sizes == {("search", "40", "1"), ("confirm", "60", "2")}
    assert all(s.mean < 0 for s in told.confirmation) and all(s.mean > 0 for s in told.summaries if s.pulls)
    assert told.policy.about["confirmed_at"] == {"images": 60, "epochs": 2}
    assert read(tmp_path / "run").verdict == told.verdict


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"confirm_images": 5000}, "--confirm-images must lie in"),
        ({"confirm_reward": "acuracy"}, "did you mean accuracy"),
        ({"recipe": {"averaging": 1.5}}, "averaging"),
        ({"recipe": {"schedule": "stepped"}}, "schedule"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(tmp_path, settings, told):
    with pytest.raises(UserError, match=told):
        search(config_for(tmp_path / "run", **settings))
    assert not (tmp_path / "run").exists()
