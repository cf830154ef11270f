"""The folder of the service's state."""

from __future__ import annotations

from pathlib import Path

from policysearch.service.ids import new_id
from policysearch.service.state_folder import StateFolder


def test_paths_hold_wherever_a_process_runs(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    folder = StateFolder(Path("STATE"))
    assert folder.job(new_id()).job.is_absolute() and folder.database == tmp_path / "STATE" / "service.db"
