"""The wheel holds everything: a search runs from it, outside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

CODE = """
import policysearch, search_spaces, workers
from policysearch.cli.guide import guide_pages
assert "# Your own data" in guide_pages()["data"]
assert all(m.__file__.startswith({target!r}) for m in (policysearch, search_spaces, workers)), policysearch.__file__
config = policysearch.SearchConfig(trials=3, images=20, epochs=1, confirm=1, workers=1, out="run")
if __name__ == "__main__":
    print(policysearch.search(config).policy.hash)
"""


@pytest.mark.slow
def test_a_search_runs_from_the_wheel(tmp_path):
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("policysearch-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {
        "policysearch/datasets/shipped/fashion-small.npz",
        "policysearch/datasets/shipped/shapes-small.npz",
        "policysearch/datasets/shipped/LICENSE.txt",
        "policysearch/datasets/shipped/text-lines-small.npz",
    } <= set(names)
    assert "policysearch/reports/html/page.js" in names
    assert "search_spaces/default.toml" in names and "workers/local.py" in names
    pages = {f"policysearch/guide/{path.name}" for path in (ROOT / "policysearch" / "guide").glob("*.md")}
    assert len(pages) > 20 and pages <= set(names)
    assert "policysearch/py.typed" in names
    assert not any(name.startswith("tests") for name in names)
    target = tmp_path / "installed"
    subprocess.run([*pip, "install", "--no-deps", "--target", str(target), str(wheel)], check=True, capture_output=True)
    script = tmp_path / "outside" / "script.py"
    script.parent.mkdir()
    script.write_text(CODE.format(target=str(target)))
    environment = {**os.environ, "PYTHONPATH": str(target)}
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=script.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (script.parent / "run" / "policy.json").exists()
