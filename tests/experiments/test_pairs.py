"""Policies of pairs where images have labels: refused in a sentence, by every command, before anything is written."""

from __future__ import annotations

import pytest

from tests.support.command_line import call
from tests.support.quick import write_npz

COMMANDS = {
    "search": ["search", "--space", "pairs", "--out", "run"],
    "text-lines": ["search", "--task", "text-lines", "--space", "pairs", "--out", "run"],
    "record": ["record", "--space", "pairs", "--out", "run.parquet"],
    "compare": ["compare", "--space", "pairs", "--out", "run"],
    "online": ["online", "--space", "pairs", "--epochs", "3", "--images", "40", "--out", "run"],
    "calibrate": ["calibrate", "--space", "pairs", "--out", "run", "--long", "40x2", "--ladder", "20x1,40x1"],
    "tta": ["tta", "simsiam-sa1", "--out", "run"],
    "preview of lines": ["preview", "simsiam-sa1", "--task", "text-lines", "--out", "run.png"],
    "evaluate": ["evaluate", "simsiam-sa1", "--out", "run"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_pair_is_refused_where_images_have_labels(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    of_lines = "text-lines" in COMMANDS[name]
    data = [] if of_lines else ["--data", str(write_npz(tmp_path / "small.npz"))]
    code, _, err = call(monkeypatch, capsys, *COMMANDS[name], *data)
    assert code != 0
    task = "text-lines" if of_lines else "classification"
    assert f"has 'pair', which does not go with --task {task}: it weighs the two views" in " ".join(err.split())
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("run")]


def test_pairs_of_lines_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, _, err = call(monkeypatch, capsys, "preview", "tia", "--task", "text-lines", "--pairs", "--out", "run.png")
    assert code == 2 and "--pairs does not go with --task text-lines: it weighs the two views" in " ".join(err.split())
