"""A real search in a real service: the files of the run's folder, and the trials of `policysearch search`."""

from __future__ import annotations

import csv
import io
import subprocess
import sys

import pytest

from policysearch.client import Service
from tests.support.service_server import CommandServer

SMALL = {"trials": 4, "images": 60, "epochs": 1, "confirm": 1, "finalists": 1, "workers": 1, "seed": 3}
OF_THE_MACHINE = ("second", "memory")
"""In the names of columns whose values are others every time: seconds, images_per_second, peak_memory_mb."""


def results_of(text: str) -> list[dict[str, str]]:
    """Rows of trials.csv, without what the machine has to do with."""
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return [
        {name: value for name, value in row.items() if not any(word in name for word in OF_THE_MACHINE)} for row in rows
    ]


@pytest.mark.slow
def test_a_search_in_the_service_is_that_of_the_command_line(tmp_path):
    flags = [word for name, value in SMALL.items() for word in (f"--{name}", str(value))]
    server = CommandServer(tmp_path / "state")
    server.start()
    try:
        service = Service(server.url, (server.state / "admin.token").read_text().strip())
        job = service.search(data="fashion-small", **SMALL)
        kinds = []
        assert job.wait(250, lambda event: kinds.append(event.kind)) == "done"
        run = server.state / "runs" / job.id / "run"
        for name in ("policy.json", "trials.csv", "report.html", "space.toml", "search.png", "study.db"):
            assert job.read(name) == (run / name).read_bytes(), name
            assert job.download(name, tmp_path / name).read_bytes() == (run / name).read_bytes()
        assert job.policy().to_json() and len(job.trials()) == 4 + 5
        assert {"phase", "progress", "pull_ended", "end"} <= set(kinds)
        assert str(tmp_path) not in job.read("settings.toml").decode()
        trials = job.read("trials.csv").decode()
    finally:
        server.close()

    out = str(tmp_path / "local")
    subprocess.run([sys.executable, "-m", "policysearch", "search", *flags, "--out", out], check=True, timeout=250)
    local = (tmp_path / "local" / "trials.csv").read_text(encoding="utf-8")
    assert results_of(trials) == results_of(local)
