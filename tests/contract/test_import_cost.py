"""What commands and processes load, and what they may not: a start costs what is imported, and so does waiting.

Modules are counted, never seconds. Each check loads one module on purpose, which it must report: it is not blind.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import policysearch
from policysearch.experiments.search.run import search
from tests.support.quick import QuickSetup, config_for

HEAVY = (
    "torch",
    "torchvision",
    "optuna",
    "sqlalchemy",
    "ray",
    "numpy",
    "scipy",
    "matplotlib",
    "pandas",
    "pyarrow",
    "PIL",
)
NOT_WHILE_WAITING = ("torch", "torchvision", "matplotlib", "scipy.stats", "scipy.optimize", "pandas", "pyarrow", "ray")
NOT_IN_A_WORKER = (
    "optuna",
    "sqlalchemy",
    "matplotlib",
    "scipy",
    "torch._dynamo",
    "torchvision",
    "typer",
    "rich",
    "ray",
)
PLANTED = "colorsys"
"""A module of Python's own that nothing here needs."""

COUNTED = f"import json, sys; from policysearch.cli import main\nimport {PLANTED}\n"
WAITING = f"""
import json, sys
from pathlib import Path
import {PLANTED}
from policysearch.experiments.search.run import search
from policysearch.study.config import make_config

loaded = []
settings = dict(workers=1, trials=1, confirm=0, images=40, epochs=1, model="mine.py:network", out="run")
search(make_config(settings), lambda status: loaded.append(sorted(sys.modules)))
Path("controller.json").write_text(json.dumps(loaded[-1]))
"""
NETWORK = f"""
import json, sys
from pathlib import Path
from torch import nn
import {PLANTED}

class Network(nn.Sequential):
    def __del__(self):
        Path("worker.json").write_text(json.dumps(sorted(sys.modules)))

def network(channels, classes):
    return Network(nn.Conv2d(channels, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes))
"""


def run_python(code: str, *words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-c", code, *words]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)


def among(loaded: list[str], *names: str) -> list[str]:
    """Those of the names that are loaded, and the planted one, which always is."""
    return [name for name in (*names, PLANTED) if name in loaded]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A finished search, of children that are made up."""
    folder = tmp_path_factory.mktemp("light") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workers.evaluate.ChildSetup", QuickSetup)
        patch.setattr("policysearch.experiments.search.run.write_picture", lambda *_: None)
        patch.setattr("policysearch.experiments.search.run.write_page", lambda *_: None)
        search(config_for(folder))
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> dict[str, list[str]]:
    """The modules of the controller and of the worker of a small search."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "mine.py").write_text(NETWORK, encoding="utf-8")
    process = run_python(WAITING, folder=folder)
    assert process.returncode == 0, process.stderr
    return {name: json.loads((folder / f"{name}.json").read_text("utf-8")) for name in ("controller", "worker")}


def modules_of(*words: str) -> list[str]:
    """The modules that a command has loaded at its end."""
    end = "sys.argv[0] = 'policysearch'\ntry: main()\nfinally: print('\\n' + json.dumps(sorted(sys.modules)))"
    process = run_python(COUNTED + end, *words)
    loaded: list[str] = json.loads(process.stdout.splitlines()[-1])
    return loaded


def test_the_package_is_light():
    code = f"import policysearch, {PLANTED}, sys, json; print(json.dumps(sorted(sys.modules)))"
    assert among(json.loads(run_python(code).stdout), *HEAVY, "pydantic", "typer") == [PLANTED]


@pytest.mark.parametrize("words", [("--help",), ("search", "--help"), ("models",)])
def test_commands_that_compute_nothing_are_light(words):
    assert among(modules_of(*words), *HEAVY) == [PLANTED]


def test_a_finished_search_is_shown_without_optuna_and_numpy(finished):
    assert among(modules_of("show", str(finished)), *HEAVY) == [PLANTED]


def test_a_controller_waits_without_torch_and_matplotlib(trained):
    assert among(trained["controller"], *NOT_WHILE_WAITING) == [PLANTED]


def test_a_worker_has_only_what_it_trains_with(trained):
    assert "torch" in trained["worker"]
    assert among(trained["worker"], *NOT_IN_A_WORKER) == [PLANTED]


def test_a_server_that_checks_requests_is_light():
    modules = "policysearch.service.serve, policysearch.service.web.app, policysearch.service.requests.validation"
    code = f"import {modules}, {PLANTED}, sys, json; print(json.dumps(sorted(sys.modules)))"
    assert among(json.loads(run_python(code).stdout), "torch", "torchvision", "optuna", "ray") == [PLANTED]


def test_modules_do_not_share_names_with_public_functions():
    taken = {path.stem for path in Path(policysearch.__file__).parent.iterdir()}
    assert not taken & set(policysearch.__all__)


def test_names_of_0_1_still_import_with_a_warning():
    code = (
        "import warnings; warnings.simplefilter('always')\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    from policysearch.operations import Operation\n"
        "    from policysearch.schedules import decayed\n"
        "import policysearch\n"
        "print(Operation is policysearch.Operation, decayed is policysearch.decayed, len(caught))"
    )
    assert run_python(code).stdout.strip() == "True True 2"
