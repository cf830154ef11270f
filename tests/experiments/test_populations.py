"""Searches by a population, from their settings to the schedule that is confirmed."""

from __future__ import annotations

from pathlib import Path

import pytest

from policysearch.core.errors import UserError
from policysearch.experiments.search.result import read
from policysearch.experiments.search.run import resume, search
from policysearch.policy.policy import Policy
from policysearch.study.config import SearchConfig, load_config
from tests.support.kills import Killed, kill_at, trials
from tests.support.quick import config_for

CONSTANT = {"schedule": "constant"}


def settings(folder: Path, strategy: str = "pba:population=4", **changes) -> SearchConfig:
    return config_for(folder, strategy=strategy, **{"epochs": 4, "trials": 16, "recipe": CONSTANT, **changes})


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Uninterrupted searches by strategy, made when first asked for."""
    folders: dict[str, Path] = {}

    def get(strategy: str) -> Path:
        if strategy not in folders:
            folders[strategy] = tmp_path_factory.mktemp("whole") / "run"
            search(settings(folders[strategy], strategy))
        return folders[strategy]

    return get


@pytest.mark.parametrize(
    ("strategy", "count"),
    [
        pytest.param(name, count, marks=[] if (name, count) in (("pba", 17),) else pytest.mark.slow)
        for name in ("pba", "pb2")
        for count in (1, 2, 3, 17, 31, 40, 55)
    ],
)
def test_killed_at_a_write(strategy, count, quick, whole, tmp_path, monkeypatch):
    spec = f"{strategy}:population=4"
    expected = trials(whole(spec))
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        kill_at(patch, count)
        with pytest.raises(Killed):
            search(settings(folder, spec))
    resume(folder)
    assert trials(folder) == expected


def test_the_best_schedules_are_confirmed(quick, whole):
    """The finalists are policies of the last interval; what they were trained under before is in their stages."""
    folder = whole("pba:population=4")
    result = read(folder)
    last = [summary for summary in result.summaries if summary.pulls]
    assert len(last) <= 4 and any(summary.arm.policy.stages for summary in last)
    assert {summary.arm.key for summary in last} <= {summary.arm.key for summary in result.confirmation}
    assert result.policy is not None
    assert load_config(folder / "config.toml").strategy == "pba:population=4,interval=1"


def test_a_winning_schedule_is_a_policy_like_any_other(quick, whole):
    folder = whole("pba:population=4")
    staged = next(s.arm.policy for s in read(folder).summaries if s.pulls and s.arm.policy.stages)
    assert Policy.from_dict({**staged.model_dump(mode="json", by_alias=True)}) == staged
    assert all(stage.start in (0.25, 0.5, 0.75) for stage in staged.stages)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"recipe": {}}, "one-cycle training cannot be continued"),
        ({"trials": 17}, "give 16, or another population"),
        ({"strategy": "pba:population=1"}, r"population must lie in \[2, 1000\]"),
        ({"strategy": "pba:interval=0"}, "interval must be 1 epoch or more"),
        ({"space": "losses"}, "give --space pba"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(changes, sentence, quick, tmp_path):
    with pytest.raises(UserError, match=sentence):
        search(settings(tmp_path / "run", **changes))
    assert not list(tmp_path.iterdir())


def test_a_population_that_has_ended_cannot_go_on(quick, whole):
    folder = whole("pba:population=4")
    with pytest.raises(UserError, match="are 16 pulls, and --trials is 20: give 16"):
        resume(folder, trials=20)
    resume(folder)
