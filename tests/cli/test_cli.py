"""The command line as a stranger meets it: what it prints, what it refuses, and that a refusal writes nothing."""

from __future__ import annotations

import csv
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
import tomli_w

import policysearch
from policysearch.core.errors import RunFailed, SearchFailed
from policysearch.experiments.search.run import search
from policysearch.policy.policy import Policy
from policysearch.study.config import SearchConfig, load_config
from policysearch.study.storage import StorageLost
from tests.support.command_line import call
from tests.support.image_files import some_images, write_folder
from tests.support.quick import config_for, write_npz
from workers.pool import WorkersCannotStart


@pytest.fixture
def cli(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    return lambda *words: call(monkeypatch, capsys, *words)


def test_help_needs_neither_torch_nor_optuna_nor_ray():
    code = (
        "import sys; sys.argv = ['policysearch', 'search', '--help']\n"
        "from policysearch.cli.entry_point import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "sys.exit(any(m in sys.modules for m in ('torch', 'optuna', 'ray', 'numpy', 'matplotlib')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "--strategy" in done.stdout


def test_every_setting_is_a_flag(cli):
    code, out, _ = cli("search", "--help")
    assert code == 0
    for name in [*SearchConfig.model_fields, *type(SearchConfig().recipe).model_fields]:
        if name != "recipe":
            assert f"--{name.replace('_', '-')}" in out


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("data", "fashion-small"),
        ("models", "small-resnet"),
        ("spaces", "label smoothing (537,604 assignments)"),
        ("strategies", "epsilon-greedy-decay"),
        ("rewards", "accuracy-0.5*ece"),
    ],
)
def test_lists(cli, word, told):
    code, out, _ = cli(word)
    assert code == 0 and told in out


def test_a_space_is_described_in_full(cli):
    code, out, _ = cli("spaces", "recipe")
    assert code == 0 and "60 arms for a rule (48 of them drawn by the seed: max_arms)" in out
    assert "flip-crop+trivialaugment-wide" in out and "recipe.mask        none, cutout-0.25" in out
    code, out, _ = cli("spaces", "text-lines")
    assert "always arms: identity, tia, randaugment-lines" in out and "25 arms for a rule" in out
    code, _, err = cli("spaces", "rcipe")
    assert code == 2 and "did you mean recipe" in err


def test_data_are_described(cli, tmp_path):
    write_folder(tmp_path / "pets", some_images(90))
    code, out, err = cli("data", "pets", "--resize", "10", "--out", "sheet.png", "--validation", "12")
    assert code == 0 and not err
    assert "pets: 90 images, 10×10 RGB, 3 classes" in out
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if "│" in line]
    assert rows == [*([name, "20", "4", "6"] for name in ("bird", "cat", "dog")), ["all", "60", "12", "18"]]
    assert "warning: there is no test part: a fixed choice of 18" in out
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere"], "unknown data set"),
        (["pets", "--resize", "5"], "a size is 32 or 32x48"),
        (["pets", "--aspect", "squash"], "'crop', 'pad', 'stretch' or 'line'"),
        (["pets", "--group", "track"], "no such file"),
        (["pets", "--validation", "80"], "does not fit"),
        (["pets", "--out", "sheet.pdf"], "takes PATH.png"),
    ],
)
def test_what_cannot_be_described(cli, tmp_path, words, told):
    write_folder(tmp_path / "pets", some_images(90))
    code, _, err = cli("data", *words)
    assert code == 2 and told in err and err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["pets"]


