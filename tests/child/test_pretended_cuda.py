"""The path of a GPU without a GPU: augmentation, mixes, losses and steps on a device that is pretended.

Every operation of tensors on two devices is an error, and so is a step that waits for the device.
"""

from __future__ import annotations

from functools import partial

import pytest
import torch

from policysearch.augmentation import augment
from policysearch.augmentation.kernels.registry import KERNELS
from policysearch.child.checkpoint import Checkpoint
from policysearch.child.device_data import on_device
from policysearch.child.learner import Learner
from policysearch.child.losses import make_loss
from policysearch.child.networks import build
from policysearch.child.recipe import Recipe
from policysearch.child.training import train
from policysearch.datasets.load import load
from policysearch.datasets.split import split
from policysearch.policy.losses import parse_loss
from policysearch.policy.mixes import MIXES
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.policy import Policy
from policysearch.policy.presets import ADAPTIVE
from tests.support.pretended_cuda import DeviceMismatch, pretended_cuda
from tests.support.quick import write_npz
from tests.support.selection import slow_but
from tests.support.small_children import KeptAt

LOSSES = (
    None,
    {"kind": "label-smoothing", "alpha": 0.1},
    {"kind": "focal", "gamma": 2.0},
    {"kind": "bi-tempered", "t1": 0.8, "t2": 1.2},
    {"kind": "online-label-smoothing", "alpha": 0.5},
)
WAITS_OF_AN_EPOCH = 2
"""For the numbers of images of each operation, and to see whether the loss is finite."""
NETWORK = partial(build, "small-resnet", (1, 8, 8), 3)


def mixed(operation: str) -> Policy:
    return Policy.from_dict({"sub_policies": [{"steps": []}], "mix": {"operation": operation}})


POLICIES = {
    **{name: Policy.preset(name) for name in ("trivialaugment-wide", "soft-crop", "augmix", *ADAPTIVE)},
    **{name: mixed(name) for name in MIXES},
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return load(str(write_npz(tmp_path_factory.mktemp("data") / "small.npz")))


def child(dataset, device: str, policy: Policy, epochs: int = 1, **options) -> dict[str, float]:
    torch.set_num_threads(1)
    data = on_device(dataset, split(dataset, 30, 0), torch.device(device))
    recipe = Recipe(batch=20, precision="float32", averaging=0.5)
    return train(policy, data, NETWORK, images=40, epochs=epochs, seed=1, recipe=recipe, **options)


@pytest.mark.parametrize("name", slow_but(["snapmix", "trivialaugment-wide"], POLICIES))
def test_a_child_is_trained_on_the_device_as_on_the_cpu(dataset, monkeypatch, name):
    """Nothing is on the wrong device; what is left between the two is the order of sums."""
    expected = child(dataset, "cpu", POLICIES[name])
    with pretended_cuda(monkeypatch):
        metrics = child(dataset, "cuda", POLICIES[name])
    for score in ("loss", "train_loss", "augmented_train_loss", "severity"):
        assert metrics[score] == pytest.approx(expected[score], rel=1e-3, abs=1e-5)


@pytest.mark.filterwarnings("ignore:for .* copying from a non-meta parameter")  # the pretended device is no meta
def test_a_child_goes_on_on_the_device(dataset, monkeypatch):
    """Its weights, its loss's state and its generators are put back there."""
    keeper, policy = KeptAt([1]), Policy.preset("trivialaugment-wide")
    loss = parse_loss({"kind": "online-label-smoothing", "alpha": 0.5})
    with pretended_cuda(monkeypatch):
        whole = child(dataset, "cuda", policy, 2, loss=loss, keeper=keeper)
        origin = Checkpoint.from_bytes(keeper.content[1])
        rest = child(dataset, "cuda", policy, 2, loss=loss, origin=origin)
    assert origin.device == "cuda" and rest["trained_epochs"] == 1
    assert all(rest[name] == whole[name] for name in ("loss", "train_loss", "augmented_train_loss", "curve"))


def test_every_operation_runs_on_the_device(monkeypatch):
    """Each on some images of its own, and its visibility."""
    rows = [
        {"operation": row.name} | ({"magnitude": row.low + (row.high - row.low) / 4} if row.unit else {})
        for row in OPERATIONS.values()
    ]
    policy = Policy.from_dict({"sub_policies": [{"steps": [row]} for row in rows]})
    images = torch.randint(0, 256, (300, 3, 8, 8), dtype=torch.uint8)
    with pretended_cuda(monkeypatch):
        device = torch.device("cuda")
        generator = torch.Generator(device).manual_seed(0)
        labels = torch.zeros(300, dtype=torch.int64, device=device)
        batch = augment(policy, images.to(device), labels, num_classes=2, generator=generator)
        assert batch.visibility.device == batch.images.device == batch.targets.device
        drawn = {batch.draw.names[i] for i in batch.draw.operations.flatten().tolist()}
    assert drawn >= {row["operation"] for row in rows}


def step(objective_device: str, loss: dict[str, object] | None) -> None:
    """Two optimiser steps, with an average of the weights, of random images."""
    device = torch.device("cuda")
    learner = Learner(NETWORK, Recipe(averaging=0.5, precision="float32"), device)
    objective = make_loss(loss and parse_loss(loss), 3, torch.device(objective_device))
    images = torch.rand(4, 1, 8, 8).to(device)
    targets, weights = torch.eye(3)[[0, 1, 2, 0]].to(device), torch.ones(4, device=device)
    for _ in range(2):
        learner.update(objective(learner.logits(images), targets, weights), 0.5)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: "plain" if loss is None else loss["kind"])
def test_a_step_never_waits_for_the_device(monkeypatch, loss):
    with pretended_cuda(monkeypatch) as watch:
        step("cuda", loss)
    assert not watch.waits


def test_epochs_upload_from_pinned_memory_without_waiting(dataset, monkeypatch):
    """What is uploaded in other ways is uploaded once, and no step waits."""
    uploads, waits = [], []
    for epochs in (4, 6):
        with pretended_cuda(monkeypatch) as watch:
            child(dataset, "cuda", Policy.preset("identity"), epochs)
        uploads.append(watch.blocking_uploads)
        waits.append(watch.waits.total())
    assert uploads[0] == uploads[1] > 0
    assert waits[1] - waits[0] == 2 * WAITS_OF_AN_EPOCH


def test_a_loss_planted_on_the_cpu_is_caught(monkeypatch):
    with pretended_cuda(monkeypatch), pytest.raises(DeviceMismatch):
        step("cpu", {"kind": "online-label-smoothing", "alpha": 0.5})


def test_a_kernel_planted_on_the_cpu_is_caught(dataset, monkeypatch):
    monkeypatch.setitem(KERNELS, "invert", lambda images, *_: torch.arange(256).flip(0).repeat(len(images), 1, 1))
    policy = Policy.from_dict({"sub_policies": [{"steps": [{"operation": "invert"}]}]})
    with pretended_cuda(monkeypatch), pytest.raises(DeviceMismatch):
        child(dataset, "cuda", policy)


def test_a_wait_planted_in_a_step_is_caught(monkeypatch):
    monkeypatch.setattr(Learner, "update", lambda self, loss, share: loss.detach().item())
    with pretended_cuda(monkeypatch) as watch:
        step("cuda", None)
    assert watch.waits == {"aten._local_scalar_dense.default": 2}
