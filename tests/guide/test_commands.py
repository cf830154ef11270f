"""Every command of the README and of the guide: run where that is quick, and otherwise taken up to its training."""

from __future__ import annotations

import re
import sys
import tomllib
from functools import partial
from importlib.util import find_spec
from itertools import pairwise, product
from pathlib import Path

import pytest
import torch
import typer

import search_spaces
from policysearch.augmentation.kernels.registry import KERNELS
from policysearch.child.networks import build as build_network
from policysearch.child.networks import recipe_for
from policysearch.cli.entry_point import app
from policysearch.core.user_code import function
from policysearch.experiments.online.run import online
from policysearch.experiments.online.settings import OnlineSettings
from policysearch.experiments.pools import must_name_a_pool
from policysearch.experiments.search.run import search
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.space_files import load_space, parse_space
from policysearch.service.limits import Limits, read_limits
from policysearch.service.options import Options
from policysearch.service.setup import service
from policysearch.service.state_folder import StateFolder
from policysearch.service.state_lock import only_server
from policysearch.study.config import make_config
from policysearch.study.further_strategies import FURTHER
from policysearch.study.reward_metrics import metrics_of_task
from policysearch.study.rewards import parse_reward
from policysearch.study.strategies import make_strategy, must_name_a_strategy
from tests.support.command_line import call
from tests.support.image_files import some_images, write_folder
from tests.support.line_files import write_folder as write_lines
from tests.support.line_files import write_parquet
from tests.support.markdown import ROOT, blocks, commands, file_name, words_of
from tests.support.mask_children import write_mask_parquet, write_masks
from tests.support.quick import QuickSetup, config_for, write_npz
from tests.support.target_data import write_labels, write_marked, write_shaded
from tests.support.web_client import House, house

TRAINING = ("search", "resume", "record", "compare", "calibrate", "evaluate", "online", "tta")
SLOW = ("report", "preview", "spaces")
"""Commands that take a second: their words are checked here, and they are run by their own tests."""
SERVICES = {
    "ray": ("start", "stop"),
    "tensorboard": ("--logdir",),
    "optuna-dashboard": ("sqlite:///",),
    "export": ("PGPASSWORD=",),
    "pre-commit": ("install",),
}
"""Programs that are not ours, and how their first word may begin."""
OF_TASKS = {
    "receipts": {"task": "text-lines", "data": "receipts"},
    "blots": {"task": "segmentation", "data": "blots", "images": 20},
    "scenes": {"task": "multi-label", "data": "scenes.npz"},
    "faces": {"task": "regression", "data": "faces.npz", "space": "colours"},
}
"""Runs of other tasks by name, with their settings."""
LIBRARIES = {"timm": "timm", "kornia": "kornia", "albumentations": "albumentations"}


class Begun(BaseException):
    """A command has understood its words and is about to train."""