BAD = [
    (["--data", "fashion-smal"], "did you mean fashion-small"),
    (["--data", "nowhere.npz"], "No such file"),
    (["--data", "text.npz"], "no NumPy .npz"),
    (["--data", "one.npz"], "at least 2"),
    (["--model", "small-resnt"], "did you mean small-resnet"),
    (["--model", "torchvision:resnet81"], "did you mean resnet18"),
    (["--model", "torchvision:vit_b_32"], "give --resize 32"),
    (["--model", "timm:resnet10x"], "did you mean resnet10t"),
    (["--model", "nomodule:f"], "cannot be loaded"),
    (["--model", "factories.py:raising"], "ValueError: no luck"),
    (["--model", "factories.py:unfit"], r"gives float32 \[2, 1, 28, 28\]"),
    (["--precision", "float16"], "float16 needs a CUDA device"),
    (["--precision", "float8"], "'float32', 'bfloat16' or 'float16', got 'float8'"),
    (["--config", "compile.toml"], "recipe.compile"),
    (["--space", "defualt"], "did you mean default"),
    (["--space", "nowhere.toml"], "cannot read"),
    (["--space", "bad.toml"], "magnitude of rotate must lie in"),
    (["--strategy", "ucbb"], "did you mean ucb"),
    (["--strategy", "ucb:d=1"], "has no parameter 'd'"),
    (["--strategy", "ucb:c=x"], "must be a number"),
    (["--strategy", "ucb:c=nan"], "must be 0 or more"),
    (["--strategy", "epsilon-greedy:epsilon=2"], "must lie in"),
    (["--strategy", "optuna:Grid"], "optuna:BruteForce"),
    (["--strategy", "optuna:Nothing"], "unknown Optuna sampler"),
    (["--strategy", "tpe:seed=1"], "takes no parameters"),
    (["--reward", "acuracy"], "did you mean accuracy"),
    (["--reward", "accuracy*"], "not a sum"),
    (["--reward", "nomodule:f"], "cannot be loaded"),
    (["--trials", "-1"], "trials"),
    (["--epochs", "0"], "epochs"),
    (["--images", "3"], r"--images must lie in \[20, 4000\]"),
    (["--images", "5000"], r"--images must lie in \[20, 4000\]"),
    (["--workers", "-2"], "workers"),
    (["--rate", "nan"], "rate"),
    (["--momentum", "1"], "momentum"),
    (["--checkpoints", "9"], "checkpoints"),
    (["--seed", "-1"], "seed"),
    (["--deadline", "0"], "deadline"),
    (["--validation", "5999"], "does not fit"),
    (["--device", "cuda"], "0 usable CUDA devices"),
    (["--device", "tpu"], "device must be"),
    (["--config", "nowhere.toml"], "cannot read config file"),
    (["--config", "key.toml"], "did you mean trials"),
    (["--config", "recipe.yaml"], "did you mean momentum"),
    (["--config", "broken.toml"], "is not TOML"),
    (["--config", "broken.yaml"], "is not YAML"),
    (["--config", "empty.toml", "--trials", "0"], "trials"),
    (["--storage", "nodialect://x"], "cannot open storage"),
    (["--trials", "abc"], "valid integer"),
    (["--trails", "3"], "--trails"),
    (["--config", "norecipe.toml", "--rate", "0.1"], "recipe must be a table"),
    (["--reward", "broken:f"], "cannot be loaded"),
    (["--out", "full"], "not an empty folder"),
    (["--out", "text.npz"], "not an empty folder"),
    (["--out", "text.npz/below"], "cannot make folder"),
]


@pytest.mark.parametrize(("words", "told"), BAD, ids=[" ".join(words) for words, _ in BAD])
def test_bad_input_is_one_sentence_and_writes_nothing(cli, words, told, tmp_path, monkeypatch):
    import re

    import numpy as np

    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    (tmp_path / "text.npz").write_text("no archive")
    write_npz(tmp_path / "one.npz", y_train=np.array([0] * 89 + [1]), y_test=np.arange(30) % 2)
    family = {"name": "f", "policy": {"sub_policies": [{"steps": [{"operation": "rotate", "magnitude": 1e9}]}]}}
    (tmp_path / "bad.toml").write_text(tomli_w.dumps({"schema": 1, "family": [family]}))
    (tmp_path / "key.toml").write_text("trails = 3")
    (tmp_path / "recipe.yaml").write_text("recipe: {momentun: 0.9}")
    (tmp_path / "broken.toml").write_text("trials = ")
    (tmp_path / "broken.yaml").write_text("trials: [1")
    (tmp_path / "empty.toml").write_text("")
    (tmp_path / "norecipe.toml").write_text("recipe = 3")
    (tmp_path / "broken.py").write_text("def f(:")
    (tmp_path / "compile.toml").write_text("[recipe]\ncompile = 'perhaps'")
    factories = "import torch\ndef raising(): raise ValueError('no luck')\ndef unfit(): return torch.nn.Identity()\n"
    (tmp_path / "factories.py").write_text(factories)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if "__pycache__" not in p.parts}
    code, out, err = cli("search", *words)
    assert code == 2, err
    assert re.search(told, err), err
    assert "Traceback" not in err and err.count("\n") == 1 and not out
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if "__pycache__" not in p.parts} == before


