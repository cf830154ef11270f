"""Searches whose policies differ by class, or spread targets by a confusion that is measured first."""

from __future__ import annotations

import shutil

import pytest
import torch

from policysearch.child.confusion import mistakes
from policysearch.core.errors import UserError
from policysearch.experiments.class_checks import must_have_classes
from policysearch.experiments.evaluation.run import evaluate
from policysearch.experiments.evaluation.settings import EvaluateSettings
from policysearch.experiments.search.result import read_whole
from policysearch.experiments.search.run import resume, search
from policysearch.experiments.search.verdict import judge_winner
from policysearch.experiments.search.winner_policy import final_policy
from policysearch.experiments.tabular.plan import Plan
from policysearch.experiments.tabular.record import record_table
from policysearch.policy.classes import with_classes
from policysearch.policy.policy import Policy
from policysearch.policy.space_files import load_space
from policysearch.policy.spaces import Arm
from tests.support.quick import config_for, write_npz
from tests.support.small_children import small_data

SPACE = """
schema = 1
[[family]]
name = "crops"
parameters.k = [1, 2]
[family.policy]
sub_policies = [{ steps = [{ operation = "soft-crop", magnitude = 0.2 }] }]
softening = { k = "$k", spread = "confusion" }
[family.policy.classes.CLASS]
sub_policies = [{ steps = [] }]
"""


def config(tmp_path, name="2", **settings):
    (tmp_path / "mine.toml").write_text(SPACE.replace("CLASS", name))
    data = str(write_npz(tmp_path / "data.npz"))
    return config_for(tmp_path / "run", data=data, space=str(tmp_path / "mine.toml"), **settings)


def test_mistakes_are_counted_by_hand():
    data = small_data()
    predicted = torch.tensor([0, 2, 2] * 8)  # class 1 is always taken for 2
    batches = iter(predicted.split(5))

    def answers(images):
        return torch.nn.functional.one_hot(next(batches), 3).float()

    assert data.labels[data.validation].tolist() == [0, 1, 2] * 8
    assert mistakes(answers, data, 5) == {1: {2: 8}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The place of a search that is complete."""
    place = tmp_path_factory.mktemp("search")
    search(config(place, trials=6, confirm=0))
    return place


def test_a_search_measures_the_confusion_once_and_keeps_it(folder):
    """What was measured is in the space and in every arm."""
    space = load_space(str(folder / "run" / "space.toml"))
    measured = space.file.confusion
    counts = [count for row in measured.values() for count in row.values()]
    assert counts and all(count == int(count) > 0 for count in counts)
    softened = [arm.policy for arm in space.arms(0) if arm.policy.softening]
    assert len(softened) == 2 and all(policy.softening.confusion == measured for policy in softened)

    recorded = [row.arm for row in read_whole(folder / "run").searched if row.arm.policy.softening]
    assert recorded and all(arm.policy.softening.confusion == measured for arm in recorded)


@pytest.mark.slow
def test_a_search_that_goes_on_or_is_begun_again_has_the_same_confusion(folder):
    measured = load_space(str(folder / "run" / "space.toml")).file.confusion
    assert resume(folder / "run", trials=7).summaries
    assert load_space(str(folder / "run" / "space.toml")).file.confusion == measured
    shutil.rmtree(folder / "run")
    search(config(folder, trials=6, confirm=0))
    assert load_space(str(folder / "run" / "space.toml")).file.confusion == measured


def test_a_policy_that_differs_by_class_names_the_classes_where_it_is_kept(tmp_path):
    winner = Arm({}, with_classes(Policy.preset("identity"), {"2": Policy.preset("flip-crop")}))
    settings = config_for(tmp_path / "run")
    verdict = judge_winner(winner, [winner], [], reward="accuracy", data={}, searched=[])
    assert final_policy(settings, verdict, classes=("a", "b", "c")).about["classes"] == ["a", "b", "c"]
    plain = Arm({}, Policy.preset("identity"))
    verdict = judge_winner(plain, [plain], [], reward="accuracy", data={}, searched=[])
    assert "classes" not in final_policy(settings, verdict, classes=("a", "b", "c")).about


@pytest.mark.parametrize(("name", "message"), [("seven", "unknown class 'seven'"), ("7", "class '7': the data have")])
def test_a_class_that_the_data_lack_ends_a_search_before_anything_is_written(tmp_path, name, message):
    with pytest.raises(UserError, match=message):
        search(config(tmp_path, name))
    assert not (tmp_path / "run").exists()


def test_only_a_search_measures(tmp_path):
    settings = config(tmp_path)
    with pytest.raises(UserError, match="a recording does not measure it"):
        record_table(settings, Plan(fidelities="30x1", seeds=1), tmp_path / "table.parquet")
    policy = Policy.from_dict({"sub_policies": [{}], "softening": {"spread": "confusion"}})
    policy.save(tmp_path / "policy.json")
    values = {"out": str(tmp_path / "test"), "data": settings.data, "workers": 0}
    with pytest.raises(UserError, match="an evaluation does not measure it"):
        evaluate(tmp_path / "policy.json", EvaluateSettings(seeds=2), values)
    assert not (tmp_path / "test").exists() and not (tmp_path / "table").exists()


def test_tasks_without_classes_refuse_them():
    policy = with_classes(Policy.preset("identity"), {0: Policy.preset("flip-crop")})
    with pytest.raises(UserError, match="in the task self-supervised images have none"):
        must_have_classes([policy], ("unlabelled",), "self-supervised")
