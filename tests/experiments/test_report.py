"""The report of a search: what stands in it, whatever the run, and what `policysearch report` refuses."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest
import torch
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from rich.console import Console
from scipy.stats import ttest_1samp

from policysearch.child.metrics import reliability, scores
from policysearch.cli.result_folder import kind_of, write_page_of
from policysearch.cli.show import show_result
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.load import load
from policysearch.experiments.search.chance_level import LARGEST_CLASS
from policysearch.experiments.search.report.cost import repeating
from policysearch.experiments.search.report.data import Material
from policysearch.experiments.search.report.headline import found_on
from policysearch.experiments.search.report.importance import FEWEST, distribution_of, importances
from policysearch.experiments.search.report.page import page
from policysearch.experiments.search.report.policy_section import readable_data
from policysearch.experiments.search.report.reliability import calibrated, calibration
from policysearch.experiments.search.report.timeline import best_so_far
from policysearch.experiments.search.result import read as read_result
from policysearch.experiments.search.result import read_whole
from policysearch.experiments.search.run import search
from policysearch.experiments.search.summary import ArmSummary
from policysearch.policy.policy import Policy
from policysearch.policy.presets import BASELINES
from policysearch.policy.softening import Softening
from policysearch.policy.spaces import Arm
from policysearch.reports.html.theme import STYLESHEET
from policysearch.stats.intervals import student
from policysearch.study.quiet_optuna import quiet_optuna
from tests.support.command_line import call
from tests.support.html_pages import must_be_accessible, must_need_nothing, read
from tests.support.quick import QuickSetup, config_for, quick_metrics
from tests.support.selection import slow_but

ODD = "<script>alert(1)</script>&\"$x$'"


def told_metrics(trial) -> dict[str, object]:
    """Those of `quick_metrics`, with a calibration error and its bins."""
    found = quick_metrics(trial)
    right = round(200 * found["accuracy"])
    bins = [[0, 0.0, 0]] * 8 + [[100, 85.0, right // 2], [100, 95.0, right - right // 2]]
    return {**found, "ece": sum(abs(c - b) for _, b, c in bins) / 200, "reliability": bins}


class ToldSetup(QuickSetup):
    def __call__(self):
        return told_metrics


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Iterator[Path]:
    """A finished search, of children that are made up."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workers.evaluate.ChildSetup", ToldSetup)
        patch.setattr("policysearch.experiments.search.run.write_picture", lambda *_: None)
        search(config_for(folder, trials=24, confirm=3))
    return folder


@pytest.fixture(scope="module")
def material(run) -> Material:
    return read_whole(run)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return load("fashion-small")


def soft(material: Material, dataset: Dataset) -> tuple[Material, Dataset | str]:
    curves = Softening(k=2, mode="both", operations={"rotate": {"k": 1, "p_min": 0.2}})
    policy = Policy.preset("soft-crop").model_copy(update={"softening": curves})
    return replace(material, policy=policy), dataset


def unfinished(material: Material, dataset: Dataset) -> tuple[Material, Dataset | str]:
    return replace(material, verdict=None, policy=None, confirmation=[], confirmed=[]), dataset


def old(material: Material, dataset: Dataset) -> tuple[Material, Dataset | str]:
    """As versions before this one recorded."""
    rows = [
        replace(row, outcome=replace(row.outcome, metrics={**row.outcome.metrics, "reliability": None}))
        for row in material.confirmed
    ]
    return replace(material, background={}, data="", confirmed=rows), dataset


def odd(material: Material, dataset: Dataset) -> tuple[Material, Dataset | str]:
    """With names that would be markup."""
    assert material.policy and material.verdict
    summaries = [replace(s, arm=named(s.arm)) for s in material.summaries]
    rows = [replace(row, outcome=replace(row.outcome, error=ODD)) for row in material.searched]
    policy = material.policy.model_copy(update={"name": ODD})
    verdict = replace(material.verdict, winner=named(material.verdict.winner), sentence=f"{ODD} wins")
    changed = replace(material, summaries=summaries, searched=rows, policy=policy, verdict=verdict)
    return changed, replace(dataset, classes=(ODD,) * len(dataset.classes))