def test_unknown_flags_and_words_of_other_commands(cli):
    for words in (["resume", "nowhere"], ["resume"], ["serach"], ["resume", "x", "--trials", "0"]):
        code, out, err = cli(*words)
        assert code == 2 and err.count("\n") == 1 and not out
    assert "search" in cli()[1]
    code, _, err = cli("show", "nowhere")
    assert code == 2 and "holds no run" in err


def test_a_study_is_not_overwritten(cli, quick, tmp_path):
    search(config_for(tmp_path / "run"))
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "run").iterdir()}
    code, _, err = cli("search", "--out", "run")
    assert code == 2 and "policysearch resume run" in err
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "run").iterdir()} == before


def test_two_runs_may_share_a_storage_but_not_a_name(cli, quick, tmp_path):
    url = f"sqlite:///{tmp_path}/shared.db"
    search(config_for(tmp_path / "a", storage=url))
    search(config_for(tmp_path / "b", storage=url))
    code, _, err = cli("search", "--out", "c", "--study", "a", "--storage", url, "--workers", "0")
    assert code == 2 and "another --study" in err and not (tmp_path / "c").exists()


GREEDY = """
import torch

class Greedy(torch.nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.head = torch.nn.Linear(channels, classes)
    def forward(self, x):
        if self.training and len(x) > 10:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return self.head(x.mean((2, 3)))
"""


@pytest.mark.parametrize("suffix", ["toml", "yaml"])
def test_a_config_file_is_overridden_by_flags_and_saved_resolved(cli, quick, tmp_path, suffix):
    text = {
        "toml": "trials = 9\nstrategy = 'greedy'\n[recipe]\nrate = 0.2\n",
        "yaml": "trials: 9\nstrategy: greedy\nrecipe: {rate: 0.2}\n",
    }
    (tmp_path / f"c.{suffix}").write_text(text[suffix])
    words = ["--config", f"c.{suffix}", "--trials", "5", "--momentum", "0.5", "--workers", "0", "--out", "run"]
    code, out, err = cli("search", *words)
    assert code == 0, err
    saved = load_config(tmp_path / "run" / "config.toml")
    assert (saved.trials, saved.strategy, saved.recipe.rate, saved.recipe.momentum) == (5, "greedy", 0.2, 0.5)
    assert saved.device == "cpu" and saved.study == "run"
    assert "Confirmation" in out


def test_flags_of_the_recipe_of_every_type(cli, quick, tmp_path):
    words = ["--model", "wrn-16-4", "--precision", "bfloat16", "--compile", "--batch", "64"]
    code, _, err = cli("search", *words, "--trials", "4", "--workers", "0", "--out", "run")
    assert code == 0, err
    recipe = load_config(tmp_path / "run" / "config.toml").recipe
    assert (recipe.precision, recipe.compile, recipe.batch, recipe.rate) == ("bfloat16", True, 64, 0.1)
    (tmp_path / "c.toml").write_text("[recipe]\ncompile = true\n")
    code, _, err = cli("search", "--config", "c.toml", "--no-compile", "--trials", "4", "--workers", "0", "--out", "b")
    assert code == 0 and not load_config(tmp_path / "b" / "config.toml").recipe.compile, err


@pytest.mark.slow
def test_out_of_memory_in_every_child_is_the_last_word(cli, tmp_path):
    (tmp_path / "greedy.py").write_text(GREEDY)
    words = ["--model", "greedy.py:Greedy", "--images", "40", "--epochs", "1", "--trials", "2", "--workers", "0"]
    code, _, err = cli("search", *words, "--batch", "32", "--retries", "0", "--out", "run")
    assert code == 1 and err.count("\n") == 1 and "batch 32: 8 fits, give --batch 8" in err


