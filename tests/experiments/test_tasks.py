"""Searches whose children learn something else than classes: what is refused, and what is reported of them."""

from __future__ import annotations

import numpy as np
import pytest

from policysearch.core.errors import UserError
from policysearch.core.tasks import TASKS
from policysearch.experiments.calibration.run import calibrate
from policysearch.experiments.calibration.settings import CalibrateSettings
from policysearch.experiments.config_checks import must_be_spelled
from policysearch.experiments.evaluation.run import evaluate
from policysearch.experiments.evaluation.settings import EvaluateSettings
from policysearch.experiments.online.run import online
from policysearch.experiments.online.settings import OnlineSettings
from policysearch.experiments.search.report.page import page
from policysearch.experiments.search.result import read_both
from policysearch.experiments.search.run import resume, search
from policysearch.experiments.search.text import brief_of
from policysearch.experiments.session_data import load_with_progress
from policysearch.experiments.tabular.plan import Plan
from policysearch.experiments.tabular.record import record_table
from policysearch.experiments.tabular.table_file import load_table
from policysearch.experiments.task_checks import policy_must_suit_task
from policysearch.policy.policy import Policy
from policysearch.policy.presets import PRESETS, preset
from policysearch.study.config import SearchConfig, make_config
from tests.support.image_files import some_images
from tests.support.quick import config_for, write_npz

OTHERS = [name for name, task in TASKS.items() if not (task.has_classes or task.open_metrics)]


@pytest.fixture
def photos(tmp_path):
    """Images without labels."""
    parts = {"x_train": some_images(90, 16, channels=1), "x_test": some_images(9, 16, channels=1, seed=1)}
    np.savez(tmp_path / "photos.npz", **parts)
    return str(tmp_path / "photos.npz")


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_the_fixed_policies_of_a_task_are_presets_that_suit_it(task):
    assert task.fixed[0] == "identity"
    for name in task.fixed:
        assert name.partition(":")[0] in PRESETS
        policy_must_suit_task(task.name, preset(name))


@pytest.mark.parametrize("task", OTHERS)
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"strategy": "density"}, r"--strategy density does not go with --task"),
        ({"strategy": "by-class"}, r"--strategy by-class does not go with --task"),
        ({"strategy": "autoaugment-rl"}, r"--strategy autoaugment-rl does not go with --task"),
        ({"recipe": {"base_epochs": 3}}, r"--base-epochs 3 does not go with --task"),
        ({"recipe": {"label_smoothing": 0.1}}, r"--label-smoothing 0.1 does not go with --task"),
        ({"reward": "accuracy-0.5*ece"}, r"ece is a metric of --task classification"),
    ],
)
def test_what_only_classifiers_do_is_refused_in_a_sentence(task, settings, message):
    with pytest.raises(UserError, match=message):
        must_be_spelled(make_config({"task": task, "workers": 0, **settings}))


@pytest.mark.parametrize("task", OTHERS)
def test_all_that_a_task_cannot_do_is_said_at_once(task):
    config = make_config({"task": task, "workers": 0, "recipe": {"base_epochs": 3, "label_smoothing": 0.1}})
    with pytest.raises(UserError, match=r"--base-epochs 3 .*--label-smoothing 0.1 "):
        must_be_spelled(config)


@pytest.mark.parametrize(
    ("task", "policy", "part"),
    [
        ("self-supervised", "soft-crop", "softening"),
        ("text-lines", "soft-crop", "softening"),
        ("self-supervised", "entaugment", "adaptive"),
        ("classification", "simsiam-sa1", "pair"),
        ("text-lines", "simsiam-sa1", "pair"),
        ("multi-label", "simsiam-sa1", "pair"),
        ("multi-label", "entaugment", "adaptive"),
        ("regression", "soft-crop", "softening"),
    ],
)
def test_a_part_of_a_policy_that_the_task_has_not_is_named(task, policy, part):
    with pytest.raises(UserError, match=rf"{policy}.* has '{part}', which does not go with --task {task}"):
        policy_must_suit_task(task, preset(policy))


def test_a_part_that_only_a_late_stage_has_is_found():
    steps = [{"steps": [{"operation": "flip-horizontal"}]}]
    stage = {"start": 0.5, "sub_policies": steps, "softening": {"k": 2}}
    policy = Policy.from_dict({"sub_policies": steps, "stages": [stage]})
    with pytest.raises(UserError, match="has 'softening'"):
        policy_must_suit_task("self-supervised", policy)


