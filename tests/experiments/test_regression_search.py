"""The task regression from a file of images to a policy judged on the test part, under steps that keep numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from policysearch.core.errors import UserError
from policysearch.experiments.evaluation.run import evaluate
from policysearch.experiments.evaluation.settings import EvaluateSettings
from policysearch.experiments.search.report.page import page
from policysearch.experiments.search.result import read_both
from policysearch.experiments.search.run import resume, search
from policysearch.experiments.tabular.plan import Plan
from policysearch.experiments.tabular.record import record_table
from policysearch.export.registry import export_to
from policysearch.policy.policy import Policy
from policysearch.study.config import make_config
from tests.support.command_line import call
from tests.support.quick import config_for
from tests.support.target_data import write_shaded


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_shaded(tmp_path_factory.mktemp("faces") / "faces.npz"))


def test_a_search_resumes_and_its_winner_says_what_keeps_the_numbers(
    faces: str,
    tmp_path: Path,
    quick: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "run"
    search(config_for(folder, task="regression", data=faces, space="colours", trials=6, finalists=1, confirm=2))
    assert resume(folder, trials=8).summaries
    result, material = read_both(folder)
    assert material.background["data"]["chance"] == 0.0 and "classes" not in material.background["data"]
    html = page(material, "they are not shown here")
    assert "R²" in html and "Class by class" not in html
    policy = Policy.load(folder / "policy.json")
    assert policy.about["task"] == "regression" and "brightness" in policy.about["keeps"]
    assert set(result.verdict.differences) <= {"identity"}
    code, output, _ = call(monkeypatch, capsys, "show", str(folder))
    assert code == 0 and "R²" in output
    assert export_to(policy, "torchvision", tmp_path / "own.py", allow_loss=False, force=False)[1] == []


def test_a_table_is_recorded(faces: str, tmp_path: Path, quick: None) -> None:
    config = config_for(tmp_path / "t", task="regression", data=faces, space="colours")
    assert record_table(config, Plan(fidelities="30x1", seeds=1, arms=4), tmp_path / "table.parquet").pulls == 4


@pytest.mark.slow
def test_a_search_and_an_evaluation_with_trainings(faces: str, tmp_path: Path) -> None:
    small = {"task": "regression", "data": faces, "epochs": 1, "workers": 0, "model": "quick-resnet", "images": 40}
    settings = {**small, "space": "colours", "trials": 3, "confirm": 1, "finalists": 1, "reward": "-mae"}
    search(make_config({**settings, "out": str(tmp_path / "run")}))
    light = {"sub_policies": [{"steps": [{"operation": "brightness", "magnitude": 0.2}]}]}
    Policy.from_dict({**light, "name": "light", "about": {"keeps": ["brightness"]}}).save(tmp_path / "light.json")
    evaluate(str(tmp_path / "light.json"), EvaluateSettings(seeds=2), {**small, "out": str(tmp_path / "test")})
    text = (tmp_path / "test" / "evaluation.md").read_text(encoding="utf-8")
    assert "R²" in text and "MAE" in text and "ECE" not in text
    document = json.loads((tmp_path / "test" / "evaluation.json").read_text(encoding="utf-8"))
    assert set(document["policies"]) == {"light", "identity"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "space default: .* 'softening', which does not go with --task regression: .*: take it out"),
        (
            {"space": "randaugment"},
            "space randaugment: .* nothing says that it keeps the numbers .* or give --space colours",
        ),
        ({"space": "colours", "data": "fashion-small"}, "--task regression needs the numbers of every image"),
        ({"space": "colours", "reward": "macro-f1"}, "macro-f1 is a metric of --task"),
    ],
)
def test_bad_input_is_found_before_anything_is_written(
    faces: str, tmp_path: Path, quick: None, changes: dict[str, str], sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        search(config_for(tmp_path / "none", **{"task": "regression", "data": faces, **changes}))
    assert not (tmp_path / "none").exists()


def test_what_an_evaluation_compares_with_must_keep_the_numbers_too(faces: str, tmp_path: Path) -> None:
    values = {"task": "regression", "data": faces, "workers": 0, "out": str(tmp_path / "none")}
    with pytest.raises(UserError, match="flip-crop has flip-horizontal, and nothing says"):
        evaluate("identity", EvaluateSettings(against="identity,flip-crop"), values)
    assert not (tmp_path / "none").exists()
