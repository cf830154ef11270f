"""The test part: what is measured on it, by hand, and that nothing but an evaluation can read it."""

from __future__ import annotations

import ast
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import policysearch
from policysearch.child.device_data import on_device
from policysearch.child.metrics import scores
from policysearch.child.occlusion import SHARES, cover, occluded
from policysearch.child.recipe import Recipe
from policysearch.child.test_set import Exam
from policysearch.core.trial import Trial
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.load import load, opened
from policysearch.datasets.split import split
from policysearch.experiments.comparison.run import compare
from policysearch.experiments.comparison.settings import CompareSettings
from policysearch.experiments.search.run import search
from policysearch.experiments.tabular.plan import Plan
from policysearch.experiments.tabular.record import record_table
from policysearch.policy.presets import preset
from tests.support.quick import config_for, write_npz
from workers.evaluate import ChildSetup

CORNERS = torch.tensor([[0.0, 0.0], [1 - 1e-9, 1 - 1e-9], [0.3, 0.9]], dtype=torch.float64)


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (32, 48), (9, 31)])
def test_a_patch_hides_its_share_exactly(size):
    for share in (*SHARES, 1.0, 0.137):
        hidden = cover(*size, share, CORNERS)
        assert hidden.sum((1, 2)).tolist() == pytest.approx([share * size[0] * size[1]] * 3)
        assert hidden.min() >= 0 and hidden.max() <= 1


def test_a_patch_by_hand():
    """A quarter of 4×4: a square of side 2, its corner at 0.5 · (4 - 2) = 1; and a side of 1.5 pixels at 0."""
    hidden = cover(4, 4, 0.25, torch.tensor([[0.5, 0.5]], dtype=torch.float64))[0]
    expected = torch.zeros(4, 4, dtype=torch.float64)
    expected[1:3, 1:3] = 1
    assert torch.equal(hidden, expected)
    part = cover(3, 3, 0.25, torch.zeros(1, 2, dtype=torch.float64))[0]
    assert part.tolist() == [[1, 0.5, 0], [0.5, 0.25, 0], [0, 0, 0]]


