"""Settings in groups: one field, one place, and the names that published runs recorded."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import policysearch
from policysearch.cli import app
from policysearch.core.errors import UserError
from policysearch.core.settings import Mark
from policysearch.datasets.load import load
from policysearch.experiments.calibration.settings import CalibrateSettings
from policysearch.experiments.evaluation.settings import TrainingSettings
from policysearch.experiments.tabular.plan import TableSettings
from policysearch.policy.space_files import load_space
from policysearch.study.config import SearchConfig, load_config, save_config
from policysearch.study.pinned_settings import PINNED, pin, search_settings
from policysearch.study.run_folder import RunFolder
from policysearch.study.settings import PlaceSettings, PullSettings
from policysearch.study.stores import open_stores

ROOT = Path(policysearch.__file__).parents[1]
PUBLISHED = ROOT / "results" / "2026-11-21_first-search"

PULLS = {"task", "images", "epochs", "model", "normalisation", "recipe", "seed", "validation", "split_seed"}
DATA = "data-root download resize aspect background image-column label-column group skip-damaged "
TRAINING = "batch rate momentum weight-decay warmup label-smoothing checkpoints precision schedule averaging "
TRAINING += "base-epochs layer-decay frozen compile " + DATA
EXPERIMENT = "task model weights normalisation train operations workers pool ray-address gpus-per-worker "
EXPERIMENT += "cpus-per-worker ray-wait device retries "
EXPERIMENT += "deadline validation split-seed data checkpoint-every checkpoint-limit "
STUDY = "seed storage study out "
FLAGS = {
    "search": TRAINING + EXPERIMENT + STUDY + "config space strategy calibrated trials finalists "
    "fixed-finalists ablate images epochs reward rungs promote prune confirm confirm-images confirm-epochs "
    "confirm-reward tensorboard",
    "record": TRAINING + EXPERIMENT + STUDY + "config space reward rungs fidelities seeds arms best best-seeds budget",
    "compare": TRAINING + EXPERIMENT + "out replay space images epochs rungs promote confirm confirm-images "
    "confirm-epochs confirm-reward strategies pulls runs sampler-runs fidelity ladder truth reward delta stragglers "
    "slowdown failures seed processes sensitivity",
    "calibrate": TRAINING + EXPERIMENT + STUDY + "space arms long ladder seeds long-seeds rewards tolerance budget",
    "evaluate": TRAINING + EXPERIMENT + STUDY + "config images epochs against also adaptive ensemble equal-cost seeds "
    "grid-n grid-m grid-seeds",
    "data": DATA + "validation split-seed out task",
    "preview": DATA + "data images draws seed progress pairs operations task out",
}
"""Flags of the commands that take groups of settings, as they were before there were groups."""


def flags_of(command: str) -> set[str]:
    import typer

    parameters = typer.main.get_command(app).commands[command].params
    return {name for parameter in parameters for name in parameter.opts if name.startswith("--")}


@pytest.mark.parametrize("command", FLAGS)
def test_commands_take_the_flags_that_they_always_took(command):
    assert flags_of(command) == {f"--{name}" for name in FLAGS[command].split()}


def test_names_that_runs_tables_and_calibrations_record():
    confirmed = {"confirm_images", "confirm_epochs", "confirm_reward"}
    assert {*PINNED} == PULLS | confirmed | {"strategy", "reward", "rungs", "promote", "prune"}
    assert {*TrainingSettings.setting_names(Mark.FIXED)} == PULLS
    reported = PULLS - {"images", "epochs"} | {"reward", "resize", "aspect", "background", "device", "workers"}
    assert {*TableSettings.setting_names(Mark.FIXED, Mark.REPORTED)} == reported
    assert CalibrateSettings.setting_names(Mark.FIXED) == ("arms", "long", "ladder", "seeds", "long_seeds")


@pytest.fixture
def published(tmp_path):
    return RunFolder(Path(shutil.copytree(PUBLISHED, tmp_path / "run")))


def check(config: SearchConfig, folder: RunFolder) -> dict[str, object]:
    """Compare a config with what the folder's study began with, and return what that was."""
    config = config.model_copy(update={"out": str(folder.path)})
    with open_stores(config, folder, load_space(str(folder.space))) as stores:
        change = pin(stores["search"], search_settings(config, folder, load(config).digest))
        if change:
            raise UserError(change.since("search"))
        return dict(stores["search"].notes["settings"])


