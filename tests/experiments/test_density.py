"""Searches by `density`: killed anywhere they end alike; a label-destroying operation is never among the best."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from policysearch.core.errors import SearchFailed, UserError
from policysearch.core.trial import Outcome
from policysearch.experiments.comparison.settings import CompareSettings
from policysearch.experiments.forecast import Forecast
from policysearch.experiments.observer import Work
from policysearch.experiments.resolve import resolved
from policysearch.experiments.search import run as search_run
from policysearch.experiments.search.report.headline import found_on
from policysearch.experiments.search.result import read, read_both
from policysearch.experiments.search.run import resume, search
from policysearch.experiments.search.tables import arm_grid
from policysearch.experiments.search.workload import Workload, forecast_by_folds
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.policy.policy import Policy
from policysearch.policy.presets import preset
from policysearch.policy.space_files import load_space
from policysearch.policy.spaces import Arm
from policysearch.service.runner.pace import Pace
from policysearch.study.density_chains import chains
from policysearch.study.density_settings import DensitySettings
from policysearch.study.rows import COMPLETE, Row
from tests.support.kills import Killed, kill_at, trials
from tests.support.quick import config_for, write_npz

IDENTITY = Arm({"family": "identity"}, preset("identity"))
SPEC = "density:folds=2,best=2,rounds=2"
SIZE = {"trials": 14, "space": "single", "images": 30}

FLIPS = """
schema = 1
[[family]]
name = "flip"
parameters = { operation = ["flip-horizontal", "flip-vertical"], probability = [0.5, 1.0] }
[family.policy]
sub_policies = [{ steps = [{ operation = "$operation", probability = "$probability" }] }]
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted search, run when first asked for."""
    folder = tmp_path_factory.mktemp("whole") / "run"

    def get() -> Path:
        if not folder.exists():
            search(config_for(folder, strategy=SPEC, **SIZE))
        return folder

    return get


def test_the_merged_policy_is_confirmed_with_the_fixed_ones(quick, whole):
    result = read(whole())
    assert [s.arm.name for s in result.confirmation if s.arm.name.startswith("density")] == [
        "density(folds=2, best=2, rounds=2)"
    ]
    assert len(result.confirmation) == 5 and all(s.pulls == 2 for s in result.confirmation)
    assert result.config.reward == "-held_out_loss" and result.config.last_reward == "accuracy"
    assert result.policy is not None and result.policy == Policy.load(whole() / "policy.json")


@pytest.mark.parametrize(
    "count", [pytest.param(3, marks=pytest.mark.slow), pytest.param(9, marks=pytest.mark.slow), 30]
)
def test_killed_at_a_write(count, quick, whole, tmp_path, monkeypatch):
    expected = whole()
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        kill_at(patch, count)
        with pytest.raises(Killed):
            search(config_for(folder, strategy=SPEC, **SIZE))
    resume(folder)
    assert trials(folder) == trials(expected)
    assert read(folder).policy == read(expected).policy


def test_a_search_that_goes_further_has_longer_chains(quick, whole, tmp_path):
    folder = tmp_path / "run"
    search(config_for(folder, strategy=SPEC, **{**SIZE, "trials": 10, "confirm": 0}))
    resume(folder, trials=14)
    assert trials(folder) == [trial for trial in trials(whole()) if trial[0] == "search"]


def halves(path: Path) -> Path:
    """Images whose class is the brighter half: left or right."""
    labels = np.arange(140) % 2
    images = np.random.default_rng(0).integers(0, 120, (140, 8, 8), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:, 4 * label : 4 * label + 4] += 120
    return write_npz(path, x_train=images[20:], y_train=labels[20:], x_test=images[:20], y_test=labels[:20])


def planted(tmp_path: Path, **settings) -> set[str]:
    """The operations of the merged policy, on data where a horizontal flip turns a class into the other."""
    (tmp_path / "flips.toml").write_text(FLIPS)
    name = "-".join(map(str, settings.values())) or "plain"
    config = config_for(
        tmp_path / name,
        data=str(halves(tmp_path / "halves.npz")),
        space=str(tmp_path / "flips.toml"),
        **{
            "strategy": "density:folds=2,best=2,rounds=1",
            "trials": 10,
            "epochs": 6,
            "recipe": {"batch": 8},
            "confirm": 0,
            **settings,
        },
    )
    result = search(config)
    assert result.policy is not None
    return {step.operation for sub in result.policy.sub_policies for step in sub.steps}


@pytest.fixture
def no_pages(monkeypatch) -> None:
    monkeypatch.setattr(search_run, "write_picture", lambda *_: None)
    monkeypatch.setattr(search_run, "write_page", lambda *_: None)


def test_what_destroys_the_label_is_never_among_the_best(no_pages, tmp_path, monkeypatch):
    assert planted(tmp_path) == {"flip-vertical"}
    assert planted(tmp_path, strategy="density:folds=2,best=2,rounds=1,score=accuracy") == {"flip-vertical"}

    monkeypatch.setattr(DensitySettings, "reward", property(lambda self: "held_out_loss"))
    assert "flip-horizontal" in planted(tmp_path, seed=1), "maximising the loss would be seen"


def test_a_real_search_stopped_in_the_middle_ends_alike(no_pages, tmp_path, monkeypatch):
    """Networks that a killed search kept are used again; others are trained again to the same weights."""
    config = dict(
        data=str(write_npz(tmp_path / "d.npz")), strategy=SPEC, space="single", trials=12, confirm=0, images=30
    )
    search(config_for(tmp_path / "whole", **config))
    for count, lost in ((22, False), (40, True)):
        folder = tmp_path / f"run{count}"
        with monkeypatch.context() as patch:
            kill_at(patch, count)
            with pytest.raises(Killed):
                search(config_for(folder, **config))
        if lost:
            (folder / "networks" / "fold-1.pt").unlink()
        resume(folder)
        assert trials(folder) == trials(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"workers": 2}, {"workers": 2, "pool": "ray"}])
def test_other_pools_find_the_same(settings, no_pages, tmp_path):
    config = dict(
        data=str(write_npz(tmp_path / "d.npz")), strategy=SPEC, space="single", trials=12, confirm=0, images=30
    )
    search(config_for(tmp_path / "whole", **config))
    search(config_for(tmp_path / "pool", **{**config, **settings}))
    assert trials(tmp_path / "pool") == trials(tmp_path / "whole")


def only_identity(trial) -> dict[str, float]:
    if '"trains": true' in trial.task:
        return {"held_out_loss": 0.5}
    raise ValueError("no such policy")


@pytest.mark.parametrize(
    ("fails", "message"), [(False, "every evaluation of a policy failed: 12 of 12"), (True, "every arm")]
)
def test_where_nothing_can_be_merged_the_error_says_why(fails, message, quick, tmp_path, monkeypatch):
    def all_fail(trial):
        raise ValueError("no such network")

    monkeypatch.setattr("tests.support.quick.QuickSetup.__call__", lambda self: all_fail if fails else only_identity)
    with pytest.raises(SearchFailed, match=message):
        search(config_for(tmp_path / "run", strategy=SPEC, **SIZE))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"strategy": "density:folds=1"}, r"folds must lie in \[2, 1000\]"),
        (
            {"strategy": "density:folds=31,best=1,rounds=1", "trials": 62},
            "has 20 training images, too few for 31 folds",
        ),
        ({"space": "default"}, "space 'default' cannot be: softening differs"),
        ({"reward": "-loss"}, "maximises -held_out_loss"),
        ({"trials": 5}, "needs 10 trials"),
        ({"images": 55}, "at least 30 images, and --images is 55"),
        ({"strategy": "ucb", "reward": "held_out_accuracy"}, "measured by --strategy density alone"),
    ],
)
def test_mistakes_are_said_before_anything_is_written(settings, message, quick, tmp_path):
    values = {"strategy": SPEC, **SIZE, "data": str(write_npz(tmp_path / "d.npz")), **settings}
    with pytest.raises(UserError, match=message):
        search(config_for(tmp_path / "run", **values))
    assert not (tmp_path / "run").exists()


def test_compare_says_what_to_do_instead():
    with pytest.raises(UserError, match="policysearch evaluate"):
        _ = CompareSettings(strategies="ucb,density:folds=3,best=2", runs=2, pulls="20").names


def test_the_defaults_of_a_search_are_filled_in(tmp_path):
    config = resolved(config_for(tmp_path / "run", strategy="density", trials=405))
    assert (config.trials, config.finalists) == (405, 1)


def test_evaluations_cost_what_they_judge():
    whole = Workload(2, 10, judged=100)
    forecast = Forecast(0.001, 1.0, 2, per_judged=0.002)
    assert whole.seconds(forecast, Fidelity(50, 10)) == pytest.approx(2 * 1.5 + 10 * 0.2)

    rows = [
        Row(k, IDENTITY, k, state=COMPLETE, reward=0.0, outcome=Outcome({}, seconds=seconds))
        for k, seconds in enumerate([5.0, 7.0, 0.5, 0.3])
    ]
    assert whole.without(rows) == Workload(0, 8, judged=100)
    measured = forecast_by_folds(whole, rows, Fidelity(50, 10), 2)
    assert measured == Forecast(6 / 500, 0.0, 2, per_judged=0.4 / 100)
    timed = {"evaluation_seconds": 0.2, "validation_images": 20}
    trained = [replace(rows[0], outcome=Outcome(timed, seconds=5.0))]
    assert forecast_by_folds(whole, trained, Fidelity(50, 10), 2) == Forecast(0.01, 0.0, 2, per_judged=0.01)
    assert forecast_by_folds(whole, [], Fidelity(50, 10), 2) is None


def test_what_is_left_on_the_live_page_goes_by_either_kind(tmp_path):
    config = resolved(config_for(tmp_path / "run", strategy=SPEC, **SIZE, workers=2))
    rows = [Row(k, IDENTITY, k, state=COMPLETE, outcome=Outcome({}, seconds=9.0)) for k in range(2)]
    store, clock = SimpleNamespace(rows=[], space=load_space("default")), iter(range(100))
    pace = Pace(Work("search", config, store, {}, 14), timer=lambda: float(next(clock)))
    store.rows = rows
    assert pace.seconds_left() is None, "nobody knows yet what an evaluation takes"
    store.rows = [*rows, Row(2, IDENTITY, 0, state=COMPLETE, outcome=Outcome({}, seconds=0.5))]
    # 11 evaluations, and 2 trainings of each of 5 finalists, by two workers.
    assert pace.seconds_left() == pytest.approx((11 * 0.5 + 10 * 9.0) / 2)


def test_show_and_the_report_say_what_was_trained(quick, whole):
    result, material = read_both(whole())
    sentence = found_on(material)
    assert "2 trainings of 30 images × 1 epochs without augmentation" in sentence
    assert "12 evaluations on held-out images over" in sentence
    assert arm_grid(result.summaries, result.config).title == "Search: evaluations on held-out folds"


def test_chains_wait_for_all_trainings():
    running = [Row(0, IDENTITY, 0), Row(1, IDENTITY, 1)]
    assert chains(running, DensitySettings(folds=2)) == []
