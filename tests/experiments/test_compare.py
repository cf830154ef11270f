"""`policysearch record` and `policysearch compare` as typed, and searches that are really run."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from policysearch.cli.entry_point import main
from policysearch.core.errors import UserError
from policysearch.experiments.comparison.replay import checkpoints
from policysearch.experiments.comparison.run import compare
from policysearch.experiments.comparison.settings import CompareSettings
from policysearch.study.config import SearchConfig
from tests.support.made_up_tables import made_up
from tests.support.quick import QuickSetup, quick_metrics


@pytest.fixture
def cli(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["policysearch", *words])
        with pytest.raises(SystemExit) as end:
            main()
        return (end.value.code or 0, *capsys.readouterr())

    return call


QUICK = ["--runs", "4", "--pulls", "30", "--sensitivity", "0", "--processes", "1"]


def test_a_table_is_replayed_from_the_command_line(cli, tmp_path):
    made_up(tmp_path / "t.parquet")
    code, out, err = cli("compare", "--replay", "t.parquet", "--strategies", "random,ucb", *QUICK, "--out", "cmp")
    assert code == 0, err
    assert "Budget 30" in out and "cannot be told apart" in out and "Replayed, not trained" in out
    found = json.loads((tmp_path / "cmp/compare.json").read_text())
    assert found["about"]["command"].startswith("policysearch compare --replay t.parquet")
    assert (tmp_path / "cmp/compare.html").read_text().startswith("<!DOCTYPE html>")
    with np.load(tmp_path / "cmp/runs.npz") as runs:
        assert runs["0.picks"].shape == runs["1.picks"].shape and str(runs["1.strategy"]) == "ucb"
    before = (tmp_path / "cmp/compare.json").read_bytes()
    code, _, err = cli("compare", "--replay", "t.parquet", "--strategies", "ucb", *QUICK, "--out", "cmp")
    assert code == 2 and "give another --out" in err and (tmp_path / "cmp/compare.json").read_bytes() == before


def test_a_sampler_on_a_part_of_a_space_is_refused_before_anything_is_replayed(tmp_path):
    made_up(tmp_path / "t.parquet", part=8)
    settings = CompareSettings(strategies="ucb,tpe,optuna:Random", pulls="30", runs=4, sensitivity=0, processes=1)
    said = []
    with pytest.raises(UserError, match=r"8 arms, a part of its space .* and tpe, optuna:Random would suggest others"):
        compare(settings, tmp_path / "cmp", replay=tmp_path / "t.parquet", listener=said.append)
    assert not said and not (tmp_path / "cmp").exists()


def test_it_is_said_how_many_searches_are_replayed_and_what_for(tmp_path):
    made_up(tmp_path / "t.parquet")
    settings = CompareSettings(strategies="ucb,random", pulls="20,30", runs=4, sensitivity=2, processes=1)
    statuses = []
    compare(settings, tmp_path / "cmp", replay=tmp_path / "t.parquet", listener=statuses.append)
    further = statuses[-1].total - 2 * 2 * 4
    assert statuses[0].note == (
        f"16 searches replayed, of 2 strategies with 2 budgets, and {further} that vary a parameter of a strategy"
    )


def test_a_table_with_one_pull_of_each_arm_has_no_noise_and_no_verdict(cli, tmp_path):
    """No difference "could have been seen", and no strategy is named: with any noise the first would be luck."""
    made_up(tmp_path / "t.parquet", seeds=1)
    code, out, err = cli("compare", "--replay", "t.parquet", "--strategies", "random,ucb", *QUICK, "--out", "cmp")
    assert code == 0, err
    said = " ".join(out.split())
    assert "Budget 30: no verdict. The table has one pull of each arm, so its replay has no noise" in said
    assert "Every arm was pulled only once at 500x80, so that all replayed pulls of such an arm are alike" in said
    assert "could have been seen" not in said
    found = json.loads((tmp_path / "cmp/compare.json").read_text())["budgets"][0]
    assert found["verdict"]["chosen"] == "" and found["verdict"]["detectable"] is None
    pair = found["pairs"][0]
    assert [pair[key] for key in ("p", "holm", "detectable", "error")] == [None] * 4 and pair["difference"][
        "low"
    ] is None
    assert "30 pulls: no verdict" in (tmp_path / "cmp/compare.html").read_text()
    code, shown, err = cli("show", "cmp")
    assert code == 0 and "no verdict" in shown, err


def test_arms_of_a_table_that_were_pulled_once_are_counted(cli, tmp_path):
    made_up(tmp_path / "t.parquet", seeds=2, spoil=lambda cell, m: None if cell[0] < 3 and cell[2] else m)
    code, out, err = cli("compare", "--replay", "t.parquet", "--strategies", "random,ucb", *QUICK, "--out", "cmp")
    assert code == 0, err
    said = " ".join(out.split())
    assert "3 of the " in said and "arms were pulled only once at 500x80" in said
    assert "no verdict" not in said


def test_a_recorded_table_is_replayed_with_a_rule_of_ones_own(cli, tmp_path):
    (tmp_path / "small.toml").write_text('schema = 1\nbaselines = ["identity"]\n')
    (tmp_path / "mine.py").write_text("def last(history, rng):\n    return history.arms - 1\n")
    words = ["--space", "small.toml", "--workers", "0", "--fidelities", "30x1,60x1:1", "--seeds", "2"]
    code, out, err = cli("record", *words, "--out", "t.parquet")
    assert code == 0 and "t.parquet: 12 pulls" in out, err
    code, out, err = cli(
        "compare", "--replay", "t.parquet", "--strategies", "random,mine.py:last", *QUICK, "--out", "c"
    )
    assert code == 0 and "mine.py:last" in out, err
    code, _, err = cli("record", *words, "--model", "wrn-16-4", "--out", "t.parquet")
    assert code == 2 and "model is 'wrn-16-4', was 'quick-resnet-wide'" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "needs either --replay TABLE.parquet or --data D"),
        (["--replay", "none.parquet"], "cannot read table 'none.parquet'"),
        (["--replay", "t.parquet", "--images", "50"], "--images is for live searches"),
        (["--replay", "t.parquet", "--strategies", "usb"], "unknown strategy 'usb'"),
        (["--replay", "t.parquet", "--strategies", "ucb:d=1"], "no parameter 'd'"),
        (["--replay", "t.parquet", "--delta", "0"], "delta"),
        (["--replay", "t.parquet", "--failures", "1"], "failures"),
        (["--replay", "t.parquet", "--truth", "1x1"], "has no fidelity 1x1"),
        (["--replay", "t.parquet", "--reward", "-nothing"], "unknown reward metric 'nothing'"),
        (["--replay", "t.parquet", "--reward", "accuracy", "--pulls", "x"], "--pulls must be numbers above 0"),
        (["--replay", "t.parquet", "--pulls", "9" * 20], "--pulls must be numbers above 0, at most 10,000,000"),
        (["--replay", "t.parquet", "--delta", "inf"], "delta"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(cli, tmp_path, words, message):
    made_up(tmp_path / "t.parquet", seeds=1)
    code, out, err = cli("compare", *words, "--out", "cmp")
    assert code == 2 and message in err and err.count("\n") == 1 and not out.strip().startswith("Budget")
    assert not (tmp_path / "cmp").exists()


@pytest.mark.filterwarnings("default::UserWarning")
def test_more_workers_than_pulls_are_warned_of(cli, tmp_path):
    made_up(tmp_path / "t.parquet", seeds=1)
    words = ["--strategies", "random", "--runs", "2", "--pulls", "5", "--sensitivity", "0", "--processes", "1"]
    code, _, err = cli("compare", "--replay", "t.parquet", *words, "--out", "cmp")
    assert code == 0 and "5 pulls are fewer than the 20 arms" in err and "8 workers, and a budget of 5 pulls" in err


@pytest.fixture
def live(tmp_path):
    (tmp_path / "small.toml").write_text('schema = 1\nbaselines = ["identity"]\n')
    return SearchConfig(space=str(tmp_path / "small.toml"), images=30, epochs=1, confirm=2, workers=0)


@pytest.mark.slow
def test_searches_are_run_read_and_not_run_again(tmp_path, live):
    settings = CompareSettings(strategies="random,ucb,successive-halving", pulls="5", runs=2, sensitivity=0)
    live = live.model_copy(update={"images": 90, "rungs": 2})
    seen: list[str] = []
    found, made = compare(settings, tmp_path / "cmp", config=live, listener=lambda s: seen.append(s.phase))
    folders = sorted(path.name for path in (tmp_path / "cmp/searches").iterdir())
    assert folders == sorted(f"{name}-5-{r}" for name in ("random", "ucb", "successive-halving") for r in (0, 1))
    assert (
        [r.picks.shape for r in made.runs] == [(2, len(checkpoints(5)))] * 3 and made.live and "search 6 of 6" in seen
    )
    assert made.arms.truth is not None
    picked = {int(k) for r in made.runs for k in r.picks[:, -1]}
    assert {int(k) for k in np.flatnonzero(np.isfinite(made.arms.truth))} == picked
    assert all((r.truth_regret(made.arms) >= 0).all() for r in made.runs)
    (tmp_path / "cmp/compare.json").unlink()
    seen.clear()
    again, same = compare(settings, tmp_path / "cmp", config=live, listener=lambda s: seen.append(s.phase))
    assert not any(phase.startswith(("search", "picks")) for phase in seen)
    for a, b in zip(made.runs, same.runs, strict=True):
        assert np.array_equal(a.picks, b.picks) and np.array_equal(a.seconds, b.seconds)
    assert [at.verdict.sentence for at in again.budgets] == [at.verdict.sentence for at in found.budgets]


class FidelitySetup(QuickSetup):
    """A pull of 40 images is worth 0.1 more than one of fewer."""

    def __call__(self):
        return lambda trial: quick_metrics(trial) | {"accuracy": quick_metrics(trial)["accuracy"] + trial.images // 400}


def test_picks_confirmed_at_another_fidelity_are_no_pulls(tmp_path, live, quick, monkeypatch):
    """A confirming pull is worth 1 more here: mixed in, it would lift the means of the arms that were picked."""
    monkeypatch.setattr("workers.evaluate.ChildSetup", FidelitySetup)
    settings = CompareSettings(strategies="random", pulls="10", runs=2, sensitivity=0)
    found, made = compare(
        settings, tmp_path / "cmp", config=live.model_copy(update={"confirm_images": 400, "space": "default"})
    )
    assert made.arms.means.max() < 1 < np.nanmin(made.arms.truth)
    assert any("trained at 400x1, the pulls at 30x1" in text for text in found.cautions)


def test_a_comparison_is_refused_before_anything_is_trained(tmp_path, live):
    for names, change, message in (
        ("random,nope", {}, "unknown strategy 'nope'"),
        ("random,hyperband", {"rungs": 3}, "the cheapest of 3 rungs has 3"),
    ):
        settings = CompareSettings(strategies=names, pulls="4", runs=1, sensitivity=0)
        with pytest.raises(UserError, match=message):
            compare(settings, tmp_path / "cmp", config=live.model_copy(update=change))
    assert not (tmp_path / "cmp").exists()


def test_searches_of_other_settings_are_not_gone_on_with(tmp_path, live):
    settings = CompareSettings(strategies="random", pulls="2", runs=1, sensitivity=0)
    compare(settings, tmp_path / "cmp", config=live)
    (tmp_path / "cmp/compare.json").unlink()
    for change, message in (
        ({"images": 40}, "images is 40, was 30 when the search began"),
        ({"reward": "-loss"}, "reward is '-loss', was 'accuracy'"),
        ({"seed": 7}, "seed is"),
        ({"space": "default"}, "begun with another space"),
    ):
        changed = settings.model_copy(update={"seed": change["seed"]} if "seed" in change else {})
        with pytest.raises(UserError, match=message):
            compare(changed, tmp_path / "cmp", config=live.model_copy(update=change))
        assert not (tmp_path / "cmp/compare.json").exists()


@pytest.mark.slow
def test_live_searches_of_a_run_share_their_seed(tmp_path, live):
    settings = CompareSettings(strategies="random,ucb", pulls="4", runs=2, sensitivity=0)
    compare(settings, tmp_path / "cmp", config=live)
    seeds = {
        path.name: next(line for line in (path / "config.toml").read_text().splitlines() if line.startswith("seed"))
        for path in (tmp_path / "cmp/searches").iterdir()
    }
    assert seeds["random-4-0"] == seeds["ucb-4-0"] != seeds["random-4-1"] == seeds["ucb-4-1"]


def test_a_comparison_needs_one_source(tmp_path, live):
    for given in ({}, {"replay": "t.parquet", "config": live}):
        with pytest.raises(UserError, match="either --replay"):
            compare(CompareSettings(), tmp_path / "cmp", **given)