def test_a_patch_is_square_on_square_images_and_every_place_is_alike():
    """40,000 places, seed 0: the mean cover is symmetric; 0.02 is 8 standard errors of a pixel's mean."""
    places = torch.rand(40_000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    hidden = cover(8, 8, 0.4, places)
    assert ((hidden.amax(2) > 0).sum(1) == (hidden.amax(1) > 0).sum(1)).float().mean() > 0.5
    mean = hidden.mean(0)
    assert torch.allclose(mean, mean.flip(0), atol=0.02) and torch.allclose(mean, mean.T, atol=0.02)
    seen = occluded(torch.ones(3, 2, 8, 8), 0.4, CORNERS)
    assert seen.mean((1, 2, 3)).tolist() == pytest.approx([0.6] * 3) and seen.dtype == torch.float32


def test_calibration_in_fifteen_bins_by_hand():
    """Confidences .62 (right) and .65 (wrong) share the bin (.6, .667]: |1 - 1.27| / 2; ten bins agree here, and tell
    .62 and .68 (both in (.6, .7]) apart from fifteen, which have them in two."""

    def ece(first: float, second: float, bins: int) -> float:
        p = torch.tensor([[first, 1 - first], [second, 1 - second]], dtype=torch.float64)
        return scores(p.log(), torch.tensor([0, 1]), bins)["ece"]

    assert ece(0.62, 0.65, 15) == pytest.approx(0.27 / 2) == ece(0.62, 0.65, 10)
    assert ece(0.62, 0.68, 10) == pytest.approx(0.30 / 2) and ece(0.62, 0.68, 15) == pytest.approx((0.38 + 0.68) / 2)


@pytest.fixture
def dataset(npz) -> Dataset:
    return load(str(npz))


def test_an_exam_by_hand(dataset):
    """A network that answers with the class of the brightest of three pixels."""
    data = on_device(dataset, split(dataset, None, 0), torch.device("cpu"))
    exam = Exam.of(dataset, torch.device("cpu"), batch=7)
    weights = torch.zeros(64, 3)
    weights[[9, 27, 45], [0, 1, 2]] = 1
    logits = lambda inputs: inputs.flatten(1) @ weights  # noqa: E731
    got = exam(data, logits, seed=5)
    pixels = dataset.x_test[:, 0].reshape(30, 64)[:, [9, 27, 45]].astype(float)
    answers = pixels.argmax(1)
    assert got["test_accuracy"] == pytest.approx(np.mean(answers == dataset.y_test))
    assert got["test_accuracy_occluded_0"] == got["test_accuracy"] and got["test_images"] == 30
    assert got["test_correct"] == round(30 * got["test_accuracy"])
    whole = scores(logits(data.normalise(exam.images)), exam.labels, 15)
    assert got["test_ece"] == pytest.approx(whole["ece"]) and got["test_loss"] == pytest.approx(whole["loss"])
    assert exam(data, logits, seed=5) == got
    assert {name for name in got if "occluded" in name} == {
        f"test_accuracy_occluded_{share}" for share in (0, 20, 40, 60, 80)
    }


def test_patches_lie_alike_for_all_policies_of_a_replicate(dataset):
    """What the network sees depends on the seed and the share alone."""
    data = on_device(dataset, split(dataset, None, 0), torch.device("cpu"))
    exam = Exam.of(dataset, torch.device("cpu"), batch=30)

    def seen(seed: int) -> list[torch.Tensor]:
        out = []
        exam(data, lambda inputs: out.append(inputs) or inputs.flatten(1)[:, :3], seed)
        return out

    first, again, other = seen(1), seen(1), seen(2)
    assert len(first) == len(SHARES) and all(map(torch.equal, first, again))
    assert torch.equal(first[0], other[0]) and not torch.equal(first[1], other[1])


class Guarded(Dataset):
    """A data set whose test part must not be read."""

    def __getattribute__(self, name: str) -> object:
        if name in ("x_test", "y_test"):
            raise AssertionError("the test part was read")
        return super().__getattribute__(name)


def guarded(dataset: Dataset) -> Dataset:
    return Guarded(**vars(dataset))


def trial(policy: str = "identity") -> Trial:
    return Trial(0, "key", preset(policy).to_json(indent=None), 0, 5, images=30, epochs=1)


def setup(data: Dataset, **told: bool) -> ChildSetup:
    return ChildSetup(data, None, 0, "small-resnet", Recipe(), "cpu", **told)


def test_a_child_is_examined_only_where_its_worker_was_set_up_for_it(dataset):
    plain, examined = (setup(dataset, **told)()(trial()) for told in ({}, {"test": True}))
    assert not [name for name in plain if name.startswith("test_")]
    same = {name for name in plain if "seconds" not in name and name not in ("images_per_second", "peak_memory_mb")}
    assert all(plain[name] == examined[name] for name in same), "the exam changed the training"
    assert examined["test_images"] == 30 and math.isfinite(examined["test_loss"])
    assert setup(guarded(dataset))()(trial())["accuracy"] == plain["accuracy"]
    with pytest.raises(AssertionError, match="test part was read"):
        setup(guarded(dataset), test=True)()


def test_the_test_part_stays_at_home(dataset):
    sent = dataset.portable()
    assert not len(sent.x_test) and not len(sent.y_test) and np.array_equal(sent.x_train, dataset.x_train)
    told = dataset.portable(test=True)
    assert np.array_equal(told.x_test, dataset.x_test) and np.array_equal(told.y_test, dataset.y_test)


@pytest.fixture
def no_test_part(monkeypatch):
    """Whatever opens data gets them guarded."""
    for module in ("policysearch.experiments.session_data", "policysearch.experiments.comparison.live"):
        monkeypatch.setattr(f"{module}.load", lambda *told, **needs: guarded(load(*told, **needs)))
    monkeypatch.setattr("workers.evaluate.opened", lambda handle: guarded(opened(handle)))
    monkeypatch.setattr("policysearch.experiments.search.run.write_picture", lambda *_: None)
    monkeypatch.setattr("policysearch.experiments.search.run.write_page", lambda *_: None)


def test_search_record_and_compare_never_read_the_test_part(no_test_part, npz, tmp_path):
    space = tmp_path / "small.toml"
    space.write_text('schema = 1\nbaselines = ["identity"]\n')
    told = {"data": str(npz), "space": str(space), "trials": 5, "images": 30, "confirm": 1}
    result = search(config_for(tmp_path / "run", **told))
    assert result.policy is not None
    table = record_table(config_for(tmp_path / "t", **told), Plan(fidelities="30x1", seeds=1), tmp_path / "t.parquet")
    assert (table.pulls, table.failed) == (4, 0)
    settings = CompareSettings(strategies="random", pulls="4", runs=1, sensitivity=0)
    compare(settings, tmp_path / "cmp", config=config_for(tmp_path / "c", **told))


MAY_NAME_IT = (
    "policysearch/datasets/",
    "policysearch/child/test_set.py",
    "policysearch/child/self_supervised/rotations.py",
    "policysearch/child/text_lines/exam.py",
    "policysearch/child/segmentation/exam.py",
    "policysearch/child/targets/exam.py",
    "policysearch/child/user_training/data.py",  # handed on where an evaluation asked for it
    "policysearch/experiments/evaluation/ledger.py",
)
ONLY_COUNT = (
    "policysearch/reports/preview/data_sheet.py",
    "policysearch/reports/preview/mask_sheet.py",
    "policysearch/service/uploads/checker.py",
    "policysearch/experiments/evaluation/run.py",
    "policysearch/experiments/evaluation/pinned.py",
    "policysearch/experiments/tta/run.py",
    "policysearch/experiments/tta/pinned.py",
)  # labels and masks alone


MAKE_AN_EXAM = (
    "policysearch/child/trainers.py",
    "policysearch/child/self_supervised/rotations.py",
    "policysearch/experiments/tta/judge.py",  # after the choice is in its file and in the ledgers
)


def sources():
    root = Path(policysearch.__file__).parent.parent
    for package in ("policysearch", "workers", "search_spaces"):
        for path in (root / package).rglob("*.py"):
            yield path.relative_to(root).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def test_only_an_evaluation_names_the_test_part_or_lets_workers_have_it():
    for path, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in ("x_test", "y_test", "masks_test"):
                counted = path in ONLY_COUNT and node.attr != "x_test"
                assert counted or path.startswith(MAY_NAME_IT), (path, node.lineno)
            if isinstance(node, ast.keyword) and node.arg == "test":
                allowed = path.startswith("policysearch/experiments/evaluation/") or ast.unparse(node.value) == "False"
                # A session hands on what its experiment asked for; it cannot ask itself.
                allowed |= path == "policysearch/experiments/session.py" and ast.unparse(node.value) == "test"
                assert allowed, (path, node.value.lineno)
            if isinstance(node, ast.Attribute) and ast.unparse(node) == "Exam.of":
                assert path in MAKE_AN_EXAM, path
            if isinstance(node, ast.Attribute) and node.attr == "exam":
                assert path == "workers/evaluate.py", path


def test_data_without_a_test_part_have_one_set_aside(tmp_path):
    arrays = dict(np.load(write_npz(tmp_path / "a.npz")))
    np.savez(tmp_path / "b.npz", x_train=arrays["x_train"], y_train=arrays["y_train"])
    dataset = load(str(tmp_path / "b.npz"))
    assert len(dataset.y_test) == 18 and "set aside" in dataset.warnings[0]
    exam = Exam.of(replace(dataset), torch.device("cpu"), 8)
    assert len(exam.labels) == 18
