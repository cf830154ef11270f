"""Comparisons of strategies on images that have not one class each: several labels, numbers, masks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from policysearch.core.errors import UserError
from policysearch.experiments.comparison.run import compare
from policysearch.experiments.comparison.settings import CompareSettings
from policysearch.experiments.tabular.plan import Plan
from policysearch.experiments.tabular.record import record_table
from policysearch.study.config import SearchConfig
from tests.support.quick import config_for
from tests.support.task_data import OTHER_TASKS, settings_of_task


@pytest.fixture(params=OTHER_TASKS)
def config(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SearchConfig:
    monkeypatch.setenv("POLICYSEARCH_CACHE", str(tmp_path / "cache"))
    return config_for(tmp_path / "run", **settings_of_task(request.param, tmp_path))


def test_a_table_of_a_task_is_replayed(config: SearchConfig, tmp_path: Path, quick: None) -> None:
    record_table(config, Plan(fidelities="20x1", seeds=2, arms=4), tmp_path / "t.parquet")
    settings = CompareSettings(strategies="random,ucb", pulls="6", runs=3, sensitivity=0, processes=1, workers=1)
    compare(settings, tmp_path / "cmp", replay=tmp_path / "t.parquet")
    document = json.loads((tmp_path / "cmp" / "compare.json").read_text(encoding="utf-8"))
    assert document["about"]["task"] == config.task and len(document["budgets"]) == 1
    foreign = settings.model_copy(update={"reward": "ece"})
    with pytest.raises(UserError, match=r"ece|calibration"):
        compare(foreign, tmp_path / "other", replay=tmp_path / "t.parquet")


@pytest.mark.parametrize(
    ("task", "space"), [("multi-label", "text-lines"), ("regression", "default"), ("segmentation", "mixes")]
)
def test_a_space_that_does_not_suit_the_task_is_refused(
    task: str, space: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLICYSEARCH_CACHE", str(tmp_path / "cache"))
    config = config_for(tmp_path / "run", **{**settings_of_task(task, tmp_path), "space": space})
    settings = CompareSettings(strategies="random", pulls="4", runs=1, sensitivity=0)
    with pytest.raises(UserError, match=f"--task {task}|keeps"):
        compare(settings, tmp_path / "cmp", config=config)
    assert not (tmp_path / "cmp").exists()


@pytest.mark.slow
def test_searches_with_trainings_are_compared(config: SearchConfig, tmp_path: Path) -> None:
    settings = CompareSettings(strategies="random,ucb", pulls="3", runs=2, sensitivity=0)
    result, made = compare(settings, tmp_path / "cmp", config=config)
    names = [path.name for path in (tmp_path / "cmp" / "searches").iterdir()]
    assert sorted(names) == ["random-3-0", "random-3-1", "ucb-3-0", "ucb-3-1"]
    assert [runs.strategy for runs in made.runs] == ["random", "ucb"] and made.live and len(result.budgets) == 1
    assert made.arms.truth is not None and np.isfinite(made.arms.truth).any()
    assert config.task in (tmp_path / "cmp" / "compare.html").read_text(encoding="utf-8")
