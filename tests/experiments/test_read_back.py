"""Pages of evaluations and comparisons that are made again from what their folders hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from policysearch.cli.result_folder import write_page_of
from policysearch.core.errors import UserError
from policysearch.experiments.comparison.files import read_comparison, write_json
from policysearch.experiments.comparison.run import _save_runs
from policysearch.experiments.comparison.statistics import summary
from policysearch.experiments.evaluation.files import as_json, read_evaluation
from policysearch.experiments.evaluation.report import page, write_page
from policysearch.experiments.evaluation.run import Evaluated
from policysearch.reports.html.theme import STYLESHEET
from tests.support.comparisons import CASES, html
from tests.support.evaluations import QuickExam, run
from tests.support.html_pages import must_be_accessible, must_need_nothing, read
from tests.support.quick import write_npz


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory) -> Iterator[Evaluated]:
    folder = tmp_path_factory.mktemp("evaluations")
    write_npz(folder / "small.npz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("policysearch.experiments.evaluation.files.write_plot", lambda *_: None)
        patch.setattr("policysearch.experiments.evaluation.summary._DEALS", 20)
        patch.setattr("workers.evaluate.ChildSetup", QuickExam)
        yield run(folder / "e", against="identity,trivialaugment-wide,randaugment-grid")


def test_an_evaluation_is_read_back_as_it_was(evaluated):
    found = read_evaluation(evaluated.folder)
    assert json.dumps(as_json(found)) == json.dumps(as_json(evaluated.summary))
    assert found.sentence == evaluated.summary.sentence
    for name, values in evaluated.summary.measured.values.items():
        assert np.array_equal(found.measured.values[name], values, equal_nan=True)


def test_the_page_of_an_evaluation_says_it_all(evaluated, tmp_path):
    write_page(evaluated.summary, evaluated.folder, tmp_path / "first.html")
    told = write_page_of(evaluated.folder, None, False)
    assert told.name == "evaluation.html" and told.read_bytes() == (tmp_path / "first.html").read_bytes()
    found = read(told.read_text(encoding="utf-8"))
    must_need_nothing(found)
    must_be_accessible(found)
    text = "".join(found.text).replace(STYLESHEET, "")
    assert text.index(evaluated.summary.sentence) < text.index("Test accuracy")
    for word in ("Null check", "The test part was read once", "typed", "soft-crop minus", *evaluated.summary.cautions):
        assert word in text
    assert len(found.values("svg", "role")) == 3 and "nan" not in text.split()


def test_a_name_that_is_markup_is_text_in_an_evaluation(evaluated, tmp_path):
    odd = "<script>alert(1)</script>"
    text = (evaluated.folder / "evaluation.json").read_text(encoding="utf-8")
    (tmp_path / "evaluation.json").write_text(text.replace("soft-crop", odd), encoding="utf-8")
    told = page(read_evaluation(tmp_path), [{"when": odd, "policies": [odd], "seeds": 3}])
    must_need_nothing(read(told))
    assert told.count("<script") == 1 and odd in "".join(read(told).text)


@pytest.mark.parametrize("change", [{"policies": ["x"]}, {"metrics": {}}, {"verdict": None}, {"about": {}}])
def test_a_damaged_evaluation_is_told_of(evaluated, change, tmp_path):
    told = json.loads((evaluated.folder / "evaluation.json").read_text(encoding="utf-8"))
    (tmp_path / "evaluation.json").write_text(json.dumps({**told, **change}))
    with pytest.raises(UserError, match="is damaged"):
        write_page_of(tmp_path, None, False)
    assert [path.name for path in tmp_path.iterdir()] == ["evaluation.json"]


@pytest.mark.parametrize("case", ["whole", "one run"])
def test_a_comparison_gives_the_same_page_again(case, tmp_path):
    comparison = CASES[case]
    write_json(summary(comparison), comparison, tmp_path / "compare.json")
    _save_runs(comparison, tmp_path / "runs.npz")
    again = read_comparison(tmp_path)
    for old, new in zip((*comparison.runs, *comparison.sensitivity), (*again.runs, *again.sensitivity), strict=True):
        assert old.strategy == new.strategy and np.array_equal(old.picks, new.picks)
    assert write_page_of(tmp_path, None, False).read_text(encoding="utf-8") == html(case)


def test_a_comparison_without_its_runs_keeps_its_page(tmp_path):
    """As published ones are handed on."""
    comparison = CASES["one strategy"]
    write_json(summary(comparison), comparison, tmp_path / "compare.json")
    with pytest.raises(UserError, match=r"runs.npz cannot be read"):
        write_page_of(tmp_path, Path(tmp_path / "copy.html"), False)
    (tmp_path / "compare.html").write_text(html("one strategy"), encoding="utf-8")
    assert write_page_of(tmp_path, tmp_path / "copy.html", False).read_text(encoding="utf-8") == html("one strategy")
    assert write_page_of(tmp_path, None, False).read_text(encoding="utf-8") == html("one strategy")
