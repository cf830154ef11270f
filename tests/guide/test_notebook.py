"""The notebook of docs/ runs from data to a trained network, and the pages are made of what it says."""

from __future__ import annotations

import json
import re
import sys
from importlib import import_module

import pytest

from tests.support.markdown import ROOT

NOTEBOOK = json.loads((ROOT / "docs" / "first_search.ipynb").read_text(encoding="utf-8"))


def pictures(cells: list[dict]) -> int:
    return sum("image/png" in output.get("data", {}) for cell in cells for output in cell.get("outputs", []))


def printed(cells: list[dict]) -> str:
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return "".join("".join(output["text"]) for output in outputs if output.get("name") == "stdout")


def test_what_is_kept_is_of_a_whole_run():
    cells = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert pictures(cells) == 4
    assert "test accuracy" in printed(cells) and "use " in printed(cells)


@pytest.mark.slow
def test_the_notebook_runs(tmp_path, monkeypatch):
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    try:
        cells = import_module("notebook").executed(tmp_path).cells
    finally:
        sys.modules.pop("notebook", None)
    assert pictures(cells) == 4
    (accuracy,) = re.findall(r"test accuracy ([\d.]+)%", printed(cells))
    assert float(accuracy) > 60  # of three classes, each a third
    assert (tmp_path / "run" / "report.html").is_file() and (tmp_path / "run" / "policy.json").is_file()
