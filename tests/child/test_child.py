"""Data, networks, metrics and training of children."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from policysearch.child.device_data import on_device
from policysearch.child.lr_schedules import one_cycle
from policysearch.child.metrics import expected_calibration_error, scores
from policysearch.child.networks import SmallResNet, build, dry_forward
from policysearch.child.recipe import Recipe
from policysearch.child.training import train
from policysearch.child.training_spec import ChildError
from policysearch.core.errors import UserError
from policysearch.core.seeds import child_seed
from policysearch.datasets.load import load
from policysearch.datasets.split import split, stratified
from policysearch.policy.policy import Policy
from tests.support.quick import write_npz


@pytest.fixture(scope="module")
def fashion():
    dataset = load("fashion-small")
    return dataset, on_device(dataset, split(dataset, None, 0), torch.device("cpu"))


def child(data, policy="identity", images=60, epochs=2, seed=1, follow=None, **recipe):
    torch.set_num_threads(1)
    return train(
        Policy.preset(policy),
        data,
        lambda: build("small-resnet", data.images.shape[1:], data.classes),
        images=images,
        epochs=epochs,
        seed=seed,
        recipe=Recipe(**recipe),
        follow=follow,
    )


def test_who_follows_a_training_sees_its_curve_and_changes_nothing(fashion):
    _, data = fashion
    curves = []
    followed = child(data, follow=lambda curve: curves.append(list(curve)), checkpoints=2)
    alone = child(data, checkpoints=2)
    assert curves == [followed["curve"][:1], followed["curve"]]
    times = {name for name in alone if "second" in name or "memory" in name}
    assert {n: v for n, v in followed.items() if n not in times} == {n: v for n, v in alone.items() if n not in times}


def test_shipped_data_is_what_it_says(fashion):
    dataset, data = fashion
    assert data.images.shape == (6000, 1, 28, 28) and data.images.dtype == torch.uint8
    assert len(data.train) == 4000 and len(data.validation) == 2000 and dataset.x_test.shape == (2000, 1, 28, 28)
    for labels in (data.labels[data.train], data.labels[data.validation], torch.from_numpy(dataset.y_test)):
        assert (labels.bincount() == len(labels) // 10).all()
    assert dataset.classes[9] == "Ankle boot"
    every = np.concatenate([dataset.x_train, dataset.x_test]).reshape(8000, -1)
    assert len(np.unique(every, axis=0)) == 8000


def test_split_is_disjoint_complete_and_fixed_by_seed(fashion):
    dataset, _ = fashion
    first, again, other = split(dataset, 500, 3), split(dataset, 500, 3), split(dataset, 500, 4)
    assert len(first.validation) == 500 and len(first.train) == 5500
    assert not np.intersect1d(first.train, first.validation).size
    assert np.array_equal(first.validation, again.validation)
    assert not np.array_equal(first.validation, other.validation)


def test_stratified_keeps_proportions_and_every_class():
    labels = np.repeat([0, 1, 2], [90, 9, 1])
    for size in (3, 10, 50, 99, 100):
        chosen = stratified(labels, size, np.random.default_rng(0))
        counts = np.bincount(labels[chosen], minlength=3)
        assert len(np.unique(chosen)) == size and counts.min() >= 1
        assert abs(counts[0] - 0.9 * size) <= 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_train": np.zeros((90, 8, 8))}, "must be uint8"),
        ({"x_train": np.zeros((90, 64), np.uint8)}, "shape"),
        ({"x_train": np.zeros((80, 8, 8), np.uint8)}, "90 labels for 80 images"),
        ({"x_test": np.zeros((30, 9, 9), np.uint8)}, "must be of one size"),
        ({"x_train": np.zeros((90, 4, 4), np.uint8), "x_test": np.zeros((30, 4, 4), np.uint8)}, "sides must be"),
        ({"y_train": np.zeros(90)}, "whole numbers"),
        ({"y_train": np.arange(90) % 3 - 1}, "label -1"),
        ({"y_test": np.full(30, 7)}, "label 7"),
        ({"y_train": np.zeros(90, int), "y_test": np.zeros(30, int)}, "one class"),
        ({"classes": np.array(["a", "b"])}, "2 classes"),
        ({"classes": np.array("a")}, "1 classes"),
        ({"y_train": np.arange(90) % 3 + 10**9}, "labels run from 0"),
    ],
)
def test_mis_shaped_data_are_refused(tmp_path, changes, message):
    path = write_npz(tmp_path / "bad.npz", **changes)
    with pytest.raises(UserError, match=message):
        load(str(path))


def test_unreadable_data_are_refused(tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "part.npz", x_train=np.zeros((3, 8, 8), np.uint8))
    np.savez(tmp_path / "pickle.npz", **dict.fromkeys(("x_train", "y_train", "x_test", "y_test"), np.array([{}])))
    for name, message in (
        ("text", "no NumPy .npz"),
        ("part", "y_train"),
        ("pickle", "other than plain arrays"),
        ("none", "No such file"),
    ):
        with pytest.raises(UserError, match=message):
            load(str(tmp_path / f"{name}.npz"))
    with pytest.raises(UserError, match="did you mean fashion-small"):
        load("fashion-smal")


def test_damaged_archives_are_refused(tmp_path):
    """One byte after another is turned over: each time the data load, or one sentence says why not."""
    good = write_npz(tmp_path / "good.npz").read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for at in rng.integers(0, len(good), 150):
        broken = bytearray(good)
        broken[at] ^= 0xFF
        (tmp_path / "bad.npz").write_bytes(bytes(broken))
        try:
            load(str(tmp_path / "bad.npz"))
        except UserError:
            refused += 1
    assert refused > 100


def test_layouts_of_npz_are_understood(tmp_path):
    colour = np.random.default_rng(0).integers(0, 256, (90, 8, 8, 3), dtype=np.uint8)
    last = load(str(write_npz(tmp_path / "a.npz", x_train=colour, x_test=colour[:30])))
    first = load(
        str(
            write_npz(
                tmp_path / "b.npz", x_train=colour.transpose(0, 3, 1, 2), x_test=colour[:30].transpose(0, 3, 1, 2)
            )
        )
    )
    assert last.shape == (3, 8, 8)
    assert np.array_equal(last.x_train, first.x_train)


def test_a_class_too_small_for_the_split_is_named(tmp_path):
    labels = np.array([0] * 89 + [1])
    dataset = load(str(write_npz(tmp_path / "a.npz", y_train=labels, y_test=np.arange(30) % 2)))
    with pytest.raises(UserError, match="class '1' has 1"):
        split(dataset, None, 0)
    with pytest.raises(UserError, match="does not fit"):
        split(load("fashion-small"), 5999, 0)


def test_network_is_small_and_takes_grey_and_colour():
    assert 25_000 < sum(p.numel() for p in SmallResNet(1, 10).parameters()) < 30_000
    for shape in ((1, 28, 28), (3, 32, 32), (3, 64, 48)):
        dry_forward("small-resnet", shape, 7)
    with pytest.raises(UserError, match="did you mean small-resnet"):
        build("smal-resnet", (1, 28, 28), 10)


def test_scores_by_hand():
    p = torch.tensor([[0.85, 0.15], [0.65, 0.35], [0.25, 0.75]])
    got = scores(p.log(), torch.tensor([0, 1, 1]))
    assert got["accuracy"] == pytest.approx(2 / 3) and got["correct"] == 2
    assert got["loss"] == pytest.approx(-(math.log(0.85) + math.log(0.35) + math.log(0.75)) / 3)
    entropies = [-(a * math.log(a) + (1 - a) * math.log(1 - a)) for a in (0.85, 0.65, 0.75)]
    assert got["entropy"] == pytest.approx(sum(entropies) / 3)
    assert got["ece"] == pytest.approx((0.15 + 0.65 + 0.25) / 3)


def test_balanced_accuracy_is_the_mean_of_the_classes_own():
    """Class 0 right in 3 of 4, class 2 in 0 of 1; class 1 has no images, and does not count."""
    predicted, labels = torch.tensor([0, 0, 0, 2, 1]), torch.tensor([0, 0, 0, 0, 2])
    logits = torch.nn.functional.one_hot(predicted, 3).float()
    got = scores(logits, labels)
    assert got["balanced_accuracy"] == pytest.approx((3 / 4 + 0) / 2) and got["accuracy"] == pytest.approx(3 / 5)


def test_calibration_error_pools_a_bin_before_it_takes_the_difference():
    confidence = torch.tensor([0.75, 0.75, 0.75, 0.75])
    assert expected_calibration_error(confidence, torch.tensor([True, True, True, False])) == pytest.approx(0)
    assert expected_calibration_error(confidence, torch.tensor([True, True, False, False])) == pytest.approx(0.25)
    edge = torch.tensor([0.8, 0.71], dtype=torch.float64)  # both in (0.7, 0.8]
    assert expected_calibration_error(edge, torch.tensor([True, False])) == pytest.approx(abs(1 - 0.8 - 0.71) / 2)


def test_the_same_child_to_the_last_bit(fashion):
    _, data = fashion
    first, again = (child(data, "trivialaugment-wide") for _ in range(2))
    for name in ("accuracy", "loss", "entropy", "ece", "train_loss", "augmented_train_loss", "curve"):
        assert first[name] == again[name]
    assert child(data, "trivialaugment-wide", seed=2)["loss"] != first["loss"]


def test_training_leaves_the_global_generator_alone(fashion):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    child(fashion[1], images=20, epochs=1)
    assert torch.equal(torch.rand(1), expected)


def test_arms_of_a_replicate_share_subset_and_first_weights(fashion):
    """With rate near 0 nothing is learnt: what is measured is the first weights on the subset."""
    _, data = fashion
    a, b = (child(data, policy, rate=1e-12, epochs=1) for policy in ("identity", "flip-crop"))
    assert a["train_accuracy"] == b["train_accuracy"]


def test_a_child_learns_and_reports_everything(fashion):
    got = child(fashion[1], images=300, epochs=12, checkpoints=8)
    assert got["accuracy"] > 0.6
    assert got["correct"] == round(got["accuracy"] * 2000)
    assert [point["epoch"] for point in got["curve"]] == [2, 3, 4, 6, 8, 9, 10, 12]
    assert got["accuracy_gap"] == pytest.approx(got["train_accuracy"] - got["accuracy"])
    assert got["loss_gap"] == pytest.approx(got["loss"] - got["train_loss"])
    assert 0 < got["step_seconds"] + got["augmentation_seconds"] + got["evaluation_seconds"] < got["seconds"]
    assert got["peak_memory_mb"] > 50 and got["images_per_second"] > 0


def test_divergence_is_an_error(fashion):
    with pytest.raises(ChildError, match="diverged: training loss is"):
        child(fashion[1], rate=1e30, epochs=5)


def test_a_loss_that_is_not_finite_in_evaluation_is_no_reward(fashion, monkeypatch):
    import policysearch.child.judgement as judgement

    monkeypatch.setattr(judgement, "scores", lambda *_: {"accuracy": 0.1, "loss": float("nan"), "correct": 1})
    with pytest.raises(ChildError, match="diverged: loss is nan on validation"):
        child(fashion[1], images=20, epochs=1)


@pytest.mark.parametrize(("total", "warmup"), [(40, 0.25), (7, 0.3), (320, 0.25), (5, 0.5), (100, 0.9)])
def test_the_rate_is_torchs_one_cycle(total, warmup):
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.1, total, pct_start=warmup, cycle_momentum=False)
    for step in range(total):
        assert 0.1 * one_cycle(step, total, warmup) == pytest.approx(theirs.get_last_lr()[0], rel=1e-9)
        optimiser.step()
        if step < total - 1:
            theirs.step()


@pytest.mark.parametrize("epochs", range(1, 9))
def test_any_number_of_steps_can_be_trained(fashion, epochs):
    """Torch's own schedule divides by zero at four steps with a quarter of warm-up."""
    assert child(fashion[1], images=20, epochs=epochs)["curve"]


def test_a_batch_of_one_left_over_is_no_trouble(fashion):
    assert child(fashion[1], images=33, epochs=1, batch=16)["curve"]


def test_replicates_have_their_own_seeds():
    seeds = {child_seed(s, r) for s in range(20) for r in [*range(50), 1_000_000]}
    assert len(seeds) == 20 * 51
    assert child_seed(0, 0) == child_seed(0, 0)
