"""Every Python block of the README and of the guide is executed, page by page, on small data."""

from __future__ import annotations

import json
import linecache
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from policysearch.augmentation.kernels.registry import KERNELS
from policysearch.experiments.search.run import search
from policysearch.policy.operations import OPERATIONS
from policysearch.rules import History
from tests.support.command_line import call
from tests.support.evaluations import QuickExam
from tests.support.markdown import ROOT, file_name, python_pages, words_of
from tests.support.quick import config_for, write_npz

NEEDS = {
    "README": ["export results/2026-11-21_first-search --to torchvision"],
    "export": [
        "export soft-crop --to torchvision -o soft_policy.py",
        "export randaugment:2,9 --to albumentations -o augmentation_albumentations.py --allow-loss",
    ],
    "export-dali": ["export trivialaugment-wide --to dali -o augmentation_dali.py --allow-loss"],
    "export-keras-jax": [
        "export randaugment:2,9 --to keras -o augmentation_keras.py",
        "export soft-crop --to jax -o soft_policy_jax.py",
    ],
    "pairs": ["export simsiam-sa1 --to torchvision -o learned_pairs.py"],
}
"""Commands of the page that come first."""
EXPORTED = (
    *("learned_policy", "soft_policy", "augmentation_albumentations", "learned_pairs"),
    *("augmentation_keras", "soft_policy_jax", "augmentation_dali"),
)
LIBRARIES = {
    "export": ("timm", "albumentations"),
    "export-keras-jax": ("keras", "jax"),
    "export-dali": ("nvidia.dali",),
}
"""What the blocks of a page import besides this program."""
ELSEWHERE = {"own-study", "remote", "online", "tta", "export-training", "your-training", "trainers"}
"""Pages whose blocks are run in tests/study/test_tune.py, where Ray is, in tests/client/test_guide.py, in
tests/experiments/test_online.py, test_tta.py and test_user_training.py, where networks are trained, and in
tests/export/test_training_guide.py."""


@pytest.fixture
def folder(tmp_path, monkeypatch, quick):
    """A folder with the published search; trainings are stand-ins."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("workers.evaluate.ChildSetup", QuickExam)
    monkeypatch.setattr("policysearch.experiments.evaluation.files.write_plot", lambda *_: None)
    monkeypatch.setattr("policysearch.experiments.evaluation.run.write_page", lambda *_: None)
    monkeypatch.setattr("policysearch.experiments.evaluation.summary._DEALS", 20)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "2026-11-21_first-search").symlink_to(ROOT / "results" / "2026-11-21_first-search")
    return tmp_path


def make_run(tmp_path: Path) -> None:
    """A finished run, `results/mine`, whose policy has a loss."""
    write_npz(tmp_path / "small.npz")
    search(config_for(tmp_path / "results" / "mine", data=str(tmp_path / "small.npz")))
    path = tmp_path / "results" / "mine" / "policy.json"
    policy = json.loads(path.read_text())
    policy["about"]["loss"] = {"kind": "online-label-smoothing"}
    path.write_text(json.dumps(policy))


def in_this_process(text: str) -> str:
    """The snippet without worker processes."""
    return text.replace("workers=2", "workers=0").replace('"workers": 2', '"workers": 0')


def executed(page: str, texts: list[str], folder: Path) -> dict[str, object]:
    """The names that a page's blocks leave, run one after another as a program that is started."""
    names: dict[str, object] = {"__name__": "__main__"}
    for number, text in enumerate(texts):
        name = file_name(text)
        if name is not None:
            (folder / name).write_text(text)
        source, file = in_this_process(text), f"<{page}-{number}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)  # DALI reads its functions
        exec(compile(source, file, "exec"), names)
    return names


