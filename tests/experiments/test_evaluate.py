"""`policysearch evaluate`: what it leaves, that it goes on after any end, its ledger, and what it refuses."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from policysearch.core.errors import SearchFailed
from policysearch.core.trial import Outcome
from policysearch.experiments.evaluation.files import read_evaluation
from policysearch.experiments.evaluation.ledger import NAME, Read, note, reads
from policysearch.experiments.evaluation.run import evaluate
from policysearch.experiments.evaluation.settings import EvaluateSettings
from policysearch.experiments.search.run import search
from policysearch.policy.policy import Policy
from tests.support.command_line import call
from tests.support.evaluations import AGAINST, QuickExam, quick_exam, run, values
from tests.support.kills import Killed, completed, kill_at
from tests.support.quick import config_for, write_npz
from tests.support.selection import slow_but

FILES = {"config.toml", "evaluation.toml", "study.db", "trials.csv", NAME, "evaluation.json", "evaluation.md"}


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr("policysearch.experiments.search.run.write_picture", lambda *_: None)
    monkeypatch.setattr("policysearch.experiments.search.run.write_page", lambda *_: None)
    monkeypatch.setattr("policysearch.experiments.evaluation.files.write_plot", lambda *_: None)
    monkeypatch.setattr("policysearch.experiments.evaluation.run.write_page", lambda *_: None)
    monkeypatch.setattr("policysearch.experiments.evaluation.summary._DEALS", 20)
    monkeypatch.setattr("workers.evaluate.ChildSetup", QuickExam)


@pytest.fixture
def cli(monkeypatch, capsys, tmp_path, npz):
    monkeypatch.chdir(tmp_path)
    return lambda *words: call(monkeypatch, capsys, "evaluate", *words)


def trials(folder: Path) -> list[tuple[str, ...]]:
    with (folder / "trials.csv").open() as file:
        rows = csv.DictReader(file)
        return [
            tuple(row[c] for c in ("phase", "number", "policy", "replicate", "seed", "state", "reward")) for row in rows
        ]


def found(folder: Path) -> dict:
    return json.loads((folder / "evaluation.json").read_text())


def test_every_policy_is_trained_on_the_same_replicates(quick, npz, tmp_path):
    result = run(tmp_path / "e", against=f"{AGAINST},randaugment-grid")
    assert {path.name for path in (tmp_path / "e").iterdir()} - {"controller.lock"} == FILES
    rows = trials(tmp_path / "e")
    judged = [row for row in rows if row[0] == "evaluate"]
    assert len(judged) == 4 * 3 and len({row[2] for row in judged}) == 4
    for name in {row[2] for row in judged}:
        assert [row[3:5] for row in judged if row[2] == name] == [row[3:5] for row in judged if row[2] == "soft-crop"]
    grid = [row for row in rows if row[0] == "grid"]
    assert len(grid) == 4 and not {row[3] for row in grid} & {row[3] for row in judged}
    told = found(tmp_path / "e")
    assert told["grid"]["trainings"] == 4 and told["grid"]["chosen"] in ("randaugment:1,4", "randaugment:1,9")
    assert told["policies"] == list(result.summary.measured.names) and told["policies"][0] == "soft-crop"
    assert f"grid:{told['grid']['chosen'][-3:]}" in told["policies"][-1]
    assert told["about"]["images"] == 60, "the whole training side"
    assert told["looks"] == {"number": 1, "total": 1} and told["null_check"]["deals"] == 20
    assert [len(v) for v in told["metrics"]["error"]["values"]] == [3] * 4


def test_further_policies_are_told_but_never_the_best_fixed_one(quick, npz, tmp_path, cli):
    Policy.preset("flip-crop").save(tmp_path / "also.json")
    words = ("--against", AGAINST, "--also", "also.json", "--seeds", "3", "--epochs", "1", "--workers", "0")
    code, out, err = cli("soft-crop", "--data", str(npz), *words, "--out", "e")
    assert code == 0, err
    told = found(tmp_path / "e")
    assert told["policies"] == ["soft-crop", *AGAINST.split(","), "flip-crop"]
    assert told["about"]["policies"]["flip-crop"]["fixed"] is False and "best fixed policy, flip-crop" not in out
    code, _, err = cli("soft-crop", "--data", str(npz), *words[:2], *words[4:], "--out", "e")
    assert code == 2 and "also" in err
    code, _, err = cli("soft-crop", "--data", str(npz), "--also", "none.json", "--out", "f")
    assert code == 2 and "none.json" in err and not (tmp_path / "f").exists()


def test_policies_that_adapt_are_opponents_where_they_are_wanted(quick, npz, tmp_path):
    settings = EvaluateSettings(against="identity,entaugment", adaptive=True, seeds=2)
    result = evaluate("flip-crop", settings, values(tmp_path / "e"))
    names = ("flip-crop", "identity", "entaugment", "adaaugment", "sample-aware-randaugment")
    assert result.summary.measured.names == names and set(result.summary.measured.fixed) == set(names[1:])


def test_settings_may_come_from_a_file(quick, npz, tmp_path, cli):
    (tmp_path / "e.toml").write_text(f'data = "{npz}"\nepochs = 1\nworkers = 0\n[recipe]\nrate = 0.05\n')
    code, _, err = cli("identity", "--config", "e.toml", "--against", "flip-crop", "--seeds", "2", "--out", "e")
    assert code == 0, err
    assert found(tmp_path / "e")["about"]["recipe"]["rate"] == 0.05


def test_the_grid_is_trained_as_the_policies_are_whatever_confirmed_a_search(quick, npz, tmp_path, monkeypatch):
    """The config of a search may hold `confirm_images`, which are for its finalists alone."""
    sizes = set()

    class Seen(QuickExam):
        def __call__(self):
            metrics = super().__call__()
            return lambda trial: sizes.add((trial.images, trial.epochs)) or metrics(trial)

    monkeypatch.setattr("workers.evaluate.ChildSetup", Seen)
    run(tmp_path / "e", against=f"{AGAINST},randaugment-grid", confirm_images=20, confirm_epochs=9, epochs=3)
    assert sizes == {(60, 3)}


def test_the_grid_never_has_the_test_part(quick, npz, tmp_path):
    run(tmp_path / "e", against=f"{AGAINST},randaugment-grid")
    with (tmp_path / "e" / "trials.csv").open() as file:
        for row in csv.DictReader(file):
            assert bool(row["test_accuracy"]) is (row["phase"] == "evaluate")


def test_a_grid_that_chooses_a_policy_already_there_adds_none(quick, npz, tmp_path):
    settings = EvaluateSettings(against="randaugment,randaugment-grid", seeds=2, grid_n="2", grid_m="9", grid_seeds=1)
    told = evaluate("soft-crop", settings, values(tmp_path / "e")).summary
    assert told.measured.names == ("soft-crop", "randaugment")
    assert any("stands among those compared anyway" in text for text in told.cautions)


BEST_FREE = EvaluateSettings(against="identity,best-free", seeds=2, grid_n="1", grid_m="9", grid_seeds=2)


def test_the_best_of_all_free_policies_is_chosen_on_validation_alone(quick, npz, tmp_path):
    summary = evaluate("soft-crop", BEST_FREE, values(tmp_path / "e")).summary
    with (tmp_path / "e" / "trials.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["phase"] == "grid"]
    first = min(int(row["replicate"]) for row in rows)
    once = {row["policy"]: float(row["reward"]) for row in rows if int(row["replicate"]) == first}
    best = sorted(once, key=lambda name: -once[name])[:4]
    assert len(once) == 4 * 4 and not any(row["test_accuracy"] for row in rows)
    assert {row["policy"] for row in rows if int(row["replicate"]) > first} == {*best}

    choice = summary.choices["best-free"]
    assert choice.trainings == 16 + 4 * 2 == BEST_FREE.choosing
    means = {name: mean for name, mean in zip(choice.names, choice.means, strict=True) if name in best}
    assert choice.chosen == max(means, key=lambda name: means[name])
    alone = summary.measured.names[-1] == f"best-free:{choice.chosen}"
    assert alone or choice.chosen == "identity", "named after what chose it, unless it is there anyway"
    assert read_evaluation(tmp_path / "e").choices == summary.choices


def test_the_choice_of_the_best_free_policy_goes_on_where_it_was_cut_off(quick, npz, tmp_path, monkeypatch):
    whole = evaluate("soft-crop", BEST_FREE, values(tmp_path / "whole")).summary
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_at(patch, 60)
        evaluate("soft-crop", BEST_FREE, values(tmp_path / "cut"))
    assert 16 < completed(tmp_path / "cut" / "study.db") < 24, "killed between the first network and the last"
    cut = evaluate("soft-crop", BEST_FREE, values(tmp_path / "cut")).summary
    assert cut.choices["best-free"].chosen == whole.choices["best-free"].chosen
    assert cut.measured.names == whole.measured.names


def test_the_same_command_again_trains_nothing_and_reads_nothing(quick, npz, tmp_path, monkeypatch):
    run(tmp_path / "e")
    before, ledger = found(tmp_path / "e"), (tmp_path / "e" / NAME).read_bytes()

    def never(*_: object) -> None:
        raise AssertionError("a pool was opened, or the test part read")

    monkeypatch.setattr("policysearch.experiments.session.workplace", never)
    monkeypatch.setattr("policysearch.experiments.evaluation.pinned.hash_of_test_part", never)
    run(tmp_path / "e")
    assert found(tmp_path / "e") == before and (tmp_path / "e" / NAME).read_bytes() == ledger


def test_a_folder_that_was_moved_is_the_same_look(searched, tmp_path):
    run(tmp_path / "e", policy=str(searched))
    (tmp_path / "e").rename(tmp_path / "f")
    looks = run(tmp_path / "f", policy=str(searched)).summary.looks
    assert (looks.number, looks.total) == (1, 1) and len(reads(searched)) == 1
    run(tmp_path / "e", policy=str(searched))
    assert len(reads(searched)) == 2, "a new evaluation under an old name is another look"


def test_more_seeds_go_on_and_are_another_look(quick, npz, tmp_path):
    run(tmp_path / "e", seeds=2)
    first = trials(tmp_path / "e")
    told = run(tmp_path / "e", seeds=4).summary
    assert trials(tmp_path / "e")[: len(first)] == first and len(trials(tmp_path / "e")) == 2 * len(first)
    assert (told.looks.number, told.looks.total) == (2, 2)
    assert any("read 2 of 2 of this test part" in text for text in told.cautions)


@pytest.mark.parametrize("count", slow_but([3, 21], [1, 3, 8, 21]))
def test_killed_at_a_write(count, quick, npz, tmp_path, monkeypatch):
    against = f"{AGAINST},randaugment-grid"
    run(tmp_path / "whole", against=against)
    with monkeypatch.context() as patch:
        kill_at(patch, count)
        with pytest.raises(Killed):
            run(tmp_path / "e", against=against)
    run(tmp_path / "e", against=against)
    assert trials(tmp_path / "e") == trials(tmp_path / "whole")
    assert len(reads(tmp_path / "e")) == 1
    assert found(tmp_path / "e")["metrics"]["error"] == found(tmp_path / "whole")["metrics"]["error"]


@pytest.mark.parametrize("step", ["save_settings", "open_stores"])
def test_killed_before_the_first_write(step, quick, npz, tmp_path, monkeypatch):
    def dies(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(f"policysearch.experiments.session.{step}", dies)
        with pytest.raises(Killed):
            run(tmp_path / "e")
    run(tmp_path / "e")
    assert len(trials(tmp_path / "e")) == 9 and len(reads(tmp_path / "e")) == 1


def test_killed_in_a_child(quick, npz, tmp_path, monkeypatch):
    run(tmp_path / "whole")
    calls = []

    def dies(trial, examined=quick_exam):
        calls.append(trial)
        if len(calls) == 5:
            raise Killed
        return examined(trial)

    with monkeypatch.context() as patch:
        patch.setattr("tests.support.evaluations.quick_exam", dies)
        with pytest.raises(Killed):
            run(tmp_path / "e")
    assert len(reads(tmp_path / "e")) == 1, "it was read, and that is not forgotten"
    run(tmp_path / "e")
    assert trials(tmp_path / "e") == trials(tmp_path / "whole") and len(reads(tmp_path / "e")) == 1


@pytest.fixture
def searched(quick, npz, tmp_path) -> Path:
    search(config_for(tmp_path / "run", data=str(npz), trials=6))
    return tmp_path / "run"


def test_a_search_lends_its_settings_and_keeps_a_ledger_too(searched, tmp_path):
    told = evaluate(
        str(searched), EvaluateSettings(against=AGAINST, seeds=2), {"workers": 0, "out": str(tmp_path / "e")}
    )
    assert told.summary.measured.searched.startswith(Policy.load(searched / "policy.json").name)
    assert told.summary.about["data"] == "small" and told.summary.about["search"] == str(searched)
    again = evaluate(str(searched / "policy.json"), EvaluateSettings(against=AGAINST, seeds=3), values(tmp_path / "f"))
    assert (again.summary.looks.number, again.summary.looks.total) == (2, 2)
    assert len(reads(searched)) == 2 and len(reads(tmp_path / "f")) == 1
    assert {line["out"] for line in reads(searched)} == {str(tmp_path / "e"), str(tmp_path / "f")}


def test_other_data_are_another_test_part(searched, tmp_path):
    run(tmp_path / "e", policy=str(searched))
    other = write_npz(tmp_path / "other.npz", y_test=[k % 3 for k in range(1, 31)])
    told = run(tmp_path / "f", policy=str(searched), data=str(other)).summary
    assert (told.looks.number, told.looks.total) == (1, 1) and len(reads(searched)) == 2


def one_read(name: str) -> Read:
    return Read(name, "small", "hash", 30, ("a", "b"), 2, "out", "typed")


def test_lines_of_a_ledger_are_only_added(tmp_path):
    for name in ("x", "y", "x"):
        note([tmp_path], one_read(name))
    lines = (tmp_path / NAME).read_text().splitlines()
    assert [json.loads(line)["evaluation"] for line in lines] == ["x", "y"]
    assert {"when", "command", "policies", "test_part", "seeds"} <= json.loads(lines[0]).keys()


def test_a_line_cut_short_by_a_crash_stays_and_does_not_count(tmp_path):
    note([tmp_path], one_read("x"))
    with (tmp_path / NAME).open("a") as file:
        file.write('{"evaluation": "y", "tes')
    assert note([tmp_path], one_read("y")).number == 2
    lines = (tmp_path / NAME).read_text().splitlines()
    assert len(lines) == 3 and json.loads(lines[2])["evaluation"] == "y" and len(reads(tmp_path)) == 2


def test_a_training_that_fails_is_told_and_its_replicate_left_out(quick, npz, tmp_path, monkeypatch):
    def fails(trial, examined=quick_exam):
        if trial.number == 0:
            raise RuntimeError("no luck")
        return examined(trial)

    monkeypatch.setattr("tests.support.evaluations.quick_exam", fails)
    told = run(tmp_path / "e", retries=0).summary
    assert [score.n for score in told.metrics["error"].scores] == [2, 3, 3]
    assert told.metrics["error"].searched[0].n == 2
    assert any("1 of 3 trainings with soft-crop failed" in text for text in told.cautions)


def test_if_every_training_of_the_policy_fails_that_is_told(quick, npz, tmp_path, monkeypatch):
    monkeypatch.setattr("workers.in_process.attempt", lambda *_: Outcome(error="no luck"))
    with pytest.raises(SearchFailed, match="no training with soft-crop ended well, most often: no luck"):
        run(tmp_path / "e")


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"epochs": 2}, "epochs is 2, was 1"),
        ({"against": "identity"}, "against is 'identity', was 'identity,trivialaugment-wide'"),
        ({"policy": "augmix"}, "policy is"),
        ({"seeds": 2}, "--seeds 2 is fewer than the 3"),
        ({"images": 30}, "images is 30, was 60"),
        ({"recipe": {"rate": 0.2}}, "recipe.rate is 0.2, was 0.1"),
        ({"seed": 5}, "seed is 5, was 0"),
    ],
)
def test_an_evaluation_of_other_settings_is_not_mixed_in(told, message, quick, npz, tmp_path):
    run(tmp_path / "e")
    before = {path.name: path.read_bytes() for path in (tmp_path / "e").iterdir() if path.suffix != ".db"}
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        run(tmp_path / "e", **told)
    after = {path.name: path.read_bytes() for path in (tmp_path / "e").iterdir() if path.suffix != ".db"}
    assert after == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["soft-crp"], "unknown policy preset 'soft-crp': did you mean soft-crop"),
        (["soft-crop", "--against", "identty"], "unknown policy preset 'identty': did you mean identity"),
        (["soft-crop", "--against", ","], "--against must name one or more"),
        (["soft-crop", "--against", "identity,identity"], "each once"),
        (["soft-crop", "--against", "randaugment:2,99"], "takes whole N in 1..10 and M in 0..30"),
        (["soft-crop", "--against", "randaugment-grid", "--grid-m", "x"], "--grid-m must be whole numbers"),
        (["soft-crop", "--against", "randaugment-grid", "--grid-n", "0"], "takes whole N in 1..10"),
        (["damaged.json"], "policy file 'damaged.json' is not JSON"),
        (["edited.json"], "was edited or damaged"),
        (["nowhere.json"], "cannot read policy file 'nowhere.json'"),
        (["."], "holds no run"),
        (["soft-crop", "--seeds", "1"], "seeds: input should be greater than or equal to 2, got 1"),
        (["soft-crop", "--epochs", "0"], "epochs: input should be greater than or equal to 1, got 0"),
        (["soft-crop", "--images", "61"], "--images must lie in [6, 60]"),
        (["soft-crop", "--data", "one.npz"], "the training images are of one class"),
        (["soft-crop", "--data", "nowhere.npz"], "No such file"),
        (["soft-crop", "--model", "smal-resnet"], "small-resnet"),
        (["soft-crop", "--out", "taken"], "exists and is not an empty folder"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(words, message, cli, quick, npz, tmp_path):
    (tmp_path / "damaged.json").write_text("{")
    text = Policy.preset("flip-crop").to_json().replace('"magnitude": 0.125', '"magnitude": 0.25')
    (tmp_path / "edited.json").write_text(text)
    write_npz(tmp_path / "one.npz", y_train=[0] * 90, y_test=[0] * 30)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    code, out, err = cli("--data", "small.npz", "--out", "e", "--workers", "0", *words)
    assert code == 2 and message in err and err.count("\n") == 1 and not out, err
    assert sorted(tmp_path.rglob("*")) == before


def test_an_evaluation_does_not_go_into_a_searchs_folder(searched, cli):
    code, _, err = cli(str(searched), "--out", str(searched), "--seeds", "2")
    assert code == 2 and "already holds a study" in err and not (searched / NAME).exists()


def test_the_command_ends_with_the_sentence_and_the_count_of_reads(cli, quick):
    words = ("--data", "small.npz", "--epochs", "1", "--workers", "0", "--seeds", "3", "--out", "e")
    code, out, err = cli("soft-crop", *words, "--against", AGAINST)
    assert code == 0, err
    plain = " ".join(out.split())
    assert "the best fixed policy" in plain and "(read 1 of the test part)." in plain
    assert "The test part was read once: test-reads.jsonl." in plain
    assert "evaluate 9/9" in plain and "20 % hidden" in plain
    page = Path("e/evaluation.md").read_text()
    assert page.startswith("# soft-crop\n\n**soft-crop ") and "Null check" in page and "--seeds 3" in page
    assert json.loads(Path("e", NAME).read_text())["command"].startswith("policysearch evaluate soft-crop")


def tiny(folder: Path) -> list[str]:
    words = [sys.executable, "-m", "policysearch", "evaluate", "flip-crop", "--data", str(folder / "small.npz")]
    words += ["--epochs", "12", "--seeds", "4", "--against", "identity", "--workers", "1"]
    return [*words, "--out"]


def started(words: list[str], out: Path, finished: int) -> subprocess.Popen:
    """A real evaluation in its own process, with at least so many finished trials."""
    process = subprocess.Popen(
        [*words, str(out)], start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    end = time.monotonic() + 200
    while time.monotonic() < end and process.poll() is None:
        time.sleep(0.01)
        if completed(out / "study.db") >= finished:
            return process
    raise AssertionError(process.communicate())


@pytest.mark.slow
def test_kill_minus_9_and_ctrl_c_of_a_real_evaluation(npz, tmp_path):
    words, out = tiny(tmp_path), tmp_path / "e"
    process = started(words, out, 2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    process = started(words, out, 4)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 130 and b"the same command goes on from here" in err and b"Traceback" not in err
    for folder in (out, tmp_path / "whole"):
        done = subprocess.run([*words, str(folder)], capture_output=True, text=True, timeout=250, check=False)
        assert done.returncode == 0, done.stderr
    assert trials(out) == trials(tmp_path / "whole") and len(reads(out)) == 1
    mine, whole = (found(folder)["metrics"] for folder in (out, tmp_path / "whole"))
    for name in mine.keys() - {"worker_seconds", "cpu_seconds"}:
        assert mine[name] == whole[name], name
    assert (out / "evaluation.png").stat().st_size > 10_000


def test_help_names_every_setting_and_needs_neither_torch_nor_optuna_nor_ray():
    code = (
        "import sys; sys.argv = ['policysearch', 'evaluate', '--help']\n"
        "from policysearch.cli.entry_point import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "sys.exit(any(m in sys.modules for m in ('torch', 'optuna', 'ray', 'numpy', 'matplotlib')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in (*EvaluateSettings.model_fields, "data", "model", "workers", "pool", "images", "epochs", "out", "rate"):
        assert f"--{name.replace('_', '-')}" in done.stdout
    assert "--strategy" not in done.stdout and "--trials" not in done.stdout
