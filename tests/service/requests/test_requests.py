"""Good requests: what is kept of them, what their jobs are run with, and what their owners may download."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from policysearch.core.errors import UserError
from policysearch.experiments.calibration.settings import CalibrateSettings
from policysearch.experiments.evaluation.settings import EvaluateSettings
from policysearch.service.database.connection import open_database
from policysearch.service.database.jobs import Jobs
from policysearch.service.job import State
from policysearch.service.limits import Limits
from policysearch.service.requests import (
    MODELS,
    OperatorData,
    Refused,
    RequestContext,
    request_of,
    schema,
    settings_of,
    shared_settings,
    space_text,
    validated,
    validated_changes,
)
from policysearch.service.requests.networks import library_networks
from policysearch.service.requests.plugins import operators_plugins
from policysearch.service.requests.strategy import SAMPLERS
from policysearch.service.scheduler.places import Place
from policysearch.service.state_folder import StateFolder
from policysearch.study.config import make_config, save_config
from policysearch.study.config import validated as validated_group
from policysearch.study.further_strategies import FURTHER
from policysearch.study.populations.settings import POPULATIONS
from policysearch.study.strategies import _NO_FIXED_FORM, _SAMPLERS

SPACE = 'schema = 1\n[[family]]\nname = "f"\npreset = "randaugment:2,$m"\n[family.parameters]\nm = [3, 9]\n'
PLUGIN = """
import os
from os import system

def reward(metrics):
    return 1.0

def _hidden():
    pass

class Rule:
    pass
