"""The task multi-label from a file of images to a policy that is judged on the test part, and exported."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

import policysearch
import search_spaces
from policysearch.core.errors import UserError
from policysearch.core.tasks import TASKS
from policysearch.experiments.evaluation.run import evaluate
from policysearch.experiments.evaluation.settings import EvaluateSettings
from policysearch.experiments.search.report.page import page
from policysearch.experiments.search.result import read_both
from policysearch.experiments.search.run import resume, search
from policysearch.experiments.tabular.plan import Plan
from policysearch.experiments.tabular.record import record_table
from policysearch.experiments.tabular.table_file import load_table
from policysearch.experiments.task_checks import space_must_suit_task
from policysearch.export.registry import export_to
from policysearch.policy.mixes import Mix
from policysearch.policy.policy import Policy
from policysearch.policy.space_files import load_space
from policysearch.study.config import SearchConfig, make_config
from tests.support.command_line import call
from tests.support.quick import config_for
from tests.support.target_data import write_marked

SMALL = {"epochs": 1, "workers": 0, "trials": 1, "confirm": 1, "finalists": 1, "images": 30, "model": "quick-resnet"}


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_marked(tmp_path_factory.mktemp("marked") / "marked.npz"))


def _settings(data: str, out: Path, changes: Mapping[str, object] = MappingProxyType({})) -> SearchConfig:
    return make_config({"task": "multi-label", "data": data, "out": str(out), **SMALL, **changes})


@pytest.mark.slow
def test_a_search_from_images_to_a_report(marked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policysearch.experiments.search.run.write_picture", lambda *_: None)
    folder = tmp_path / "found"
    search(_settings(marked, folder, {"reward": "accuracy+0.5*macro-f1"}))
    with (folder / "trials.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["complete"] * (1 + 5)
    assert {"identity", "flip-crop", "trivialaugment-wide"} <= {row["policy"] for row in rows}
    assert all(0 <= float(row[name]) <= 1 for row in rows for name in ("accuracy", "macro_f1", "exact_match"))


def test_resume_and_report_have_the_words_of_labels(
    marked: str,
    tmp_path: Path,
    quick: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "run"
    search(config_for(folder, task="multi-label", data=marked, trials=6, finalists=1, confirm=2))
    assert resume(folder, trials=8).summaries
    result, material = read_both(folder)
    assert material.background["data"]["chance"] == pytest.approx(0.4, abs=0.15)
    assert "classes" not in material.background["data"]
    html = page(material, "they are not shown here")
    assert "mean average precision" in html and "Class by class" not in html and "Calibration" not in html
    assert result.policy is not None and result.policy.about["task"] == "multi-label"
    code, output, _ = call(monkeypatch, capsys, "show", str(folder))
    assert code == 0 and "mean average precision" in output


def test_a_table_is_recorded_and_read_back(marked: str, tmp_path: Path, quick: None) -> None:
    path = tmp_path / "table.parquet"
    config = config_for(tmp_path / "t", task="multi-label", data=marked)
    assert record_table(config, Plan(fidelities="30x1", seeds=1, arms=5), path).pulls == 5
    assert load_table(path).task == "multi-label"


@pytest.mark.slow
def test_an_evaluation(marked: str, tmp_path: Path) -> None:
    fixed = EvaluateSettings(seeds=2, against="identity,flip-crop")
    evaluate("soft-crop", fixed, {**_settings(marked, tmp_path / "test").model_dump()})
    text = (tmp_path / "test" / "evaluation.md").read_text(encoding="utf-8")
    assert "mean average precision" in text and "exact match" in text and "ECE" not in text
    document = json.loads((tmp_path / "test" / "evaluation.json").read_text(encoding="utf-8"))
    assert document["about"]["test_images"] == 30
    assert (tmp_path / "test" / "evaluation.html").exists()


def test_a_test_part_without_labels_is_refused_before_anything_is_trained(marked: str, tmp_path: Path) -> None:
    with np.load(marked) as file:
        arrays = dict(file)
    np.savez(tmp_path / "unmarked.npz", **{**arrays, "y_test": np.zeros_like(arrays["y_test"])})
    settings = _settings(str(tmp_path / "unmarked.npz"), tmp_path / "test").model_dump()
    with pytest.raises(UserError, match="no test image has a label, so that nothing can be judged by them"):
        evaluate("flip-crop", EvaluateSettings(seeds=2, against="identity"), settings)
    assert not (tmp_path / "test").exists()


@pytest.mark.parametrize("name", ["default", "mixes"])
def test_the_shipped_spaces_of_images_suit_labels_but_for_maps_of_classes(name: str) -> None:
    space = load_space(name, TASKS["multi-label"].fixed)
    if "snapmix" not in search_spaces.text(name):
        space_must_suit_task("multi-label", space)
        return
    with pytest.raises(UserError, match=r"has 'snapmix', which does not go with --task multi-label: it needs activ"):
        space_must_suit_task("multi-label", space)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"data": "fashion-small"}, "--task multi-label needs the labels of every image"),
        ({"reward": "ece"}, "ece is a metric of --task classification"),
        ({"recipe": {"label_smoothing": 0.1}}, "--label-smoothing 0.1 does not go with --task multi-label"),
        ({"space": "pairs"}, "'pair', which does not go with --task multi-label"),
        ({"space": "losses"}, "has a loss, which does not go with --task multi-label"),
        ({"model": "line-crnn"}, "reads lines"),
        ({"images": 5000}, r"training images of marked\), got 5000"),
    ],
)
def test_bad_input_is_found_before_anything_is_written(
    marked: str, tmp_path: Path, changes: dict[str, object], sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        search(_settings(marked, tmp_path / "none", changes))
    assert not (tmp_path / "none").exists()


def test_exported_code_leaves_out_targets_that_are_of_one_class(tmp_path: Path) -> None:
    content = {"sub_policies": [{"steps": [{"operation": "rotate", "magnitude": 9.0}]}], "softening": {"k": 2.0}}
    policy = Policy.from_dict({**content, "about": {"task": "multi-label"}})
    with pytest.raises(UserError, match=r"one class per image, and the policy is of --task multi-label"):
        export_to(policy, "torchvision", tmp_path / "own.py", allow_loss=False, force=False)
    path, lost = export_to(policy, "torchvision", tmp_path / "own.py", allow_loss=True, force=False)
    assert len(lost) == 1 and "SoftLearnedPolicy" not in path.read_text()
    mixing = policy.model_copy(update={"mix": Mix(operation="mixup")})
    with pytest.raises(UserError, match=r"nothing of this policy is left for collate: mixes and softening"):
        export_to(mixing, "collate", tmp_path / "mix.py", allow_loss=True, force=False)
    assert export_to(policy, "json", tmp_path / "own.json", allow_loss=False, force=False)[1] == []


def test_labels_are_softened_from_python() -> None:
    assert policysearch.augment_targets.__module__ == "policysearch.augmentation.targets"