def test_names_are_not_taken_as_markup(cli, quick, tmp_path):
    (tmp_path / "odd.toml").write_text('schema = 1\n[[family]]\nname = "a[/b][red]"\npreset = "randaugment:1,3"\n')
    code, out, _ = cli("search", "--space", "odd.toml", "--trials", "8", "--workers", "0", "--out", "run")
    assert code == 0 and "a[/b][red]" in out


def test_the_end_shows_table_words_and_files(cli, quick, tmp_path):
    small = ["--space", "default", "--trials", "30", "--workers", "0", "--images", "40", "--epochs", "1"]
    code, out, _ = cli("search", *small, "--out", "run")
    assert code == 0
    for word in ("pulls", "shrunken", "worker-s", "wins", "every image", "trials.csv"):
        assert word in out
    code, shown, _ = cli("show", "run")
    assert code == 0 and shown.splitlines()[-8:] == out.splitlines()[-8:]
    with (tmp_path / "run" / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {"number", "arm", "replicate", "seed", "state", "reward", "seconds", "error", "accuracy", "loss"} <= set(
        rows[0]
    )
    assert [r["number"] for r in rows if r["phase"] == "search"] == [str(i) for i in range(30)]


def test_a_real_tiny_search_by_python(tmp_path):
    """Real children, all metrics, the picture; policy.json is the arm that was searched."""
    config = policysearch.SearchConfig(
        space="default", trials=6, images=40, epochs=1, confirm=2, workers=0, out=str(tmp_path / "run")
    )
    result = policysearch.search(config)
    assert {p.name for p in (tmp_path / "run").iterdir()} >= {
        "study.db",
        "config.toml",
        "policy.json",
        "trials.csv",
        "search.png",
    }
    saved = json.loads((tmp_path / "run" / "policy.json").read_text())
    assert Policy.load(tmp_path / "run" / "policy.json").hash == result.policy.hash
    assert set(saved["about"]["paired_difference_to"]) <= {
        "identity",
        "flip-crop",
        "randaugment",
        "trivialaugment-wide",
    }
    with (tmp_path / "run" / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    for name in (
        "accuracy",
        "loss",
        "entropy",
        "ece",
        "correct",
        "train_accuracy",
        "accuracy_gap",
        "augmented_train_loss",
    ):
        assert all(row[name] for row in rows)
    assert len({row["seed"] for row in rows if row["phase"] == "confirm"}) == 2


def test_own_data_and_space_from_another_folder(npz, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text("schema = 1\nbaselines = []\n")
    config = config_for(tmp_path / "run", data="small.npz", space="mine.toml", trials=4, images=10, confirm=1)
    search(config)
    monkeypatch.chdir("/")
    (tmp_path / "mine.toml").unlink()
    assert policysearch.resume(tmp_path / "run", trials=6).policy is not None


def test_if_every_arm_fails_the_search_says_so(cli, quick, tmp_path, monkeypatch):
    def failing(trial):
        raise MemoryError("out of memory")

    monkeypatch.setattr("tests.support.quick.quick_metrics", failing)
    code, _, err = cli("search", "--trials", "5", "--workers", "0", "--out", "run")
    assert code == 1 and "every arm failed" in err and "out of memory" in err and err.count("\n") == 1
    assert (tmp_path / "run" / "trials.csv").read_text().count(
        "MemoryError: out of memory; MemoryError: out of memory"
    ) == 5
    with pytest.raises(SearchFailed):
        policysearch.resume(tmp_path / "run")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("evaluate", "results/mien"), "there is no folder or file 'results/mien'"),
        (("evaluate", "randaugmnet"), "did you mean randaugment"),
        (("compare", "--replay", "nothere"), "cannot read table 'nothere'"),
        (("export", "identity"), "--to torchvision, timm, kornia, albumentations, mmpretrain, "),
    ],
)
def test_what_is_wrong_is_said_before_what_is_missing(cli, words, sentence):
    code, _, err = cli(*words)
    assert code == 2 and sentence in err and "--out" not in err and err.count("\n") == 1


def test_missing_dependency_of_a_sampler_is_named(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "cmaes", None)
    code, _, err = cli("search", "--strategy", "optuna:CmaEs")
    assert code == 2 and "cmaes" in err and "pip install" in err


