"""Density matching: the score is what a hand-made loop gives, and a fold's network is trained once."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as tv

from policysearch.child import held_out
from policysearch.child.device_data import on_device
from policysearch.child.fold_task import FoldTask
from policysearch.child.held_out import HeldOut, density
from policysearch.child.networks import build
from policysearch.child.recipe import Recipe
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.folds import folds_of_rows
from policysearch.datasets.split import Split
from policysearch.policy.policy import Policy

CPU = torch.device("cpu")
FLIP = {"operation": "flip-vertical"}


def dataset(count=60, side=8) -> Dataset:
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (count, 1, side, side), dtype=np.uint8), np.arange(count) % 3
    return Dataset("dots", images, labels, images[:0], labels[:0], ("bird", "cat", "dog"))


def device_data(data: Dataset):
    sides = Split(np.arange(48), np.arange(48, len(data.y_train)))
    return on_device(data, sides, CPU)


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))


def by_hand(policy_of_image, data, net) -> tuple[float, float]:
    """Mean cross-entropy and accuracy over the validation side, image by image with torchvision's functions."""
    losses, right = [], []
    for row in data.validation.tolist():
        image = policy_of_image(data.images[row])
        scaled = (image.float() - data.mean[0]) / data.std[0]
        p = torch.softmax(net(scaled[None].double().float())[0].double(), 0)
        losses.append(-float(torch.log(p[data.labels[row]])))
        right.append(int(p.argmax()) == int(data.labels[row]))
    return float(np.mean(losses)), float(np.mean(right))


@pytest.mark.parametrize(
    ("step", "function"),
    [
        (FLIP, tv.vertical_flip),
        ({"operation": "invert"}, tv.invert),
        ({"operation": "solarize", "magnitude": 128.0}, partial(tv.solarize, threshold=128)),
        ({"operation": "posterize", "magnitude": 3.0}, partial(tv.posterize, bits=3)),
    ],
)
@torch.no_grad()
def test_the_score_is_that_of_a_loop_by_hand(step, function, monkeypatch):
    data, net = device_data(dataset()), network()
    policy = Policy(sub_policies=[{"steps": [step]}])
    scores = density(policy, data, net, batch=5, seed=1)
    loss, accuracy = by_hand(function, data, net)
    assert scores["held_out_loss"] == pytest.approx(loss, abs=1e-6)
    assert scores["held_out_accuracy"] == pytest.approx(accuracy)

    monkeypatch.setattr(held_out, "augment", lambda policy, images, *_, **__: type("A", (), {"images": images}))
    ignored = density(policy, data, net, batch=5, seed=1)
    assert abs(ignored["held_out_loss"] - loss) > 1e-3, "a score of the images as they are would be seen"


@torch.no_grad()
def test_of_several_draws_the_best_counts_for_each_image():
    data, net = device_data(dataset()), network()
    policy = Policy(sub_policies=[{"steps": [{**FLIP, "probability": 0.5}]}])
    plain, flipped = (by_hand(function, data, net) for function in (lambda image: image, tv.vertical_flip))
    one, many = (density(policy, data, net, batch=4, seed=1, draws=draws) for draws in (1, 30))
    either = np.mean(
        [
            min(by_hand(f, single, net)[0] for f in (lambda image: image, tv.vertical_flip))
            for single in (
                type(data)(**{**vars(data), "validation": data.validation[i : i + 1]})
                for i in range(len(data.validation))
            )
        ]
    )
    assert many["held_out_loss"] == pytest.approx(float(either), abs=1e-6)
    assert many["held_out_loss"] < one["held_out_loss"] and either < min(plain[0], flipped[0])


@torch.no_grad()
def test_mixes_and_softening_are_left_out_and_draws_are_common():
    data, net = device_data(dataset()), network()
    plain = Policy(sub_policies=[{"steps": [{**FLIP, "probability": 0.5}]}])
    mixed = plain.model_copy(
        update={
            "mix": Policy.model_validate({"sub_policies": [{}], "mix": {"operation": "mixup", "probability": 1.0}}).mix
        }
    )
    assert density(plain, data, net, batch=4, seed=1) == density(mixed, data, net, batch=4, seed=1)
    assert density(plain, data, net, batch=4, seed=1) != density(plain, data, net, batch=4, seed=2)


def untimed(metrics) -> dict:
    return {name: value for name, value in metrics.items() if not name.endswith("seconds")}


def worker(data: Dataset) -> HeldOut:
    factory = partial(build, "small-resnet", data.shape, len(data.classes))
    sides = Split(np.arange(48), np.arange(48, len(data.y_train)))
    recipe = Recipe(batch=16)
    return HeldOut(on_device(data, sides, CPU), partial(folds_of_rows, data, sides.train), factory, recipe)


def test_a_network_is_trained_once_and_found_by_other_workers(tmp_path):
    policy, size = Policy(sub_policies=[{"steps": [FLIP]}]), {"images": 24, "epochs": 2, "seed": 5}
    task = FoldTask(3, 1, 0, 1, str(tmp_path / "networks"))
    first = worker(dataset())
    trained = first.measure(Policy.preset("identity"), FoldTask(3, 1, 0, 1, task.folder, trains=True), **size)
    assert trained["trained_epochs"] == 2 and trained["validation_images"] == 16
    assert trained["held_out_loss"] == pytest.approx(trained["loss"]), "the policy of the training changes nothing"
    scores = first.measure(policy, task, **size)
    assert scores["trained_epochs"] == 0 and "checkpoint_lost" not in scores

    assert untimed(worker(dataset()).measure(policy, task, **size)) == untimed(scores)
    file = tmp_path / "networks" / "fold-2.pt"
    for damage, why in ((lambda: file.unlink(), "not there"), (lambda: file.write_bytes(b"no"), "damaged")):
        damage()
        again = worker(dataset()).measure(policy, task, **size)
        assert again["trained_epochs"] == 2 and why in str(again["checkpoint_lost"])
        assert again["held_out_loss"] == scores["held_out_loss"]
        assert untimed(worker(dataset()).measure(policy, task, **size)) == untimed(scores), "it is kept again"

    other = worker(dataset()).measure(policy, task, images=24, epochs=1, seed=5)
    assert "of another training" in str(other["checkpoint_lost"])


def test_a_folder_that_cannot_be_made_is_done_without(tmp_path):
    task = FoldTask(3, 0, 0, 1, str(tmp_path / "gone" / "networks"), trains=True)
    metrics = worker(dataset()).measure(Policy.preset("identity"), task, images=24, epochs=1, seed=5)
    assert metrics["trained_epochs"] == 1 and not (tmp_path / "gone").exists()


def test_a_fold_is_trained_on_the_others_alone():
    held = worker(dataset())
    sides = [held._sides(FoldTask(3, fold, 0, 1, "")) for fold in range(3)]
    outside = [set(side.validation.tolist()) for side in sides]
    assert set.union(*outside) == set(range(48)) and sum(map(len, outside)) == 48
    for side in sides:
        assert not set(side.train.tolist()) & set(side.validation.tolist())
        assert len(side.train) + len(side.validation) == 48