def test_a_space_of_classifiers_is_refused_before_anything_is_written(photos, tmp_path, quick):
    config = config_for(tmp_path / "run", task="self-supervised", data=photos, space="soft-crop")
    with pytest.raises(UserError, match=r"space soft-crop: .*'softening'.*or give --space pairs"):
        search(config)
    assert not (tmp_path / "run").exists()


def test_pairs_are_refused_in_classification_before_anything_is_written(tmp_path, quick):
    data = str(write_npz(tmp_path / "small.npz"))
    with pytest.raises(UserError, match=r"space pairs: .*'pair', which does not go with --task classification"):
        search(config_for(tmp_path / "run", data=data, space="pairs"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("task", OTHERS)
def test_calibrations_and_online_searches_are_of_classification(task, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(UserError, match=f"^calibrate does not go with --task {task}"):
        calibrate(CalibrateSettings(), {"task": task, "workers": 0}, out)
    with pytest.raises(UserError, match=f"^online does not go with --task {task}"):
        online(OnlineSettings(rule="random"), {"task": task, "out": str(out)})
    with pytest.raises(UserError, match=f"^--equal-cost 5 does not go with --task {task}"):
        evaluate("identity", EvaluateSettings(equal_cost="5"), {"task": task, "out": str(out)})
    assert not out.exists()


def test_data_of_another_task_are_refused_with_the_flag_that_helps(photos):
    def tell(status):
        pass

    with pytest.raises(UserError, match=r"y_train missing.*--task self-supervised"):
        load_with_progress(SearchConfig(data=photos), tell)
    with pytest.raises(UserError, match="--task text-lines"):
        load_with_progress(SearchConfig(data="text-lines-small"), tell)
    with pytest.raises(UserError, match="no texts"):
        load_with_progress(SearchConfig(data="fashion-small"), tell, "text-lines")


def test_more_images_than_there_are_is_said_without_classes(photos, tmp_path, quick):
    config = config_for(tmp_path / "run", task="self-supervised", data=photos, images=1000)
    with pytest.raises(UserError, match=r"\[2, 60\] \(60 training images of photos\), got 1000 \(the default\)"):
        search(config)


def test_a_search_without_labels_from_start_to_end(photos, tmp_path, quick):
    folder = tmp_path / "run"
    config = config_for(folder, task="self-supervised", data=photos, reward="accuracy", trials=9, finalists=2)
    result = search(config)
    assert result.verdict is not None and result.policy is not None
    assert result.policy.about["task"] == "self-supervised"
    assert set(result.verdict.differences) <= set(TASKS["self-supervised"].fixed)

    result, material = read_both(folder)
    assert "classes" not in material.background["data"] and material.background["data"]["chance"] == 0.25
    brief = brief_of(result, material)
    assert "probe accuracy [95 %]" in brief.arms.heads
    assert not any("class" in text.lower() for text in brief.opening)

    html = page(material, "they are not shown here")
    assert "probe accuracy" in html and "minus the fixed policies" in html
    assert "Class by class" not in html and "Calibration" not in html

    assert resume(folder, trials=11).summaries


def test_a_search_is_not_resumed_as_another_task(photos, tmp_path, quick):
    folder = tmp_path / "run"
    search(config_for(folder, task="self-supervised", data=photos, trials=3, finalists=1, confirm=0))
    text = (folder / "config.toml").read_text().replace('task = "self-supervised"', 'task = "classification"')
    (folder / "config.toml").write_text(text)
    with pytest.raises(UserError, match="does not go with --task classification"):
        resume(folder)


def test_lines_of_text_are_searched_with_their_own_words(tmp_path, quick):
    folder = tmp_path / "run"
    search(config_for(folder, task="text-lines", trials=6, finalists=1, confirm=1, images=60))
    result, material = read_both(folder)
    assert material.background["data"]["chance"] == 0.0
    assert "word accuracy [95 %]" in brief_of(result, material).arms.heads
    assert set(result.verdict.differences) <= set(TASKS["text-lines"].fixed)


def test_a_table_of_another_task_is_read_with_its_fixed_policies(photos, tmp_path, quick):
    config = config_for(tmp_path / "t", task="self-supervised", data=photos)
    path = tmp_path / "t.parquet"
    recorded = record_table(config, Plan(fidelities="30x1", seeds=1, arms=5), path)
    table = load_table(path)
    assert recorded.pulls == 5 and table.task == "self-supervised"
    assert [arm.name for arm in table.arms[:3]] == list(TASKS["self-supervised"].fixed)
