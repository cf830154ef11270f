"""A search by AutoAugment's controller from its start to its policy, and after a kill."""

from __future__ import annotations

import json

import pytest

from policysearch.core.errors import UserError
from policysearch.experiments.search.result import read
from policysearch.experiments.search.run import resume, search
from policysearch.export.registry import export_to
from policysearch.policy.policy import Policy
from tests.support.kills import Killed, kill_at, trials
from tests.support.planted_rewards import SMALL
from tests.support.quick import QuickSetup, config_for

SPEC = "autoaugment-rl:batch=3,hidden=6,rate=0.05,best=3"
SEARCH = {"strategy": SPEC, "trials": 8, "finalists": 1, "confirm": 1}
JOINED = "autoaugment-rl-best-3"

pytestmark = pytest.mark.filterwarnings("ignore:8 pulls are too few")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a search that was not killed, of children that are made up."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    (folder.parent / "small.toml").write_text(SMALL, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workers.evaluate.ChildSetup", QuickSetup)
        patch.setattr("policysearch.experiments.search.run.write_picture", lambda *_: None)
        patch.setattr("policysearch.experiments.search.run.write_page", lambda *_: None)
        search(config_for(folder, **SEARCH, space=str(folder.parent / "small.toml")))
    return folder


def test_the_best_policies_are_confirmed_as_one_and_judged_and_exported(whole):
    result = read(whole)
    names = [summary.arm.name for summary in result.confirmation]
    assert JOINED in names and len(names) == 6
    (joined,) = [summary.arm.policy for summary in result.confirmation if summary.arm.name == JOINED]
    best = [summary.arm.policy for summary in result.summaries[:3]]
    assert joined.sub_policies == sum((policy.sub_policies for policy in best), ()) and len(joined.sub_policies) == 6
    joined.save(whole / "joined.json")
    source, _ = export_to(
        Policy.load(whole / "joined.json"), "torchvision", whole / "joined.py", allow_loss=False, force=False
    )
    compile(source.read_text(encoding="utf-8"), "joined.py", "exec")
    assert json.loads((whole / "policy.json").read_text("utf-8"))["about"]["strategy"] == SPEC


@pytest.mark.parametrize("count", [27, *(pytest.param(count, marks=pytest.mark.slow) for count in (9, 21, 30, 33))])
def test_killed_at_a_write_it_goes_on_as_it_would_have(count, quick, whole, tmp_path, monkeypatch):
    expected = trials(whole)
    with monkeypatch.context() as patch:
        kill_at(patch, count)
        with pytest.raises(Killed):
            search(config_for(tmp_path / "run", **SEARCH, space=str(whole.parent / "small.toml")))
    resume(tmp_path / "run")
    assert trials(tmp_path / "run") == expected


def test_a_space_of_another_form_leaves_nothing_behind(quick, tmp_path):
    with pytest.raises(UserError, match="cannot search space 'default'"):
        search(config_for(tmp_path / "run", strategy="autoaugment-rl"))
    assert not (tmp_path / "run").exists()
