"""What a search checks, and in which order: what costs nothing first, and nothing is run or written for settings
that are refused before.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from policysearch.core.errors import UserError
from policysearch.experiments.config_checks import must_be_spelled_to_begin
from policysearch.experiments.search.run import search
from policysearch.study.config import SearchConfig, make_config

ORDER = ("operations", "reward", "strategy", "data", "model")
"""Code of the user's own, in the order in which it is run. Names come before it; storage and folder after it."""

CODE = {
    "operations": "",
    "reward": "def reward(metrics):\n    return metrics['accuracy']\n",
    "strategy": "def choose(history, rng):\n    return 0\n",
    "data": (
        "import numpy as np\n"
        "def data():\n"
        "    images = np.random.default_rng(0).integers(0, 256, (90, 8, 8), np.uint8)\n"
        "    return images[:60], np.arange(60) % 3, images[60:], np.arange(30) % 3\n"
    ),
    "model": (
        "import torch\n"
        "def model(channels, classes):\n"
        "    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64 * channels, classes))\n"
    ),
}
BROKEN = {
    "operations": "raise ValueError('broken operations')\n",
    "reward": "def reward(metrics):\n    raise ValueError('broken reward')\n",
    "strategy": "def choose(history, rng):\n    raise ValueError('broken strategy')\n",
    "data": "def data():\n    raise ValueError('broken data')\n",
    "model": "def model(channels, classes):\n    raise ValueError('broken model')\n",
}
NAMES = {
    "strategy": "ucb1",
    "reward": "acuracy",
    "confirm_reward": "-lss",
    "data": "nosuch",
    "model": "small",
    "space": "nosuch.toml",
    "operations": "nowhere.py",
    "device": "gpu",
    "pool": "locl",
    "calibrated": "nowhere",
    "storage": "shared.db",
    "out": "full",
}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch) -> dict[str, object]:
    """Settings that name code of the user's own in every place; each of its files notes that it was run."""
    monkeypatch.chdir(tmp_path)
    for name, text in CODE.items():
        write(name, text)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    return {
        "operations": "operations.py",
        "reward": "reward.py:reward",
        "strategy": "strategy.py:choose",
        "data": "data.py:data",
        "model": "model.py:model",
        "storage": "sqlite:///shared.db",
        "out": "run",
        "images": 12,
        "epochs": 1,
        "workers": 0,
        "trials": 2,
        "confirm": 0,
    }


def write(name: str, text: str) -> None:
    Path(f"{name}.py").write_text(f"print('run: {name}')\n{text}")


def refused(settings: dict[str, object], capsys, message: str | None = None) -> list[str]:
    """The code that was run for settings that are refused; nothing may have been written."""
    before = {path for path in Path().rglob("*.*") if "__pycache__" not in path.parts}
    with pytest.raises(UserError, match=message):
        search(make_config(settings))
    assert {path for path in Path().rglob("*.*") if "__pycache__" not in path.parts} == before
    return [line.removeprefix("run: ") for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_none_is_refused_before_any_code_is_run(name, settings, capsys):
    assert refused({**settings, name: NAMES[name]}, capsys) == []


@pytest.mark.parametrize("name", ORDER)
def test_code_is_run_in_this_order_up_to_what_fails(name, settings, capsys):
    write(name, BROKEN[name])
    assert refused(settings, capsys, f"broken {name}") == [*ORDER[: ORDER.index(name) + 1]]


def test_sizes_are_checked_before_the_network_is_made(settings, capsys):
    assert refused({**settings, "images": 5000}, capsys, "--images must lie in") == [*ORDER[:-1]]


def test_a_study_of_that_name_is_found_before_any_code_is_run(settings, capsys, quick):
    search(make_config(settings))
    assert set(capsys.readouterr().out.split()) >= {*ORDER}
    assert refused({**settings, "out": "other", "study": "run"}, capsys, "already holds a study named 'run'") == []


def test_all_names_that_are_none_are_reported_at_once(settings):
    with pytest.raises(UserError, match=r"^12 mistakes: ") as refusal:
        must_be_spelled_to_begin(make_config({**settings, **NAMES}))
    for word in ("ucb1", "acuracy", "'lss'", "nosuch", "small", "nosuch.toml", "nowhere.py", "gpu", "locl", "full"):
        assert word in str(refusal.value)


def test_names_are_checked_without_torch():
    code = (
        "import sys\n"
        "from policysearch.experiments.config_checks import must_be_spelled_to_begin\n"
        "from policysearch.study.config import SearchConfig\n"
        "must_be_spelled_to_begin(SearchConfig())\n"
        "print({'torch', 'torchvision', 'scipy', 'ray'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_all_mistakes_of_a_file_are_reported_at_once():
    values = {"trails": 3, "lr": 0.1, "rate": 0.1, "epochs": 0, "trials": "12", "recipe": {"momentun": 1}}
    with pytest.raises(UserError) as refusal:
        make_config(values, "config file 'x.toml'")
    assert str(refusal.value) == (
        "config file 'x.toml': 6 mistakes: unknown key 'trails': did you mean trials or train or retries?; "
        "unknown key 'lr': did you mean rate? It belongs below [recipe]; "
        "unknown key 'rate': it belongs below [recipe]; trials must be written without quotes, got '12'; "
        "unknown key 'momentun': did you mean momentum?; epochs: input should be greater than or equal to 1, got 0"
    )
    assert make_config({}) == SearchConfig()
