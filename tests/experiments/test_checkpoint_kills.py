"""A search whose processes are killed ends with the trials of an undisturbed one, and trains little twice."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import policysearch

SCRIPT = Path(policysearch.__file__).parents[1] / "results" / "2026-11-30_checkpoints" / "kills.py"
KILLS, TRIALS, EPOCHS = 4, 2, 40


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_search_that_is_killed_goes_on_from_its_checkpoints(tmp_path):
    """Two kills of the controller and two of the worker, as the published table has of a larger search."""
    sizes = {"--kills": KILLS, "--trials": TRIALS, "--epochs": EPOCHS, "--images": 400, "--every": 0.02}
    flags = [str(word) for pair in sizes.items() for word in pair]
    out = tmp_path / "kills.md"
    ended = subprocess.run(
        [sys.executable, str(SCRIPT), *flags, "--no-without", "--out", str(out)],
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert ended.returncode == 0, ended.stderr

    whole, disturbed = re.findall(r"^\| [\w ]+ \| (.+) \| equal \| (\d+) \|", out.read_text(), re.MULTILINE)
    kills, again = sum(map(int, re.findall(r"\d+", disturbed[0]))), int(disturbed[1]) - int(whole[1])
    # Without checkpoints a kill costs half a training on average; a resumed search also times a short one again.
    assert kills >= 1 and again <= kills * EPOCHS / 3