def begin(*_: object) -> None:
    raise Begun


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with what the commands name: pictures, two runs, published results, files of the pages' own snippets."""
    folder = tmp_path_factory.mktemp("guide")
    write_folder(folder / "pictures", some_images(60))
    write_folder(folder / "photos", some_images(60), names=(".",))
    lines = ["".join(letters) for letters in product("abcd", repeat=3)] * 2
    write_lines(folder / "receipts", lines, parts=["train"] * 112 + ["test"] * 16)
    write_parquet(folder / "lines.parquet", lines)
    write_marked(folder / "scenes.npz")
    write_shaded(folder / "faces.npz")
    torch.save(build_network("resnet-18", (3, 8, 8), 10).state_dict(), folder / "resnet18.pt")
    write_labels(folder / "scenes", ("file", "labels"), [(f"{i}.png", "ab"[i % 2]) for i in range(60)])
    write_masks(folder / "blots", {"train": 60, "test": 8})
    write_mask_parquet(folder / "blots.parquet", 30)
    (folder / "data" / "gtsrb").mkdir(parents=True)
    for name in ("results/2026-11-21_first-search", "results/2026-11-21_verdict", "results/2026-11-30_tta"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).symlink_to(ROOT / name)
    # What hours of `record` write.
    (folder / "table.parquet").symlink_to(ROOT / "results" / "2026-11-21_tables" / "fashion-small.parquet")
    for block in blocks():
        name = file_name(block.text)
        if name is not None:
            (folder / name).write_text(block.text)
    data = str(write_npz(folder / "small.npz"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("policysearch.experiments.search.run.write_picture", lambda *_: None)
        patch.setattr("policysearch.experiments.search.run.write_page", lambda *_: None)
        patch.setattr("workers.evaluate.ChildSetup", QuickSetup)
        search(config_for(folder / "results" / "mine", data=data))
        for name, settings in OF_TASKS.items():
            settings = {**settings, "data": str(folder / settings["data"]), "trials": 2, "confirm": 1}
            search(config_for(folder / "results" / name, **settings))
        patch.setattr("policysearch.experiments.online.run.write_plot", lambda *_: None)
        patch.setattr("policysearch.experiments.online.run.write_page", lambda *_: None)
        small = {"data": data, "images": 40, "epochs": 20, "device": "cpu", "out": str(folder / "results" / "online")}
        online(OnlineSettings(rule="random"), small)
    before = set(OPERATIONS)
    yield folder
    for name in set(OPERATIONS) - before:  # those of the guide's my_operations.py
        OPERATIONS.pop(name)
        KERNELS.pop(name)
    sys.modules.pop("policysearch_own_my_operations", None)


def build(options: Options, *_: object) -> None:
    """Build a server of these options, and do not run it."""
    with only_server(StateFolder(options.state)), service(options):
        raise Begun


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    """The service that requests of the pages go to."""
    with house(tmp_path_factory.mktemp("web") / "state") as built:
        yield built


@pytest.fixture
def run(folder, web, monkeypatch, capsys):
    """Run a line as a shell would; what is wrong with it, or an empty text."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr("policysearch.cli.progress.watched", begin)
    monkeypatch.setattr("policysearch.service.serve.serve", build)
    monkeypatch.setattr("policysearch.service.place_checks._must_be_there", lambda *_: None)  # readers may have a GPU
    monkeypatch.setitem(PROGRAMS, "curl", partial(_curl, web))
    monkeypatch.setattr("policysearch.child.accelerator.why_no_cuda", lambda: "")  # readers may have a GPU

    def run(line: str) -> str:
        program, *words = words_of(line)
        if program == "policysearch":
            return _ours(monkeypatch, capsys, words)
        return _others(program, words)

    return run


def _ours(monkeypatch, capsys, words: list[str]) -> str:
    command, *rest = words
    missing = [name for word, name in LIBRARIES.items() if word in rest and find_spec(name) is None]
    if command in (*SLOW, "remote") or "--table" in words or missing:  # tests/cli/test_remote.py runs those
        return _parsed(words)
    if command == "export":
        Path("learned_policy.py").unlink(missing_ok=True)  # of another page, whose library may be another one
    try:
        code, _, err = call(monkeypatch, capsys, *words)
    except Begun:
        return _names(words)
    if code:
        return err
    done = command not in TRAINING or "--help" in words
    return "" if done else f"{command} did not begin to train"


def _parsed(words: list[str]) -> str:
    """What the command line objects to, without running anything."""
    group = typer.main.get_command(app)
    context = group.make_context("policysearch", list(words))
    try:
        while hasattr(group, "resolve_command"):
            name, group, words = group.resolve_command(context, list(words))
            context = group.make_context(name, list(words), parent=context)
    except Exception as error:
        return str(error)
    return ""


def _names(words: list[str]) -> str:
    """What is wrong with the names in a command's flags: they are looked up when the training begins."""
    flags = dict(pairwise(words))
    space = flags.get("--space", "default")
    try:
        if space not in search_spaces.names():  # those that ship have tests of their own
            load_space(space)
        compared = flags["--strategies"].split(",") if "--strategies" in flags else [flags.get("--strategy", "ucb")]
        for spec in compared:
            must_name_a_strategy(spec)
            if spec.partition(":")[0] in FURTHER:  # the others suit any space
                make_strategy(spec, load_space(space), 0, 40)
        for reward in ("--reward", "--confirm-reward"):
            parse_reward(flags.get(reward, "accuracy"), metrics_of_task(flags.get("--task", "classification")))
        model = flags.get("--model", "small-resnet")
        if find_spec("timm") or not model.startswith("timm:"):
            recipe_for(model)
        if ".py:" in model:
            function(model, "model")
        must_name_a_pool(make_config({"pool": flags.get("--pool", "local")}))
    except ValueError as error:
        return str(error)
    return ""


def _make(words: list[str]) -> str:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return "" if set(words) <= set(targets) else f"no target of the Makefile: {words}"


def _pip(words: list[str]) -> str:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    groups = [match[1] for word in words if (match := re.match(r"\.\[(.+)\]$", word))]
    unknown = set(",".join(groups).split(",")) - set(extras) - {""}
    return "" if words[0] == "install" and not unknown else f"no extra: {unknown}"


def _echo(words: list[str]) -> str:
    text, arrow, target = words
    if arrow != ">":
        return f"not written to a file: {words}"
    Path(target).write_text(text)
    return ""


def _curl(web: House, words: list[str]) -> str:
    """Send what curl would send; ID is a job, $TOKEN the administrator's."""
    headers, method, content = {}, "", None
    rest = iter(words)
    for word in rest:
        if word == "-H":
            name, _, value = next(rest).partition(": ")
            headers[name] = value.replace("$TOKEN", web.tokens["admin"])
        elif word == "-X":
            method = next(rest)
        elif word == "-d":
            content = next(rest)
        elif word == "--data-binary":
            content = f"what is in {next(rest)}"
        elif word.startswith("http://127.0.0.1:8800/"):
            path = word.removeprefix("http://127.0.0.1:8800").replace("ID", web.job("admin").id)
        elif word != "-O":
            return f"unknown word {word!r} of curl"
    answer = web.client().request(method or ("POST" if content else "GET"), path, headers=headers, content=content)
    return "" if answer.status_code < 400 else answer.text


PROGRAMS = {"make": _make, "pip": _pip, "echo": _echo}


def _others(program: str, words: list[str]) -> str:
    if program in PROGRAMS:
        return PROGRAMS[program](words)
    if program not in SERVICES:
        return f"unknown program {program!r}"
    return "" if words[0].startswith(SERVICES[program]) else f"unknown use of {program}: {words}"


def test_every_command_does_what_it_says(run):
    lines = {tuple(words_of(line)): line for _, line in commands()}
    wrong = {line: error for line in lines.values() if (error := run(line))}
    assert not wrong
    assert len(lines) >= 60


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("policysearch serach", "No such command"),
        ("policysearch search --trails 60", "No such option"),
        ("policysearch search --trials many", "valid integer"),
        ("policysearch remote serach", "No such command"),
        ("policysearch remote search --trails 60", "No such option"),
        ("policysearch search --strategy ucbb", "did you mean ucb"),
        ("policysearch search --space jiont", "did you mean joint"),
        ("policysearch search --model my_networks.py:three_layers", "three_layers"),
        ("policysearch search --reward acuracy", "did you mean accuracy"),
        ("policysearch search --pool cloud", "cloud"),
        ("policysearch report --outt x", "No such option"),
        ("policysearch serve --prot 80", "No such option"),
        ("policysearch remote serach", "No such command"),
        ("policysearch remote search --trails 60", "No such option"),
        ("policysearch export results/mine --to torch", "torch"),
        ("policysearch guide dta", "did you mean data"),
        ("policysearch show results/none", "none"),
        ("policysearch serve --state searches --place moon=2", "a place must be"),
        ("policysearch serve --state searches --data shirts=nowhere", "no such file"),
        ("policysearch serve --state searches --host 0.0.0.0", "plain HTTP"),
        ("curl http://127.0.0.1:8800/api/v1/searches", "no_token"),
        ("curl -H 'Authorization: Bearer $TOKEN' http://127.0.0.1:8800/api/v1/search", "not_found"),
        ("make serach", "no target"),
        ("pip install -e '.[tims]'", "no extra"),
        ("policy-search search", "unknown program"),
    ],
)
def test_planted_mistakes_are_caught(run, line, reason):
    assert reason in run(line)


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_every_toml_block_is_read(block, tmp_path):
    if file_name(block.text) == "serve.toml":
        (tmp_path / "serve.toml").write_text(block.text)
        assert read_limits(tmp_path / "serve.toml") == Limits()
    elif "schema" in tomllib.loads(block.text):
        parse_space(block.page, block.text, "the guide")
    else:
        make_config(tomllib.loads(block.text))


def test_commands_that_are_only_parsed_are_few():
    parsed = [line for _, line in commands() if any(line.startswith(f"policysearch {name} ") for name in SLOW)]
    assert 0 < len(parsed) <= 14