def named(arm: Arm) -> Arm:
    parameters = {"family": ODD, f"f.{ODD}": ODD}
    return replace(arm, policy=arm.policy.model_copy(update={"name": ODD}), parameters=parameters)


def weighted_pairs(material: Material, dataset: Dataset) -> tuple[Material, Dataset | str]:
    return replace(material, policy=Policy.preset("simsiam-sa2")), dataset


CASES = {
    "pairs": weighted_pairs,
    "whole": lambda material, dataset: (material, dataset),
    "soft": soft,
    "unfinished": unfinished,
    "old": old,
    "no data": lambda material, dataset: (material, "the data are gone"),
    "odd": odd,
    "soft, no data": lambda material, dataset: (replace(soft(material, dataset)[0], background={}), "gone"),
}


PICTURES = {"no data": 0, "soft, no data": 0, "unfinished": 0, "pairs": 4 * 7}


@pytest.mark.parametrize("case", slow_but(["whole", "odd", "old", "soft, no data"], CASES))
def test_every_report_is_whole_needs_nothing_and_can_be_heard(case, material, dataset):
    html = page(*CASES[case](material, dataset))
    found = read(html)
    must_need_nothing(found)
    must_be_accessible(found)
    text = "".join(found.text)
    assert not [word for word in text.replace(STYLESHEET, "").lower().split() if word.strip("[],.:") == "nan"]
    assert len(found.values("img", "src")) == PICTURES.get(case, 24 + len(dataset.classes))
    assert html.count("<script") == 1 and (case != "odd" or ODD in text)


def shown(sentence: str) -> str:
    """As the page has it: what stands between backquotes is code there."""
    return sentence.replace("`", "")


def test_the_statement_comes_first_with_every_fixed_policy(material, dataset):
    text = "".join(read(page(material, dataset)).text)
    assert material.verdict
    assert text.index(shown(material.verdict.sentence)) < text.index("The policy")
    table = text[text.index("minus the fixed policies") : text.index("Differences are paired")]
    assert all(name in table for name in BASELINES)
    assert "6,000" not in text and "4,000 training and 2,000 validation images" in text
    for told in ("confidence", "Rewards over the search", "mattered", "Calibration", "repeated attempts", "torch"):
        assert told in text


def test_pairs_stand_side_by_side_with_what_they_count(material, dataset):
    text = "".join(read(page(*weighted_pairs(material, dataset))).text).replace(STYLESHEET, "")
    for words in ("the others are pairs of views of it", "second view", "IoU of the two views", "Weight of pairs"):
        assert words in text
    assert "confidence 1.00" not in text and re.search(r"IoU 0\.\d\d, weight \d\.\d\d", text)


def test_warnings_stay_with_the_run(material, dataset, run):
    """Pulls of one epoch are known to mislead: it says so on the page, in `show` and in policy.json, not only once."""
    (warning,) = [text for text in material.warnings if "known to mislead" in text]
    assert shown(warning) in "".join(read(page(material, dataset)).text)
    assert shown(warning) in "".join(read(page(replace(material, verdict=None), dataset)).text)
    assert warning in json.loads((run / "policy.json").read_text())["about"]["warnings"]
    console = Console(file=io.StringIO(), width=10_000)
    show_result(read_result(run), console)
    assert f"Warning: {warning}." in console.file.getvalue()


def test_the_share_of_the_largest_class_is_noted(material):
    assert material.background["data"][LARGEST_CLASS] == pytest.approx(0.1, abs=0.01)


def test_intervals_are_those_of_the_t_test():
    gaps = np.random.default_rng(0).normal(0.01, 0.02, 7)
    found = student(gaps.mean(), gaps.std(ddof=1) / math.sqrt(7), 7)
    assert [found.low, found.high] == pytest.approx(list(ttest_1samp(gaps, 0).confidence_interval(0.95)))
    assert math.isnan(student(0.1, math.nan, 1).low)


