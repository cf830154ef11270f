"""Precision, compilation and memory of a training."""

from __future__ import annotations

import os
import weakref
from functools import partial
from typing import ClassVar

import pytest
import torch
from torch import nn

from policysearch.child.device_data import on_device
from policysearch.child.learner import Learner
from policysearch.child.networks import build
from policysearch.child.precision import chosen_precision
from policysearch.child.recipe import Recipe
from policysearch.child.training import train
from policysearch.child.training_spec import ChildError
from policysearch.core.errors import UserError
from policysearch.datasets.load import load
from policysearch.datasets.split import split
from policysearch.policy.policy import Policy
from tests.support.quick import write_npz

CPU = torch.device("cpu")
CUDA = pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")])
small_resnet = partial(build, "small-resnet", (1, 28, 28), 10)


def fashion(device=CPU):
    dataset = load("fashion-small")
    return on_device(dataset, split(dataset, 200, 0), device)


def child(data, factory=small_resnet, images=200, epochs=8, policy="flip-crop", **recipe):
    torch.set_num_threads(1)
    sizes = {"images": images, "epochs": epochs, "seed": 1}
    policy = Policy.preset(policy) if isinstance(policy, str) else policy
    return train(policy, data, factory, **sizes, recipe=Recipe(**{"batch": 40, **recipe}))


def test_auto_is_what_the_device_does_best(monkeypatch):
    assert chosen_precision("auto", CPU) == "float32"
    assert chosen_precision("bfloat16", CPU) == "bfloat16"
    for capability, expected in (((7, 5), "float16"), ((8, 0), "bfloat16"), ((9, 0), "bfloat16")):
        monkeypatch.setattr("torch.cuda.get_device_capability", lambda device, answer=capability: answer)
        assert chosen_precision("auto", torch.device("cuda")) == expected
    assert chosen_precision("float32", torch.device("cuda")) == "float32"


def test_half_precision_is_refused_on_the_cpu():
    with pytest.raises(UserError, match="float16 needs a CUDA device: use bfloat16 or float32"):
        child(fashion(), precision="float16")


def test_only_the_passes_run_in_bfloat16():
    seen = []
    for precision in ("float32", "bfloat16"):
        learner = Learner(small_resnet, Recipe(precision=precision), CPU)
        hook = learner.network.blocks.register_forward_hook(lambda *args: seen.append(args[2].dtype))
        logits = learner.logits(torch.randn(4, 1, 28, 28))
        hook.remove()
        learner.update(logits.sum())
        assert logits.dtype == torch.float32
        assert {p.dtype for p in learner.network.parameters()} == {torch.float32}
    assert seen == [torch.float32, torch.bfloat16]


def test_a_child_learns_as_much_in_bfloat16():
    """Of 200 validation images: a standard deviation is 0.03, and both see the same subset and the same draws."""
    data = fashion()
    whole, lower = child(data), child(data, precision="bfloat16")
    assert lower["loss"] != whole["loss"]
    assert lower["accuracy"] > 0.4 and abs(lower["accuracy"] - whole["accuracy"]) < 0.1


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("device", [CUDA])
def test_a_child_learns_on_a_gpu(device, precision):
    assert child(fashion(torch.device(device)), policy="trivialaugment-wide", precision=precision)["accuracy"] > 0.3


class Greedy(nn.Module):
    """Runs out of memory with more images than `limit`, in training or in evaluation."""

    alive: ClassVar[weakref.WeakSet] = weakref.WeakSet()

    def __init__(self, training_limit, evaluation_limit=10**9):
        super().__init__()
        self.limits = {True: training_limit, False: evaluation_limit}
        self.head = nn.Linear(64, 3)
        Greedy.alive.add(self)

    def forward(self, x):
        assert len(Greedy.alive) == 1, "the training's own network must be gone before another is tried"
        if len(x) > self.limits[self.training]:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.head(x.flatten(1))


@pytest.fixture
def tiny(tmp_path):
    dataset = load(str(write_npz(tmp_path / "small.npz")))
    return on_device(dataset, split(dataset, 30, 0), CPU)


@pytest.mark.parametrize(
    ("limits", "batch", "message"),
    [
        pytest.param((20,), 60, "out of memory on cpu with batch 60: 15 fits, give --batch 15", marks=pytest.mark.slow),
        ((59,), 64, "with batch 64: 32 fits, give --batch 32"),
        pytest.param((60, 16), 60, "with batch 60: 3 fits, give --batch 3", marks=pytest.mark.slow),
        ((1,), 60, "not even 2 images fit"),
    ],
)
def test_out_of_memory_is_reported_with_the_batch_that_fits(tiny, limits, batch, message):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    with pytest.raises(ChildError, match=message):
        child(tiny, partial(Greedy, *limits), images=60, epochs=1, policy="identity", batch=batch)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_batch_that_is_named_fits(tiny):
    for limits, batch in (((20,), 15), ((60, 16), 3)):
        assert child(tiny, partial(Greedy, *limits), images=60, epochs=1, policy="identity", batch=batch)["curve"]


def failing(graph, inputs):
    raise RuntimeError("no compiler\nhere")


def test_a_failure_to_compile_is_reported_in_one_line(tiny, monkeypatch):
    monkeypatch.setattr("torch.compile", partial(torch.compile, backend=failing))
    with pytest.raises(ChildError, match=r"torch\.compile failed, leave out --compile: .*no compiler") as error:
        child(tiny, partial(build, "small-resnet", (1, 8, 8), 3), images=30, epochs=1, compile=True)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("setting", "folder"), [({}, "inductor"), ({"TORCHINDUCTOR_CACHE_DIR": "elsewhere"}, None)])
def test_workers_share_what_is_compiled_in_the_folder_of_caches(tmp_path, monkeypatch, setting, folder):
    monkeypatch.setattr(os, "environ", {"POLICYSEARCH_CACHE": str(tmp_path), **setting})
    seen = []
    monkeypatch.setattr("torch.compile", lambda network: seen.append(dict(os.environ)) or network)
    Learner(small_resnet, Recipe(compile=True), CPU)
    assert [state["TORCHINDUCTOR_CACHE_DIR"] for state in seen] == [str(tmp_path / folder) if folder else "elsewhere"]
    assert seen[0]["TORCHINDUCTOR_FX_GRAPH_CACHE"] == "1"


@pytest.mark.slow
def test_a_compiled_child_is_the_same_child_but_for_rounding():
    data = fashion()
    asks_the_network = Policy.from_dict({"sub_policies": [{"steps": []}], "mix": {"operation": "snapmix"}})
    for policy in ("flip-crop", asks_the_network):
        plain, compiled = (child(data, epochs=2, policy=policy, compile=c) for c in (False, True))
        assert compiled["loss"] == pytest.approx(plain["loss"], rel=1e-3)
        assert compiled["train_loss"] == pytest.approx(plain["train_loss"], rel=1e-3)
