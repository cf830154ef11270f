"""Files that were published before the modules moved are read as ever, and a search still makes the same choices."""

from __future__ import annotations

import csv
import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import policysearch
from policysearch.cli.result_folder import kind_of
from policysearch.core.trial import Trial
from policysearch.experiments.comparison.replay import Replay
from policysearch.experiments.search.result import read
from policysearch.experiments.search.run import resume, search
from policysearch.experiments.session import Session
from policysearch.experiments.tabular.table_file import load_table
from policysearch.export.registry import export_to
from policysearch.policy.policy import Policy
from policysearch.study.config import load_config, make_config
from policysearch.study.rewards import parse_reward
from tests.support.quick import QuickSetup
from workers.in_process import InProcessPool
from workers.simulated import Hazards

RESULTS = Path(policysearch.__file__).parents[1] / "results"
FIRST_SEARCH = RESULTS / "2026-11-21_first-search"
TABLES = RESULTS / "2026-11-21_tables"
POLICIES = sorted({*RESULTS.rglob("policy.json"), *RESULTS.rglob("policies/*.json")})
CONFIGS = sorted(RESULTS.rglob("config.toml"))
SUMMARIES = sorted({*RESULTS.rglob("compare.json"), *RESULTS.rglob("evaluation.json")})


def name_of(path: Path) -> str:
    return str(path.relative_to(RESULTS))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def run_copy(tmp_path) -> Path:
    return Path(shutil.copytree(FIRST_SEARCH, tmp_path / FIRST_SEARCH.name))


def test_there_are_published_files_of_every_kind():
    assert len(POLICIES) >= 8 and len(CONFIGS) >= 7 and len(SUMMARIES) >= 12


@pytest.mark.parametrize("path", POLICIES, ids=name_of)
def test_published_policies_keep_their_hash_and_export(path, tmp_path):
    written = json.loads(path.read_text(encoding="utf-8"))
    policy = Policy.load(path)
    assert policy.hash == written["hash"]
    assert Policy.from_dict(json.loads(policy.to_json())) == policy
    source, _ = export_to(policy, "torchvision", tmp_path / "policy.py", allow_loss=True, force=False)
    compile(source.read_text(encoding="utf-8"), "policy.py", "exec")


@pytest.mark.parametrize("path", CONFIGS, ids=name_of)
def test_published_configs_load(path):
    assert load_config(path).study


@pytest.mark.parametrize("path", SUMMARIES, ids=name_of)
def test_published_comparisons_and_evaluations_are_shown(path, capsys):
    written = json.loads(path.read_text(encoding="utf-8"))
    kind_of(path.parent).show(path.parent)
    printed = " ".join(capsys.readouterr().out.split())
    verdicts = [written] if "verdict" in written else written["budgets"]
    for verdict in verdicts:
        assert " ".join(verdict["verdict"]["sentence"].split()) in printed


def test_a_published_run_is_read_trial_by_trial(run_copy):
    rows = rows_of(FIRST_SEARCH / "trials.csv")
    result = read(run_copy)
    for phase, summaries in (("search", result.summaries), ("confirm", result.confirmation)):
        recorded: dict[str, list[float]] = {}
        for row in rows:
            if row["phase"] == phase:
                recorded.setdefault(row["arm"], []).append(float(row["reward"]))
        assert {summary.arm.key: summary.pulls for summary in summaries} == {k: len(v) for k, v in recorded.items()}
        for summary in summaries:
            assert summary.mean == pytest.approx(np.mean(recorded[summary.arm.key]), abs=1e-12)
    assert result.policy == Policy.load(FIRST_SEARCH / "policy.json")
    assert result.seconds == pytest.approx(sum(float(row["seconds"]) for row in rows))


def test_a_published_run_is_continued_without_training(run_copy, quick, monkeypatch):
    class Refusing(InProcessPool):
        def submit(self, trial: Trial) -> None:
            raise AssertionError(f"pull {trial.number} is trained again")

    @contextmanager
    def pool(*_):
        yield Refusing(QuickSetup())

    monkeypatch.setattr(Session, "pool", pool)
    result = resume(run_copy)
    assert result.policy == Policy.load(FIRST_SEARCH / "policy.json")
    published = rows_of(FIRST_SEARCH / "trials.csv")  # columns may have been added since
    again = rows_of(run_copy / "trials.csv")
    assert [{name: row[name] for name in published[0]} for row in again] == published


REPLAYS = {
    "cifar10-4000": ([3, 3, 8, 12, 12, 12, 12, 12, 12, 12, 12, 12, 19, 20], 1.2134, 1148.4137363, 313.96238643),
    "fashion-small": ([12, 12, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8], 0.43035, 605.21128691, 154.8741071),
}
"""Picks at the checkpoints, total regret, worker-seconds and clock of 20 pulls, as they were before the move."""


