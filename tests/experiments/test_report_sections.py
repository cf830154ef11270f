"""Sections of a search's page that show all arms and all classes: right for few, small and readable for very many."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from policysearch.experiments.search.report.arm_labels import label_of
from policysearch.experiments.search.report.arms import arms
from policysearch.experiments.search.report.classes import class_by_class
from policysearch.experiments.search.report.data import Material
from policysearch.experiments.search.report.gallery import gallery
from policysearch.experiments.search.report.headline import opening
from policysearch.experiments.search.report.learning_curves import learning_curves
from policysearch.experiments.search.report.never_pulled import coverage_in_words, never_pulled
from policysearch.experiments.search.report.next_steps import next_steps
from policysearch.experiments.search.report.page import page
from policysearch.experiments.search.report.parameters_section import by_parameters, families_of
from policysearch.policy.policy import Policy
from tests.support.html_pages import must_be_accessible, must_need_nothing, read
from tests.support.reports import images_of, made_up, space

ODD = "</title><script>alert(1)</script>&\"'"
CLASSES = ("a", ODD, "=c")


@pytest.fixture(scope="module")
def material() -> Material:
    return made_up(Path("runs/a run"), arms=40, trials=80, classes=CLASSES)


def csv_of(html: str, name: str) -> list[list[str]]:
    """The rows of a table that can be saved."""
    (address,) = (a["href"] for tag, a in read(html).tags if tag == "a" and a.get("download") == name)
    assert address
    return list(csv.reader(io.StringIO(unquote(address.partition(",")[2]), newline="")))


def test_names_are_text_in_every_section(material):
    html = page(material, images_of(CLASSES))
    must_need_nothing(read(html))
    must_be_accessible(read(html))
    assert html.count("<script") == 1 and ODD in read(html).text


def test_the_commands_can_be_pasted(material):
    page_of = read("".join(next_steps(material)))
    lines = [shlex.split(line) for line in page_of.text if line.startswith("policysearch ")]
    assert ["policysearch", "evaluate", "runs/a run", "--out", "runs/a run-evaluated"] in lines
    assert ["policysearch", "export", "runs/a run", "--to", "torchvision"] in lines
    (saved,) = [a["href"] for tag, a in page_of.tags if a.get("download") == "policy.json"]
    assert saved and Policy.from_dict(json.loads(unquote(saved.partition(",")[2]))) == material.policy
    begun = read("".join(next_steps(replace(material, verdict=None, policy=None))))
    assert "policysearch resume 'runs/a run'" in begun.text and not begun.values("a", "download")[0]


def test_links_lead_from_where_the_page_is(material, tmp_path):
    folder = tmp_path / "a run"
    links = read("".join(next_steps(replace(material, folder=folder), tmp_path / "pages"))).values("a", "href")
    assert "../a%20run/trials.csv" in links


def test_the_date_is_that_of_the_trials(material):
    assert "Ran from 30 November 2026, 21:25 to 1 December 2026, 03:05." in "".join(opening(material))
    assert "Ran from" not in "".join(opening(replace(material, span=None)))


def test_arms_that_were_never_pulled_are_counted_and_named(material):
    everything = {label_of(arm) for arm in space().arms(material.config.seed)}
    pulled = {label_of(row.arm) for row in material.searched}
    missing = never_pulled(material)
    assert missing and set(missing) == everything - pulled and len(missing) == len(everything) - 40
    assert coverage_in_words(material).startswith(f"Never pulled: {len(missing):,} of the {len(everything):,} arms (")
    sampler = replace(material, config=material.config.model_copy(update={"strategy": "tpe"}))
    assert never_pulled(sampler) is None and f"{space().size:,} assignments" in coverage_in_words(sampler)


def test_one_table_has_all_arms(material):
    rows = csv_of("".join(arms(material)), "the-search-40-arms.csv")
    assert rows[0][:5] == ["arm", "pulls", "accuracy (%)", "accuracy (%) low", "accuracy (%) high"]
    assert [row[0] for row in rows[1:]] == [label_of(summary.arm) for summary in material.summaries]
    assert [float(row[2]) for row in rows[1:]] == pytest.approx([100 * s.mean for s in material.summaries], abs=0.006)


def test_learning_curves_are_means_over_pulls(material):
    html = "".join(learning_curves(material))
    winner = material.verdict.winner
    pulls = [row.outcome.metrics["accuracy"] for row in material.confirmed if row.arm.key == winner.key]
    tips = re.findall(r"<title>(.*?)</title>", html)
    (end, *_) = [tip for tip in tips if tip.startswith(f"{label_of(winner)}: ") and tip.endswith("at 8")]
    assert f"{label_of(winner)}: {100 * np.mean(pulls):.4g} [" in end
    old = [replace(row, outcome=replace(row.outcome, metrics={"accuracy": 0.5})) for row in material.confirmed]
    assert not "".join(learning_curves(replace(material, confirmed=old)))


def test_a_thread_is_an_arm_and_a_slice_shows_the_means_of_values(material):
    (family,) = families_of(material)
    html = "".join(by_parameters(material))
    assert set(family.parameters) == {"a", "b", "c", "d", "e"} & set(family.parameters) and len(family.parameters) > 2
    assert len(re.findall(r'class="thread', html)) == len(family.arms)
    name = next(name for name, values in family.parameters.items() if isinstance(values[0], float))
    value = family.parameters[name][0]
    means = [arm.mean for arm, own in zip(family.arms, family.parameters[name], strict=True) if own == value]
    assert f"{name} = {value:g}: mean {100 * np.mean(means):.4g} of {len(means)} arms" in html


def test_means_are_of_all_arms_though_not_all_are_drawn(material, monkeypatch):
    monkeypatch.setattr("policysearch.experiments.search.report.parameters_section._POINTS", 5)
    (family,) = families_of(material)
    modes = family.parameters["c"]
    means = [arm.mean for arm, mode in zip(family.arms, modes, strict=True) if mode == "target"]
    assert f"target: mean {100 * np.mean(means):.4g} of {len(means)} arms" in "".join(by_parameters(material))


def test_a_family_of_two_arms_has_no_charts():
    assert not "".join(by_parameters(made_up(Path("few"), arms=6, trials=6)))


def test_every_class_has_its_strip_and_its_accuracy(material):
    data = images_of(CLASSES, side=20)
    pictures = read("".join(gallery(material, data))).values("img", "src")
    assert len(pictures) == len(CLASSES)
    for label, address in enumerate(pictures):
        strip = np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))
        assert strip.shape == (20, 5 * 21 - 1, 3)
        first = strip[:, :20].transpose(2, 0, 1)
        assert any(np.array_equal(first, image) for image in data.x_train[data.y_train == label])
    rows = csv_of("".join(class_by_class(material)), "accuracy-by-class-on-validation.csv")
    assert [row[0] for row in rows[1:]] == ["a", ODD, "'=c"]
    assert len(rows[0]) == 2 + len(material.confirmation)


def test_data_without_one_class_per_image_have_no_gallery(material):
    data = images_of(CLASSES)
    many = replace(data, y_train=np.zeros((len(data.y_train), 3), np.int64))
    assert not "".join(gallery(material, many)) and not "".join(gallery(material, "gone"))
    assert not "".join(gallery(material, replace(data, labelled=False)))


@pytest.mark.slow
def test_a_page_of_a_thousand_arms_and_a_hundred_classes_stays_small(monkeypatch):
    """Without pictures, which are as large as the images are rich; the linear model has a test of its own."""
    monkeypatch.setattr("policysearch.experiments.search.report.page.factor_effects", lambda _: iter(()))
    large = made_up(Path("large"), arms=1000, trials=2000, classes=[f"class {k}" for k in range(100)])
    html = page(large, "no pictures")
    must_need_nothing(read(html))
    assert len(large.summaries) == 1000 and len(html.encode()) < 1_500_000
    assert len(re.findall(r'class="thread', html)) <= 250
    assert len(list(read("".join(gallery(large, images_of(large.classes)))).values("img", "src"))) == 100