def test_dir_has_no_import_side_effects():
    assert set(policysearch.__all__) > {"search", "resume", "Policy", "SearchConfig", "augment"}
    with pytest.raises(AttributeError, match="no attribute"):
        policysearch.nothing  # noqa: B018


@pytest.mark.parametrize("words", [["-h"], ["search", "-h"], ["guide", "--help"]])
def test_help_has_a_short_name_too(words, cli):
    code, out, _ = cli(*words)
    assert code == 0 and "Usage:" in out


def test_the_version_is_printed(cli):
    assert cli("--version") == (0, f"policysearch {policysearch.__version__}\n", "")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["search", "--lr", "0.1"], "No such option: --lr: did you mean --rate? (`policysearch search --help`"),
        (["record", "--batch-size", "8"], "did you mean --batch? (`policysearch record --help`"),
        (["export", "identity", "--to"], "requires an argument. (`policysearch export --help`"),
    ],
)
def test_wrong_flags_name_ours_and_the_help_of_the_command(words, sentence, cli):
    code, _, err = cli(*words)
    assert code == 2 and sentence in err


def test_version_is_that_of_the_package():
    from importlib.metadata import version

    assert version("policysearch") == policysearch.__version__


def test_no_file_of_the_package_is_missing_docs():
    for path in Path(policysearch.__file__).parent.rglob("*.py"):
        assert path.read_text(encoding="utf-8").startswith('"""'), path


def test_without_a_command_the_help_is_shown(cli):
    code, out, err = cli()
    assert code == 0 and err == ""
    assert "--verbose" in out and out.index("search") < out.index("resume") < out.index("rewards")


@pytest.mark.parametrize(("words", "lines"), [((), 1), (("-v",), 2), (("-vv",), 3)])
def test_verbose_reports_what_the_library_logs(words, lines, cli, monkeypatch):
    def import_all(modules: str | None) -> None:
        log = logging.getLogger("policysearch.somewhere")
        log.warning("careful")
        log.info("a step")
        log.debug("a detail")

    monkeypatch.setattr("policysearch.core.user_code.import_all", import_all)
    logger = logging.getLogger("policysearch")
    before = logger.level, list(logger.handlers)
    code, _, err = cli(*words, "operations")
    said = ["policysearch: warning: careful", "policysearch: a step", "policysearch: a detail"]
    assert code == 0 and err.splitlines() == said[:lines]
    assert (logger.level, logger.handlers) == before


def test_importing_the_library_sets_up_no_logging():
    code = (
        "import logging, warnings\n"
        "before = logging.root.handlers[:], warnings.showwarning\n"
        "import policysearch.cli, policysearch.experiments.search.run\n"
        "logger = logging.getLogger('policysearch')\n"
        "assert (logging.root.handlers, warnings.showwarning) == before\n"
        "assert not logger.handlers and logger.level == logging.NOTSET\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("error", [SearchFailed, StorageLost, WorkersCannotStart, RunFailed])
def test_runs_that_fail_exit_with_1(error, cli, monkeypatch):
    def fail(modules: str | None) -> None:
        raise error("no luck")

    monkeypatch.setattr("policysearch.core.user_code.import_all", fail)
    assert cli("operations") == (1, "", "policysearch: no luck\n")


@pytest.mark.parametrize(
    ("words", "text", "message"),
    [
        (["online"], 'rule = "exp4"', "unknown rule 'exp4': did you mean exp3"),
        (["online"], 'reward = "entropi"', "unknown reward metric 'entropi': did you mean entropy"),
        (["online", "--rule", "ucc"], 'rule = "exp3s"', "unknown rule 'ucc'"),
        (["evaluate", "identity"], "seeds = 0", "seeds: input should be greater"),
        (["record"], 'fidelities = "many"', "'many'"),
    ],
)
def test_a_config_file_holds_all_settings_of_its_command(words, text, message, monkeypatch, capsys, tmp_path):
    (tmp_path / "settings.toml").write_text(text)
    out = tmp_path / ("out.parquet" if words == ["record"] else "out")
    code, _, err = call(monkeypatch, capsys, *words, "--config", str(tmp_path / "settings.toml"), "--out", str(out))
    assert code == 2 and message in err and not out.exists()