"""
END = (State.QUEUED, State.STARTING, State.RUNNING, State.DONE)


@pytest.fixture
def context(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(PLUGIN)
    places = (Place("local-cpu", 3), Place("gpu:0", 2, jobs=1, gpu="0"))
    return RequestContext(
        data=OperatorData({"birds": "/srv/birds"}), plugins=operators_plugins([f"mine={file}"]), places=places
    )


def taken(kind, body, context):
    return request_of(validated(kind, body, context))


def test_what_is_kept_is_what_was_sent(context):
    body = {"data": "birds", "trials": 40, "resize": 32, "recipe": {"batch": 64}, "labels": ["a"], "name": "first"}
    assert taken("search", body, context) == body
    assert taken("search", {}, context) == {}


@pytest.mark.parametrize(
    "body",
    [
        {"strategy": "ucb:c=0.5"},
        {"strategy": "linucb:alpha=1,ridge=.5"},
        {"strategy": "tpe"},
        {"strategy": "pba:population=4,interval=2", "recipe": {"schedule": "trunk"}},
        {"strategy": "optuna:CmaEs"},
        {"strategy": "optuna:nsgaiisampler"},
        {"strategy": "mine:Rule"},
        {"reward": "accuracy-0.5*ece"},
        {"reward": "balanced-accuracy"},
        {"reward": "affinity", "recipe": {"base_epochs": 2}},
        {"reward": "mine:reward", "confirm_reward": "-loss"},
        {"model": "wrn-16-4"},
        {"model": "torchvision:resnet18"},
        {"model": "timm:resnet10t"},
        {"operations": "mine"},
        {"space": "joint"},
        {"space": SPACE},
        {"group": "near"},
        {"resize": "32x48"},
        {"place": "gpu:0", "workers": 2},
        {"note": "two\nlines"},
    ],
)
def test_good_settings_are_taken(body, context):
    assert taken("search", body, context) == body


@pytest.mark.parametrize("function", ["system", "os", "_hidden", "nothing", "reward.__globals__", ""])
def test_of_a_plugin_only_what_it_defines_may_be_named(function, context):
    for field in ("reward", "strategy", "model"):
        with pytest.raises(Refused):
            validated("search", {field: f"mine:{function}"}, context)


@pytest.mark.parametrize("text", ["mine", "mine=x.txt", "=x.py", "ucb=PATH", "a b=PATH", "mine=nowhere.py"])
def test_a_plugin_that_cannot_be_one(text, tmp_path):
    (tmp_path / "x.py").write_text("")
    with pytest.raises(UserError):
        operators_plugins([text.replace("PATH", str(tmp_path / "x.py"))])


def test_a_plugin_is_read_and_not_run(tmp_path):
    (tmp_path / "x.py").write_text("raise SystemExit")
    assert list(operators_plugins([f"x={tmp_path / 'x.py'}"])) == ["x"]
    with pytest.raises(UserError, match="another meaning"):
        operators_plugins([f"x={tmp_path / 'x.py'}"] * 2)


def test_more_than_the_place_or_the_operator_allows(context):
    with pytest.raises(Refused, match=r"may be 2 at gpu:0"):
        validated("search", {"place": "gpu:0", "workers": 3}, context)
    with pytest.raises(Refused, match="workers"):
        validated("search", {"workers": 4}, context)
    small = RequestContext(limits=Limits(pulls=10, images=50))
    with pytest.raises(Refused) as refusal:
        validated("search", {"trials": 11, "images": 60, "confirm": 0}, small)
    assert list(refusal.value.fields) == ["trials", "images"]
    with pytest.raises(Refused, match="the strategy comes to 16 pulls, and 10 are allowed"):
        validated("search", {"strategy": "pba:population=2", "images": 50, "confirm": 0}, small)
    with pytest.raises(Refused, match="the strategy comes to 405 pulls, and 10 are allowed"):
        validated("search", {"strategy": "density", "space": "autoaugment", "images": 50, "confirm": 0}, small)
    with pytest.raises(Refused, match="the request comes to 11 trainings, and 10 are allowed") as refusal:
        ablated = {"space": "recipe", "trials": 9, "images": 50, "confirm": 0, "ablate": 1}
        validated("search", ablated, small)
    assert list(refusal.value.fields) == ["ablate"]
    with pytest.raises(Refused, match="trainings"):
        validated("calibrate", {"arms": 4}, small)


def test_changes_of_a_resume(context):
    assert validated_changes({"trials": 80, "confirm": None}, context) == {"trials": 80}
    assert validated_changes(None, context) == {}
    for body in (
        [],
        {"trials": 0},
        {"trials": True},
        {"trials": 10**6},
        {"workers": 4},
        {"epochs": 3},
        {"confirm": "4"},
    ):
        with pytest.raises(Refused):
            validated_changes(body, context)


def test_the_settings_of_a_search(context, tmp_path):
    body = {"data": "birds", "space": SPACE, "reward": "mine:reward", "operations": "mine", "name": "x", "trials": 4}
    request = taken("search", body, context)
    settings = settings_of("search", request, context, tmp_path, 2, {"workers": 2, "pool": "local", "device": "cpu"})
    training = settings.pop("training")
    plugin = str(tmp_path / "mine.py")
    assert settings == {"names": {"/srv/birds": "birds", f"{plugin}:reward": "mine:reward", plugin: "mine"}}
    assert training.pop("space") == str(tmp_path / "space.toml") and (tmp_path / "space.toml").read_text() == SPACE
    assert training.pop("reward") == f"{plugin}:reward" and training.pop("operations") == plugin
    assert training == {
        "data": "/srv/birds",
        "trials": 4,
        "workers": 2,
        "pool": "local",
        "device": "cpu",
        "out": str(tmp_path / "run"),
    }
    make_config({**training, "data": "fashion-small"})


def test_the_settings_of_a_calibration_and_an_evaluation(context, tmp_path):
    request = taken("calibrate", {"arms": 8, "rewards": "accuracy, mine:reward"}, context)
    settings = settings_of("calibrate", request, context, tmp_path, 1, {})
    assert settings["calibration"] == {"arms": 8, "rewards": f"accuracy,{tmp_path / 'mine.py'}:reward"}
    validated_group(CalibrateSettings, settings["calibration"])

    request = taken("evaluate", {"policy": "flip+randaugment:2,9", "seeds": 3, "epochs": 5}, context)
    settings = settings_of("evaluate", request, context, tmp_path, 1, {})
    assert settings["policy"] == "flip+randaugment:2,9" and settings["training"]["epochs"] == 5
    validated_group(EvaluateSettings, settings["evaluation"])


def test_a_job_that_is_named_must_be_done_and_of_its_kind(tmp_path):
    folder = StateFolder(tmp_path)
    folder.make()
    with open_database(None, folder.database) as database:
        jobs = Jobs(database)
        context = RequestContext(jobs=jobs, folder=folder)
        search = jobs.add("anna", "search", {}, workers=1)[0].id
        calibration = jobs.add("anna", "calibrate", {}, workers=1)[0].id
        with pytest.raises(Refused, match="is checking"):
            validated("evaluate", {"policy": search}, context)
        for job in (search, calibration):
            for state in END:
                jobs.enter(job, state)
        with pytest.raises(Refused, match="another kind"):
            validated("evaluate", {"policy": calibration}, context)

        request = taken("evaluate", {"policy": search, "also": f"{search}, {search}"}, context)
        settings = settings_of("evaluate", request, context, tmp_path, 1, {})
        run = str(folder.job(search).run)
        assert settings["policy"] == run and settings["evaluation"]["also"] == f"{run},{run}"
        request = taken("search", {"calibrated": calibration}, context)
        settings = settings_of("search", request, context, tmp_path, 1, {})
        assert settings["training"]["calibrated"] == str(folder.job(calibration).run)


def test_the_settings_that_are_shared_have_no_path(context, tmp_path):
    request = taken("search", {"data": "birds", "reward": "mine:reward", "space": SPACE}, context)
    settings = settings_of("search", request, context, tmp_path, 1, {"device": "cpu"})
    config = make_config({**settings["training"], "storage": "postgresql://anna:secret@host/db"})
    text = shared_settings(config, request)
    assert str(tmp_path) not in text and "secret" not in text and "/srv" not in text
    values = tomllib.loads(text)
    assert (values["data"], values["reward"], values["space"]) == ("birds", "mine:reward", SPACE)
    values["space"], values["reward"] = "default", "accuracy"
    save_config(make_config(values), tmp_path / "again.toml")


def test_a_large_space_is_left_to_the_check(context):
    """Its arms are not built in the server: forty parameters of fifty choices would be."""
    parameters = "".join(f"p{i} = [{', '.join(str(v / 100) for v in range(1, 51))}]\n" for i in range(40))
    steps = ", ".join(f'{{operation = "rotate", magnitude = "$p{i}"}}' for i in range(40))
    space = (
        'schema = 1\n[[family]]\nname = "f"\nrepeat = 50\n'
        f"[family.policy]\nsub_policies = [{{steps = [{steps}]}}]\n[family.parameters]\n{parameters}"
    )
    assert taken("search", {"space": space}, context) == {"space": space}


@pytest.mark.parametrize("kind", MODELS)
def test_the_schema_has_limits_choices_and_words(kind, context):
    document = schema(kind, context, ("fashion-small", "birds"))
    properties = document["properties"]
    assert document["additionalProperties"] is False
    assert properties["data"]["examples"] == ["fashion-small", "birds"]
    assert "mine:reward" in properties["model"]["examples"] and "mine" in properties["operations"]["examples"]
    if kind == "search":
        assert {"ucb", "tpe", *POPULATIONS, *FURTHER} <= set(properties["strategy"]["examples"])
    assert all("description" in entry for name, entry in properties.items() if name != "recipe")
    assert kind != "search" or {"ucb", "asha", "pba", "density", "tpe"} <= {*properties["strategy"]["examples"]}
    workers = next(part for part in properties["workers"]["anyOf"] if part.get("type") == "integer")
    assert workers["maximum"] == 3
    assert document["$defs"]["RecipeRequest"]["properties"]["batch"]["maximum"] == 100_000


@pytest.mark.slow  # it imports the libraries
def test_networks_are_those_of_the_libraries():
    timm = pytest.importorskip("timm")
    from torchvision import models

    assert library_networks("torchvision") == set(models.list_models(module=models))
    assert library_networks("timm") == set(timm.list_models())


def test_samplers_are_those_that_suit_spaces():
    assert set(SAMPLERS) == {name for name in _SAMPLERS if name not in _NO_FIXED_FORM}


def test_a_library_that_is_missing_is_said(monkeypatch):
    monkeypatch.setattr("policysearch.service.requests.networks.library_networks", lambda library: frozenset())
    with pytest.raises(Refused, match="which the server does not have"):
        validated("search", {"model": "timm:resnet10t"}, RequestContext())


def test_the_file_of_a_plugin_that_has_gone(context, tmp_path):
    Path(tmp_path / "mine.py").unlink()
    with pytest.raises(Refused, match="cannot be read"):
        validated("search", {"reward": "mine:reward"}, context)


def test_a_space_whose_parts_grow_is_not_built_in_the_server(monkeypatch):
    """Twelve parts of two parts each: 4,096 entries for each of a thousand arms would take the server 20 seconds."""
    parts = "".join(f'p{i} = [{{ part = "p{i - 1}" }}, {{ part = "p{i - 1}" }}]\n' for i in range(1, 13))
    steps = ", ".join(f'{{ operation = "rotate", magnitude = "${name}" }}' for name in "abc")
    text = f"""
schema = 1
[[family]]
name = "mine"
parameters = {{ a = {[*range(10)]}, b = {[*range(10)]}, c = {[*range(10)]} }}
policy.sub_policies = [{{ steps = [{{ part = "p12" }}, {steps}] }}]
[family.parts]
p0 = []
{parts}"""

    def built(*args):
        raise AssertionError("the server built it")

    monkeypatch.setattr(space_text, "parse_space", built)
    space_text.must_be_a_space(text, 1000, own_operations=False)
    with pytest.raises(AssertionError, match="the server built it"):
        space_text.must_be_a_space(text.replace('part = "p12"', 'part = "p3"'), 1000, own_operations=False)
