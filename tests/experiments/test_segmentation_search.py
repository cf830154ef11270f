"""The task segmentation from a folder of images and masks to a policy that is judged on the test part."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from policysearch.core.errors import UserError
from policysearch.core.tasks import TASKS
from policysearch.experiments.evaluation.files import read_evaluation
from policysearch.experiments.evaluation.ledger import hash_of_test_part
from policysearch.experiments.evaluation.run import evaluate
from policysearch.experiments.evaluation.settings import EvaluateSettings
from policysearch.experiments.search.report.classes import class_by_class
from policysearch.experiments.search.report.page import page
from policysearch.experiments.search.result import read_both
from policysearch.experiments.search.run import search
from policysearch.experiments.task_checks import policy_must_suit_task, space_must_suit_task
from policysearch.policy.policy import Policy
from policysearch.policy.presets import preset
from policysearch.policy.space_files import load_space
from policysearch.study.config import SearchConfig, make_config
from tests.support.mask_children import small_masks, write_masks

SMALL = {"epochs": 1, "workers": 0, "trials": 1, "confirm": 1, "finalists": 1, "images": 12, "recipe": {"batch": 6}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POLICYSEARCH_CACHE", str(tmp_path / "cache"))
    write_masks(tmp_path / "blots", {"train": 18, "val": 6, "test": 6})
    return tmp_path / "blots"


def _settings(folder: Path, out: Path, **changes: object) -> SearchConfig:
    return make_config({"task": "segmentation", "data": str(folder), "out": str(out), **SMALL, **changes})


def test_a_search(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policysearch.experiments.search.run.write_picture", lambda *_: None)
    result = search(_settings(folder, tmp_path / "run"))
    with (tmp_path / "run" / "trials.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["complete"] * len(rows)
    assert {preset(name).name for name in TASKS["segmentation"].fixed} <= {row["policy"] for row in rows}
    assert all(0 <= float(row["worst_iou"]) <= float(row["accuracy"]) <= 1 for row in rows)
    assert result.policy is not None and result.policy.about["task"] == "segmentation"

    _, material = read_both(tmp_path / "run")
    assert material.classes == ("paper", "ink", "blot")
    data = material.background["data"]
    # Most pixels are paper: a network that names it everywhere gets its share over the three classes.
    assert data["classes of pixels"] == 3 and 0.1 < data["chance"] < 1 / 3 and "classes" not in data
    html = page(material, "they are not shown here")
    assert "mIoU" in html and "IoU by class on validation" in html and "accuracy under" not in html
    section = "".join(class_by_class(material))
    assert "IoU of every class under every finalist" in section and all(name in section for name in material.classes)
    assert "mIoU" in (tmp_path / "run" / "summary.json").read_text(encoding="utf-8")


def test_the_ledger_tells_other_masks_of_the_same_images_apart() -> None:
    dataset = small_masks()
    assert dataset.masks_test is not None
    other = replace(dataset, masks_test=dataset.masks_test[::-1])
    assert hash_of_test_part(dataset) == hash_of_test_part(small_masks()) != hash_of_test_part(other)


@pytest.mark.slow
def test_an_evaluation(folder: Path, tmp_path: Path) -> None:
    against = EvaluateSettings(seeds=2, against="identity")
    evaluate("flip-crop", against, {**_settings(folder, tmp_path / "test").model_dump()})
    text = (tmp_path / "test" / "evaluation.md").read_text(encoding="utf-8")
    assert "mIoU" in text and "pixel accuracy" in text and "ECE" not in text and "moves an accuracy by" not in text
    document = json.loads((tmp_path / "test" / "evaluation.json").read_text(encoding="utf-8"))
    assert {"accuracy", "worst_iou", "pixel_accuracy"} <= document["metrics"].keys()

    classes = document["classes"]
    assert classes["names"] == ["paper", "ink", "blot"] and classes["unit"] == "pixels"
    assert sum(classes["images"]) == 6 * 12 * 12
    means = np.mean(classes["shares"]["flip-crop"], 1)
    place = document["policies"].index("flip-crop")
    assert means == pytest.approx(document["metrics"]["accuracy"]["values"][place])
    assert "IoU under flip-crop" in text
    html = (tmp_path / "test" / "evaluation.html").read_text(encoding="utf-8")
    assert "IoU under flip-crop" in html and "difference of test IoU" in html
    assert read_evaluation(tmp_path / "test").classes.unit == "pixels"


def test_the_defaults_of_the_task_are_those_of_masks() -> None:
    config = SearchConfig(task="segmentation")
    assert (config.data, config.model, config.space) == ("shapes-small", "small-unet", "segmentation")
    assert (config.images, config.epochs, config.trials) == (200, 20, 24)


def test_the_space_of_masks_suits_their_task() -> None:
    space = load_space("segmentation", TASKS["segmentation"].fixed)
    space_must_suit_task("segmentation", space)
    assert space.size == 31 and "31 arms" in space.description
    with pytest.raises(UserError, match="or give --space segmentation"):
        space_must_suit_task("segmentation", load_space("mixes", TASKS["segmentation"].fixed))


@pytest.mark.parametrize(("mix", "why"), [("mixup", "blends of several images"), ("line-join", "strings of lines")])
def test_mixes_without_a_meaning_for_masks_are_refused(mix: str, why: str) -> None:
    with pytest.raises(UserError, match=f"has '{mix}', which does not go with --task segmentation: .*{why}"):
        policy_must_suit_task("segmentation", Policy.from_dict({"sub_policies": [{}], "mix": {"operation": mix}}))
    for name in ("cutmix", "mosaic"):
        policy_must_suit_task("segmentation", Policy.from_dict({"sub_policies": [{}], "mix": {"operation": name}}))
    with pytest.raises(UserError, match=r"has 'mixture', .*no one place for a mask"):
        policy_must_suit_task("segmentation", preset("augmix"))


def test_bad_input_is_found_before_anything_is_written(folder: Path, tmp_path: Path) -> None:
    for changes, sentence in (
        ({"model": "small-resnet"}, "needs one per pixel: give small-unet|gives float32"),
        ({"reward": "ece"}, "ece is a metric of --task classification"),
        ({"recipe": {"label_smoothing": 0.1}}, "label-smoothing 0.1 does not go with --task segmentation"),
        ({"space": "soft-crop"}, "'softening', which does not go with --task segmentation"),
        ({"data": "fashion-small"}, "have no masks: --task segmentation needs the mask of every image"),
        ({"task": "classification", "model": "small-resnet", "space": "default"}, "give --task segmentation"),
        ({"strategy": "by-class"}, "does not go with --task segmentation"),
    ):
        with pytest.raises(UserError, match=sentence):
            search(_settings(folder, tmp_path / "none", **changes))
        assert not (tmp_path / "none" / "study.db").exists()