def test_bins_add_up_to_the_calibration_error():
    generator = torch.Generator().manual_seed(0)
    logits, labels = 3 * torch.randn(500, 7, generator=generator), torch.randint(0, 7, (500,), generator=generator)
    bins, found = np.array(reliability(logits, labels)), scores(logits, labels)
    assert np.abs(bins[:, 2] - bins[:, 1]).sum() / 500 == pytest.approx(found["ece"], abs=1e-6)
    assert bins[:, 0].sum() == 500 and bins[:, 2].sum() == found["correct"]
    filled = bins[bins[:, 0] > 0]
    assert ((filled[:, 1] / filled[:, 0]) <= (np.flatnonzero(bins[:, 0]) + 1) / 10 + 1e-6).all()
    assert json.loads(json.dumps(reliability(logits, labels))) == reliability(logits, labels)


def test_finalists_bins_are_added_up(material):
    found = calibrated(material)
    assert material.verdict and found[0].arm.key == material.verdict.winner.key
    rows = [row for row in material.confirmed if row.arm.key == found[0].arm.key]
    assert found[0].networks == len(rows) == 3 and found[0].bins is not None
    assert found[0].bins[:, 0].sum() == 600 and 0 <= found[0].pooled <= found[0].ece + 1e-9


def test_the_line_is_the_best_mean_so_far(material):
    line, seen = best_so_far(material.searched), {}
    for at, row in enumerate(material.searched):
        seen.setdefault(row.arm.key, []).append(row.reward)
        assert line[at] == pytest.approx(max(np.mean(own) for own in seen.values()))


def test_rewards_of_cheap_pulls_are_not_in_the_line(material):
    cheap, dear = material.searched[0], replace(material.searched[1], fidelity=1, reward=0.5)
    line = best_so_far([replace(cheap, reward=0.9), dear, replace(cheap, reward=0.8)])
    assert np.isnan(line[0]) and line[1:].tolist() == [0.5, 0.5]


def test_too_few_predictions_make_no_reliability_diagram(material):
    rows = [
        replace(row, outcome=replace(row.outcome, metrics={**row.outcome.metrics, "reliability": [[1, 0.5, 1]] * 10}))
        for row in material.confirmed[:1]
    ]
    text = "".join(calibration(replace(material, confirmed=rows)))
    assert "judged on too few images" in text and "<svg" not in text


def test_all_fidelities_of_a_search_are_told(material):
    config = material.config.model_copy(update={"strategy": "successive-halving", "images": 900})
    assert f"{len(material.searched)} pulls of 100, 300 or 900 images" in found_on(replace(material, config=config))


def made_up(family: str, mean: float, **parameters: float) -> ArmSummary:
    own = {f"{family}.{name}": value for name, value in parameters.items()}
    policy = Policy.preset("identity").model_copy(update={"name": f"{family}{parameters}"})
    return ArmSummary(Arm({"family": family, **own}, policy), 2, 0, mean, 0.01, mean, 1.0)


def test_the_parameter_that_decides_is_the_important_one():
    """Half of the arms have a = 1 and are better; b and c are noise. False alarms: seeds are fixed."""
    rng = np.random.default_rng(0)
    arms = [made_up("f", 0.1 * (i % 2) + 0.01 * rng.random(), a=i % 2, b=i // 2 % 3, c=i // 6 % 4) for i in range(24)]
    arms += [made_up("g", 0.01 * rng.random(), b=i) for i in range(12)]
    family, f, g = importances(arms)
    assert family.of == "family" and family.values[0].value == "f" and family.shares == pytest.approx({"family": 1})
    assert next(iter(f.shares)) == "a" and f.shares["a"] > 0.6 and sum(f.shares.values()) == pytest.approx(1)
    assert g.arms == 12 and not g.reason
    assert [(each.value, each.arms) for each in f.values if each.parameter == "a"] == [("1", 12), ("0", 12)]


def test_importances_take_numbers_as_numbers():
    """As Optuna does with ranges of its own: m decides, n a little, z nothing."""
    rng = np.random.default_rng(0)
    rows = [{"m": int(rng.integers(31)), "n": int(rng.integers(1, 4)), "z": int(rng.integers(5))} for _ in range(60)]
    values = [row["m"] / 31 + 0.11 * row["n"] for row in rows]
    with quiet_optuna():
        study = optuna.create_study(direction="maximize")
    ranges = {name: IntDistribution(*(f(row[name] for row in rows) for f in (min, max))) for name in "mnz"}
    for row, value in zip(rows, values, strict=True):
        study.add_trial(optuna.trial.create_trial(params=row, distributions=ranges, value=value))
    expected = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=0.1))
    (inner,) = importances([made_up("f", value, **row) for row, value in zip(rows, values, strict=True)])
    assert inner.shares == pytest.approx(expected) and inner.shares["m"] > 0.75
    assert isinstance(distribution_of([True, False]), CategoricalDistribution)
    assert isinstance(distribution_of([1, 2.5]), FloatDistribution)