@pytest.mark.parametrize("page", sorted(set(python_pages()) - ELSEWHERE))
def test_every_block_runs(page, folder, monkeypatch, capsys):
    before = set(OPERATIONS)
    # Tests of exports leave files of theirs imported under these names; monkeypatch puts them back.
    for module in EXPORTED:
        monkeypatch.delitem(sys.modules, module, raising=False)
    if "results/mine" in "".join(python_pages()[page]):
        make_run(folder)
    for line in NEEDS.get(page, ()):
        assert call(monkeypatch, capsys, *words_of(line))[0] == 0
    for library in LIBRARIES.get(page, ()):
        pytest.importorskip(library)
    try:
        names = executed(page, python_pages()[page], folder)
        assert CHECKS[page](names)
    finally:
        for name in set(OPERATIONS) - before:
            OPERATIONS.pop(name)
            KERNELS.pop(name)
        for module in EXPORTED:
            sys.modules.pop(module, None)


def rule_is_good(names: dict) -> bool:
    """Against three arms of which the second is the best, the rule of the guide ends there."""
    rng = np.random.default_rng(0)
    history = History(*(np.array(values) for values in PULLED))
    return names["choose"](history, rng) == 1


PULLED = ([2.0, 2, 2], [1.0, 1.8, 1.2], [0.5, 1.62, 0.72], [0.0, 0, 0], [0.0, 0, 0], [0.0, 0, 0], [0.0, 0, 0])
CHECKS = {
    "adaptive": lambda names: bool((names["shares"] >= 0).all()) and names["policy"].adaptive.warmup == 0.1,
    "README": lambda names: names["image"].shape == (3, 32, 32) and names["image"].dtype == torch.float32,
    "class-policies": lambda names: [*names["digits"].classes] == ["6", "9"],
    "data": lambda names: names["function"]()["x_train"].shape == (90, 16, 16),
    "evaluate": lambda names: "n = 10" in names["result"].summary.sentence,
    "export": lambda names: names["value"] > 0 and names["same"] and names["shapes"] == [(50, 32, 32, 3)] * 2,
    "export-dali": lambda names: names["augmented"].shape == (16, 32, 32, 3),
    "export-keras-jax": lambda names: (
        len(names["trained"].history["loss"]) == 1
        and names["plain"].shape == (64, 32, 32, 3)
        and names["batch"][1].shape == (64, 10)
    ),
    "extending": lambda names: names["choose"](History(*map(np.array, PULLED)), np.random.default_rng(0)) == 1,
    "getting-started": lambda names: names["batch"].targets.shape == (8, 10),
    "losses": lambda names: names["policy"].about["loss"]["kind"] == "online-label-smoothing",
    "multi-label": lambda names: names["batch"].targets.shape == (8, 5) and bool((names["batch"].targets <= 1).all()),
    "networks": lambda names: names["two_layers"](3, 10, 8, 8)(torch.zeros(2, 3, 8, 8)).shape == (2, 10),
    "operations": lambda names: "checkered" in OPERATIONS and names["left"](None, 1.0) == 0.75,
    "pairs": lambda names: (
        abs(float(names["weights"].mean()) - 1) < 1e-6 and names["value"] > 0 and len(names["iou"]) == 64
    ),
    "policies": lambda names: torch.equal(names["again"].images, names["out"].images),
    "python": lambda names: names["result"].verdict is not None,
    "regression": lambda names: 10 <= float(names["batch"].targets.min()) < float(names["batch"].targets.max()) <= 40,
    "rewards": lambda names: names["careful"]({"accuracy": 0.8, "accuracy_gap": 0.1}) == 0.8 - 0.01,
    "segmentation": lambda names: names["images"].shape == (8, 3, 32, 32) and int(names["masks"].max()) == 255,
    "statistics-in-words": lambda names: (
        round(names["spread_of_one"], 1) == 1.5 and round(names["spread_of_the_difference"], 1) == 0.3
    ),
    "strategies": rule_is_good,
    "tasks": lambda names: names["config"].model == "line-crnn" and names["config"].trials == 30,
    "text-operations": lambda names: names["texts"] == ("o", "io") and names["images"].shape == (2, 1, 16, 64),
}
"""What must be true after the blocks of a page."""


def test_every_page_with_python_is_checked():
    assert set(CHECKS) | ELSEWHERE == set(python_pages())


def test_a_block_that_is_wrong_is_caught(folder):
    with pytest.raises(ImportError, match="serach"):
        executed("planted", ["from policysearch import serach"], folder)
