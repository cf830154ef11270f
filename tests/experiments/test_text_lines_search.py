"""The task text-lines from a folder of images to a policy that is judged on the test part."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from PIL import Image

from policysearch.core.errors import UserError
from policysearch.experiments.evaluation.run import evaluate
from policysearch.experiments.evaluation.settings import EvaluateSettings
from policysearch.experiments.search.run import search
from policysearch.study.config import SearchConfig, make_config
from tests.support.line_children import HEIGHT, PER_LETTER, WIDTH, drawn, small_lines

SMALL = {"epochs": 2, "workers": 0, "trials": 1, "confirm": 1, "finalists": 1, "images": 24, "resize": "8x32"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Lines of 1 to 4 letters as a person has them: cut to their width, in folders of parts."""
    dataset = small_lines()
    for part, texts in (("train", dataset.texts_train), ("test", dataset.texts_test)):
        path = tmp_path / "lines" / part
        path.mkdir(parents=True)
        for i, text in enumerate(texts):
            Image.fromarray(drawn(text)[0, :, : PER_LETTER * len(text)]).save(path / f"{i}.png")
        with (path / "labels.csv").open("w", newline="", encoding="utf-8") as table:
            csv.writer(table).writerows([("file", "text"), *((f"{i}.png", text) for i, text in enumerate(texts))])
    return tmp_path / "lines"


def _settings(folder: Path, out: Path, **changes: object) -> SearchConfig:
    return make_config({"task": "text-lines", "data": str(folder), "out": str(out), **SMALL, **changes})


def test_a_search(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policysearch.experiments.search.run.write_picture", lambda *_: None)
    search(_settings(folder, tmp_path / "found"))
    summary = json.loads((tmp_path / "found" / "summary.json").read_text(encoding="utf-8"))
    with (tmp_path / "found" / "trials.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["complete"] * (1 + 4)
    assert {"identity", "tia", "randaugment-lines"} <= {row["policy"] for row in rows}
    assert all(0 <= float(row["character_accuracy"]) <= 1 for row in rows)
    assert "word accuracy" in json.dumps(summary) and "classes" not in summary["brief"]["opening"][1]


@pytest.mark.slow
def test_an_evaluation(folder: Path, tmp_path: Path) -> None:
    fixed = EvaluateSettings(seeds=2, against="identity,tia")
    evaluate("randaugment-lines", fixed, {**_settings(folder, tmp_path / "test").model_dump()})
    page = (tmp_path / "test" / "evaluation.md").read_text(encoding="utf-8")
    assert "character" in page and "ECE" not in page


def test_the_defaults_of_the_task_are_those_of_lines() -> None:
    config = SearchConfig(task="text-lines")
    assert (config.data, config.model, config.space, config.aspect) == (
        "text-lines-small",
        "line-crnn",
        "text-lines",
        "line",
    )
    assert (config.images, config.epochs, SearchConfig().epochs) == (500, 25, 80)


def test_bad_input_is_found_before_anything_is_written(folder: Path, tmp_path: Path) -> None:
    for changes, sentence in (
        ({"resize": f"{HEIGHT}x{WIDTH // 4}"}, "too small for their texts"),
        ({"model": "small-resnet"}, "'small-resnet' gives float32"),
        ({"reward": "ece"}, "ece"),
        ({"recipe": {"label_smoothing": 0.1}}, "label"),
        ({"space": "mixes"}, "does not go with --task text-lines"),
    ):
        with pytest.raises(UserError, match=sentence):
            search(_settings(folder, tmp_path / "none", **changes))
        assert not (tmp_path / "none" / "study.db").exists()