@pytest.mark.parametrize("name", REPLAYS)
def test_a_published_table_is_replayed_as_before(name):
    table = load_table(TABLES / f"{name}.parquet")
    accuracy = parse_reward("accuracy")
    calm = Hazards()
    replay = Replay(table, accuracy, table.fidelities[-1], table.fidelities, workers=4, hazards=calm, retries=1, seed=0)
    run = replay.run("ucb", 20, 0)
    picks, regret, seconds, clock = REPLAYS[name]
    assert run.picks.tolist() == picks
    assert (run.regret[-1], run.seconds[-1], run.clock[-1]) == pytest.approx((regret, seconds, clock), abs=1e-6)


SEARCHES: dict[str, list[tuple[str, str, int, int, float, float]]] = {
    "ucb": [
        ("search", "ff7ffcd91d55", 0, 5712964121383671236, 0.1, 2.3028825),
        ("search", "2e2bbe1a9af6", 0, 5712964121383671236, 0.1, 2.3030430),
        ("search", "26f648a11c66", 0, 5712964121383671236, 0.1, 2.3029445),
        ("search", "d9bb0b2610bd", 0, 5712964121383671236, 0.1, 2.3030565),
        ("search", "fb187e86bb28", 0, 5712964121383671236, 0.1, 2.3030785),
        ("search", "b71b1e7660e8", 0, 5712964121383671236, 0.1, 2.3030699),
        ("confirm", "26f648a11c66", 1000000, 3296724206060128654, 0.102, 2.3042154),
        ("confirm", "6cf2df2ec824", 1000000, 3296724206060128654, 0.102, 2.3043142),
        ("confirm", "9217cdc478d4", 1000000, 3296724206060128654, 0.103, 2.3041404),
        ("confirm", "04029fdc1e86", 1000000, 3296724206060128654, 0.102, 2.3042817),
        ("confirm", "c72794e0773f", 1000000, 3296724206060128654, 0.1025, 2.3041606),
    ],
    "tpe": [
        ("search", "c72794e0773f", 0, 5712964121383671236, 0.1, 2.3032731),
        ("search", "e43a8f6c352c", 0, 5712964121383671236, 0.1, 2.3028326),
        ("search", "e43a8f6c352c", 1, 7482082633366827798, 0.1, 2.3045505),
        ("search", "6cf2df2ec824", 0, 5712964121383671236, 0.1, 2.3027959),
        ("search", "c72794e0773f", 1, 7482082633366827798, 0.1, 2.3050759),
        ("search", "6cf2df2ec824", 1, 7482082633366827798, 0.1, 2.3048199),
        ("confirm", "6cf2df2ec824", 1000000, 3296724206060128654, 0.102, 2.3043142),
        ("confirm", "9217cdc478d4", 1000000, 3296724206060128654, 0.103, 2.3041404),
        ("confirm", "04029fdc1e86", 1000000, 3296724206060128654, 0.102, 2.3042817),
        ("confirm", "c72794e0773f", 1000000, 3296724206060128654, 0.1025, 2.3041606),
    ],
}
"""Phase, arm, replicate, seed, reward (accuracy) and validation loss of each trial, as they were before the move."""


@pytest.mark.parametrize("strategy", SEARCHES)
@pytest.mark.filterwarnings("ignore:60 images × 2 epochs")
def test_a_search_makes_the_choices_that_it_always_made(strategy, tmp_path, monkeypatch):
    """Arms, replicates and seeds are exact. Rewards are so to 1e-6: another build of torch may add in another order."""
    monkeypatch.setattr("policysearch.experiments.search.run.write_picture", lambda *_: None)
    monkeypatch.setattr("policysearch.experiments.search.run.write_page", lambda *_: None)
    settings = {"data": "fashion-small", "trials": 6, "images": 60, "epochs": 2, "confirm": 1, "finalists": 1}
    settings |= {
        "workers": 0,
        "device": "cpu",
        "model": "small-resnet",
        "seed": 3,
        "strategy": strategy,
        "out": str(tmp_path / "run"),
    }
    search(make_config(settings))
    rows = rows_of(tmp_path / "run" / "trials.csv")
    exact = [(row["phase"], row["arm"], int(row["replicate"]), int(row["seed"])) for row in rows]
    measured = [(float(row["reward"]), float(row["loss"])) for row in rows]
    assert exact == [trial[:4] for trial in SEARCHES[strategy]]
    assert np.array(measured) == pytest.approx(np.array([trial[4:] for trial in SEARCHES[strategy]]), abs=1e-6)
