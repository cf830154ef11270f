"""Optuna logs as much after a search as the user let it before."""

from __future__ import annotations

import subprocess
import sys

import optuna
import pytest

from policysearch.experiments.search.run import search
from tests.support.quick import config_for


@pytest.fixture(params=[optuna.logging.DEBUG, optuna.logging.INFO, optuna.logging.CRITICAL])
def level(request):
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(request.param)
    yield request.param
    optuna.logging.set_verbosity(before)


def test_importing_leaves_the_verbosity():
    code = (
        "import optuna; before = optuna.logging.get_verbosity(); import policysearch, policysearch.study.strategies; "
        "assert optuna.logging.get_verbosity() == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_search_leaves_the_verbosity_and_logs_nothing_of_optuna(quick, level, tmp_path, capfd):
    search(config_for(tmp_path / "run", strategy="tpe"))
    assert optuna.logging.get_verbosity() == level
    assert "study" not in capfd.readouterr().err.lower()
