"""Learning curves of the pulls in flight: as in the outcome, written only where somebody watches."""

from __future__ import annotations

import json

from policysearch.core.trial import Trial
from workers.curves import FOLDER, clear_curves, curve_writer, curves_in_flight

TRIAL = Trial(7, "arm", "{}", 0, 0, 10, 2)
CURVE = [{"epoch": 1, "accuracy": 0.5, "loss": 1.0}]


def test_nothing_is_written_where_nobody_watches(monkeypatch):
    monkeypatch.delenv(FOLDER, raising=False)
    assert curve_writer(TRIAL) is None


def test_a_curve_is_read_as_it_was_written(monkeypatch, tmp_path):
    monkeypatch.setenv(FOLDER, str(tmp_path / "curves"))
    write = curve_writer(TRIAL)
    assert write is not None
    write(CURVE)  # the folder is not there: no error, and no curve
    clear_curves(tmp_path / "curves")
    assert curves_in_flight(tmp_path / "curves", [7]) == {}
    write(CURVE)
    assert curves_in_flight(tmp_path / "curves", [7, 8]) == {7: CURVE}
    clear_curves(tmp_path / "curves")
    assert list((tmp_path / "curves").iterdir()) == []


def test_a_file_that_is_no_curve_is_passed_over(tmp_path):
    (tmp_path / "7.json").write_text("{")
    assert curves_in_flight(tmp_path, [7]) == {}
    (tmp_path / "8.json").write_text(json.dumps(CURVE))
    assert curves_in_flight(tmp_path, [7, 8]) == {8: CURVE}