def test_too_few_arms_and_arms_that_are_all_alike_have_no_importances():
    few = importances([made_up("f", i / 10, a=i) for i in range(FEWEST - 1)])
    assert all(not group.shares and str(FEWEST) in group.reason for group in few)
    alike = importances([made_up("f", 0.5, a=i) for i in range(20)])
    assert [group.of for group in alike] == ["f"], "families are not compared where there is one"
    assert "chance" in alike[0].reason
    same = importances([made_up("f", i / 10, a=1) for i in range(20)])
    assert "same values" in same[0].reason


def test_a_password_is_nowhere(material, dataset):
    config = material.config.model_copy(update={"storage": "postgresql://me:s3cret@host/db?sslpassword=s3cret"})
    html = page(replace(material, config=config), dataset)
    assert "s3cret" not in html and "postgresql://me@host/db" in html and "--study run-again" in html


def test_the_command_repeats_the_search(material, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("workers.evaluate.ChildSetup", ToldSetup)
    monkeypatch.setattr("policysearch.experiments.search.run.write_picture", lambda *_: None)
    monkeypatch.setattr("policysearch.experiments.search.run.write_page", lambda *_: None)
    mine = tmp_path / "mine.toml"
    mine.write_text(material.space_text + '\n[[family]]\nname = "more"\npreset = "randaugment:1,7"\n')
    folder = tmp_path / "a b"
    search(config_for(folder, space=str(mine), trials=8, confirm=1, finalists=1))
    mine.unlink()
    words = shlex.split(repeating(read_whole(folder)))
    code, _, err = call(monkeypatch, capsys, *words[1:])
    assert code == 0, err
    assert rows_of(tmp_path / "a b-again") == rows_of(folder)
    assert "--space" in words and "--space" not in repeating(material), "what ships needs none"


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open() as file:
        return [{key: row[key] for key in ("phase", "number", "arm", "seed", "reward")} for row in csv.DictReader(file)]


def test_the_columns_of_trials_csv_are_numbers_alone(run):
    with (run / "trials.csv").open() as file:
        assert "reliability" not in next(csv.reader(file))


def test_a_search_writes_its_page_and_ends_well_without(run, tmp_path, monkeypatch, quick):
    assert "which augmentation" in (run / "report.html").read_text(encoding="utf-8")
    monkeypatch.undo()
    monkeypatch.setattr("workers.evaluate.ChildSetup", ToldSetup)
    monkeypatch.setattr("policysearch.experiments.search.run.write_picture", lambda *_: None)
    monkeypatch.setattr("policysearch.experiments.search.report.page.page", lambda *_: 1 / 0)
    with pytest.warns(UserWarning, match=r"the search is complete, but .*report.html could not be made: ZeroDivision"):
        search(config_for(tmp_path / "run"))
    assert Policy.load(tmp_path / "run" / "policy.json") and not (tmp_path / "run" / "report.html").exists()


def test_data_that_changed_or_are_gone_are_not_shown(material):
    assert isinstance(readable_data(material), Dataset)
    assert "changed" in str(readable_data(replace(material, data=hashlib.sha256().hexdigest())))
    gone = material.config.model_copy(update={"data": "/nowhere/pets"})
    assert "cannot be read any more" in str(readable_data(replace(material, config=gone)))


def test_versions_are_those_of_the_search(material, run):
    assert set(material.background["versions"][0]) >= {"policysearch", "python", "torch", "optuna"}
    assert len(material.background["versions"]) == 1


@pytest.fixture
def cli(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    return lambda *words: call(monkeypatch, capsys, *words)


def test_report_writes_where_it_is_told(cli, run, tmp_path):
    code, out, err = cli("report", str(run), "-o", "mine.html")
    assert (code, out, err) == (0, "mine.html\n", "")
    own, moved = (read(path.read_text(encoding="utf-8")) for path in (run / "report.html", tmp_path / "mine.html"))
    assert own.text == moved.text
    for page_of, folder in ((own, run), (moved, tmp_path)):
        files = [link for link in page_of.values("a", "href") if link and not link.startswith(("#", "data:"))]
        assert {(folder / link).resolve() for link in files} >= {(run / "trials.csv").resolve()}
        assert all((folder / link).is_file() for link in files)
    code, out, _ = cli("report", str(run))
    assert code == 0 and out == f"{run}/report.html\n", "the run's own page is replaced"
    (tmp_path / "mine.html").write_text("mine")
    assert cli("report", str(run), "-o", "mine.html")[0] == 2 and (tmp_path / "mine.html").read_text() == "mine"
    assert cli("report", str(run), "-o", "mine.html", "--force")[0] == 0


def test_show_says_the_same_in_brief(cli, run, material):
    code, out, _ = cli("show", str(run))
    flat = " ".join(out.split())
    assert code == 0 and material.verdict and flat.startswith(material.verdict.sentence)
    assert "Calibration error (ece)" in flat and "est families" in flat and "report.html" in flat


BAD = {
    "nowhere": "holds no run",
    "empty": "holds no run",
    "broken": "is not TOML",
    "text.txt": "holds no run",
    "odd evaluation": "is damaged",
    "old evaluation": "is of version 'x/9'",
    "begun evaluation": "has not ended",
    "odd comparison": "is damaged",
    "unread comparison": "runs.npz cannot be read",
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("command", ["report", "show"])
def test_folders_that_cannot_be_told_of(cli, tmp_path, name, command):
    for folder in ("empty", "broken", *(each for each in BAD if " " in each)):
        (tmp_path / folder).mkdir()
    (tmp_path / "text.txt").write_text("text")
    (tmp_path / "broken" / "config.toml").write_text("trials = ")
    (tmp_path / "odd evaluation" / "evaluation.json").write_text('{"schema": "policysearch.evaluation/1", "sent')
    (tmp_path / "old evaluation" / "evaluation.json").write_text('{"schema": "x/9"}')
    (tmp_path / "begun evaluation" / "evaluation.toml").write_text("")
    (tmp_path / "odd comparison" / "compare.json").write_text("[]")
    (tmp_path / "unread comparison" / "compare.json").write_text('{"schema": "policysearch.comparison/1"}')
    if (name, command) == ("unread comparison", "show"):
        return
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    code, out, err = cli(command, name, *(["-o", "out.html"] if command == "report" else []))
    assert code == 2 and BAD[name] in err and err.count("\n") == 1 and not out, err
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before


@pytest.mark.parametrize(("out", "told"), [("r.txt", "takes PATH.html"), ("no/r.html", "folder that exists")])
def test_pages_that_cannot_be_written(cli, run, tmp_path, out, told):
    code, _, err = cli("report", str(run), "-o", out)
    assert code == 2 and told in err and err.count("\n") == 1 and not list(tmp_path.iterdir())


def test_a_search_without_a_reward_has_nothing_to_report(material, tmp_path, monkeypatch):
    rows = [replace(row, state="failed", reward=None) for row in material.searched]
    monkeypatch.setattr("policysearch.experiments.search.result.read_whole", lambda _: replace(material, searched=rows))
    (tmp_path / "config.toml").write_text("")
    assert kind_of(tmp_path).page == "report.html"
    with pytest.raises(ValueError, match="no finished pull"):
        write_page_of(tmp_path, None, False)
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]