def test_a_published_run_is_the_same_search_still(published):
    settings = check(load_config(published.config), published)
    later = {"rungs", "promote", "prune", "task", "normalisation"}
    assert {*settings} == {*PINNED} - later | {"operations", "the model's source", "data", "space.toml"}


def test_a_published_run_refuses_other_settings(published):
    config = load_config(published.config)
    with pytest.raises(UserError, match=r"epochs is 81, was \d+ when the search began"):
        check(config.model_copy(update={"epochs": 81}), published)
    check(config.model_copy(update={"workers": 3, "trials": config.trials + 1}), published)


@pytest.mark.parametrize("file", sorted((ROOT / "results").glob("**/config.toml")), ids=lambda file: file.parent.name)
def test_published_configs_are_read_and_written_as_they_were(file, tmp_path):
    save_config(load_config(file), tmp_path / "config.toml")
    before, after = (tomllib.loads(path.read_text("utf-8")) for path in (file, tmp_path / "config.toml"))
    assert before == {name: after[name] for name in before}


def test_a_config_is_each_of_its_groups():
    config = SearchConfig(images=60, workers=3)
    assert isinstance(config, PullSettings) and isinstance(config, PlaceSettings)
    assert {*PullSettings.setting_names()} == {"images", "epochs"}


PLANTED = """
    strength: Annotated[int, Field(ge=0, description="a planted setting"), Mark.FIXED] = 7
"""
PROBE = """
from pathlib import Path
from policysearch.cli import app
from policysearch.core.errors import UserError
from policysearch.experiments.evaluation.contenders import _Inherited
from policysearch.experiments.evaluation.settings import TrainingSettings
from policysearch.core.settings import Mark
from policysearch.study.config import SearchConfig, load_config, make_config, save_config
from policysearch.study.pinned_settings import PINNED, pin
import typer

group = typer.main.get_command(app)
takes = {name for name, command in group.commands.items() for p in command.params if "--strength" in p.opts}
print(*sorted(takes))
save_config(make_config({"strength": 9}), Path("config.toml"))
print(load_config("config.toml").strength, SearchConfig().strength)
kept = (PINNED, TrainingSettings.setting_names(Mark.FIXED), _Inherited.setting_names())
print(*("strength" in names for names in kept))
try:
    make_config({"strength": -1})
except UserError as error:
    print(error)
class Study:
    notes = {"settings": {}}
change = pin(Study(), {"strength": 9})
print(change.since("search"), pin(Study(), {"strength": 7}), sep="; ")
"""


def test_a_new_setting_is_one_new_field(tmp_path):
    """In a copy of the program whose only difference is that field."""
    shutil.copytree(ROOT / "policysearch", tmp_path / "policysearch", ignore=shutil.ignore_patterns("__pycache__"))
    file = tmp_path / "policysearch" / "study" / "settings.py"
    planted, count = re.subn(
        r"(class PullSettings.*?\n    \"\"\"\n)", rf"\1{PLANTED}", file.read_text("utf-8"), flags=re.DOTALL
    )
    assert count == 1
    file.write_text(planted, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-c", PROBE], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    commands, values, kept, refused, changes = done.stdout.splitlines()
    assert commands == "compare evaluate search tta"
    assert values == "9 7"
    assert kept == "True True True"
    assert "strength" in refused and "-1" in refused
    assert changes == "strength is 9, was 7 when the search began; None"
