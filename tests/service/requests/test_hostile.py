"""Hostile requests: refused with a field and a sentence each; nothing is imported, opened by name, or made."""

from __future__ import annotations

import json
import math
import os
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policysearch.service.request_models.taken import RECIPE_REFUSED, REFUSED
from policysearch.service.requests import MODELS, OperatorData, Refused, RequestContext, request_of, validated

FINE = {
    "data": "fashion-small",
    "space": "default",
    "trials": 6,
    "images": 100,
    "epochs": 2,
    "confirm": 1,
    "workers": 1,
}
SPACE = 'schema = 1\n[[family]]\nname = "f"\npreset = "randaugment:2,$m"\n[family.parameters]\nm = [3, 9]\n'
DEEP = "schema = 1\na = " + "[" * 40 + "]" * 40 + "\n"

HOSTILE = {
    # Code by its name.
    "model": [
        "os:abort",
        "x.py:f",
        "os.path:join",
        "torchvision:os",
        "timm:hf-hub:a/b",
        "timm:../x",
        "torchvision:",
        "",
    ],
    "strategy": [
        "x.py:f",
        "os:abort",
        "ucb:c=__import__('os')",
        "ucb:c=nan",
        "ucb:x=1",
        "optuna:Grid",
        "tpe:1",
        "",
        "a:b:c",
    ],
    "reward": [
        "os:system",
        "m:f",
        "accuracy; import os",
        "accuracy*1e999",
        "9" * 400 + "*accuracy",
        "",
        "x.py:f",
        "affinity",
    ],
    "confirm_reward": ["os:system", "accuracy+", ":"],
    "operations": ["os", "x.py", "../x.py", "mine", "os,sys"],
    # Paths and hosts.
    "data": ["../../etc", "/etc/passwd", "os:abort", "file:///etc", "", "CIFAR10", "a" * 26, "fashion-small/../x"],
    "space": [
        "../../etc/passwd",
        "/etc/passwd",
        "my.toml",
        "!!python/object/apply:os.system ['id']\n",
        f"{SPACE}max_arms = 1_000_000",
        f"max_arms = 1000000\n{SPACE}",
        "a = 1",
        DEEP,
        "a" + ".a" * 20_000 + " = 1",  # read part by part, it would take half a minute
        "[" + '"a" . ' * 9_000 + "a]\n",
        "a = " + "[" * 30_000,
        "#" + "x" * 70_000 + "\n",
        "schema = 1\nx = " + "9" * 6_000,
        SPACE.replace("randaugment", "os"),
        SPACE.replace("$m", "{m.__class__}"),
        "",
    ],
    "group": ["/etc/passwd", "../x.csv", "groups.csv", "a/b", ""],
    "resize": ["9999", "32x", -1, 7, "../x", 10**6],
    "calibrated": ["/tmp/x", "calibration.toml", "0" * 26],
    # Numbers.
    "trials": [0, -1, 10**9, 10**400, 1.5, "40", True, [40], math.nan, math.inf],
    "epochs": [10**9, 0, "1e3"],
    "images": [10**12, -5],
    "workers": [10**6, 0, -1],
    "deadline": [math.inf, math.nan, -1, 1e12],
    "confirm": [10**5, -1],
    "finalists": [21, 10**9],
    "seed": [-1, 2**63, 2**200],
    "validation": [1, 10**12],
    # Texts that cannot be shown or held.
    "name": ["a\0b", "\ud800", "x" * 3_000, "\x1b[31m", 5],
    "note": ["\ud83d", "\0"],
    "labels": ["x", ["x" * 51], [""], [1], ["a"] * 21, [["a"]]],
    "place": ["nowhere", "local-cpu; rm -rf /"],
    "image_column": ["a\0", 7],
    "skip_damaged": ["yes", 1],
    "aspect": ["../x", "fill"],
    "recipe": [
        5,
        [],
        "x",
        {"batch": 1},
        {"rate": math.inf},
        {"rate": math.nan},
        {"epochs": 3},
        {"batch": 10**9},
        {"schedule": "x.py:f"},
    ],
    # Keys.
    "__class__": [{}],
    "model_config": [{"extra": "allow"}],
    "hook": ["os:abort"],
}
"""By field, values that no request may have."""
CASES = [(field, value) for field, values in HOSTILE.items() for value in values]
CASES += [(field, "/tmp/x") for field in REFUSED]


@pytest.fixture(scope="module")
def context():
    context = RequestContext(data=OperatorData({"birds": "/srv/birds"}))
    validated("search", FINE, context)  # what good requests import is not what hostile ones do
    return context


def case_name(value):
    text = json.dumps(value, default=str) if not isinstance(value, str) else value
    return text[:30].encode("ascii", "backslashreplace").decode()


def test_there_are_enough_of_them():
    assert len(CASES) > 120


@pytest.mark.parametrize(("field", "value"), CASES, ids=case_name)
def test_a_hostile_setting_is_refused_with_its_field(field, value, context, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.py").write_text("raise SystemExit('it was imported')")
    (tmp_path / "groups.csv").write_text("a,b")
    modules = set(sys.modules)

    with pytest.raises(Refused) as refusal:
        validated("search", {**FINE, field: value}, context)

    fields = refusal.value.fields
    assert all(name.split(".")[0] == field for name in fields), fields
    assert all(text and len(text) < 1_000 for text in fields.values())
    str(refusal.value).encode()  # it can be sent
    assert set(sys.modules) == modules
    assert sorted(os.listdir(tmp_path)) == ["groups.csv", "x.py"]


@pytest.mark.parametrize("name", RECIPE_REFUSED)
def test_a_setting_of_a_recipe_that_the_server_sets(name, context):
    with pytest.raises(Refused) as refusal:
        validated("search", {**FINE, "recipe": {name: True}}, context)
    assert list(refusal.value.fields) == [f"recipe.{name}"]


@pytest.mark.parametrize("body", [None, [], "x", 5, True, [["data", "x"]]])
def test_what_is_no_table_is_refused(body, context):
    with pytest.raises(Refused):
        validated("search", body, context)


def test_all_that_is_wrong_is_said_at_once(context):
    body = {
        "trials": 0,
        "model": "os:abort",
        "reward": "os:system",
        "recipe": {"batch": 1, "lr": 3},
        "storage": "x",
        "trails": 3,
    }
    with pytest.raises(Refused) as refusal:
        validated("search", body, context)
    assert set(refusal.value.fields) == {"trials", "model", "reward", "recipe.batch", "recipe.lr", "storage", "trails"}
    assert "did you mean trials" in refusal.value.fields["trails"]
    assert "did you mean rate" in refusal.value.fields["recipe.lr"]


@pytest.mark.parametrize(
    ("kind", "body", "field"),
    [
        ("evaluate", {}, "policy"),
        ("evaluate", {"policy": "/etc/passwd"}, "policy"),
        ("evaluate", {"policy": "policy.json"}, "policy"),
        ("evaluate", {"policy": "identity", "also": "../x"}, "also"),
        ("evaluate", {"policy": "identity", "against": "os:abort"}, "against"),
        ("evaluate", {"policy": "identity", "against": ""}, "against"),
        ("evaluate", {"policy": "flip+" * 3_000}, "policy"),
        ("evaluate", {"policy": "identity", "grid_n": "x"}, "grid_n"),
        ("evaluate", {"policy": "identity", "grid_m": "999"}, "grid_m"),
        ("evaluate", {"policy": "identity", "seeds": 1_000}, "seeds"),
        ("evaluate", {"policy": "identity", "space": "default"}, "space"),
        ("calibrate", {"rewards": "accuracy,os:system"}, "rewards"),
        ("calibrate", {"long": "9x9x9"}, "long"),
        ("calibrate", {"long": "100000000x1"}, "long"),
        ("calibrate", {"ladder": "100x1,x"}, "ladder"),
        ("calibrate", {"arms": 2_000, "seeds": 1_000}, "arms"),
        ("calibrate", {"budget": math.inf}, "budget"),
        ("calibrate", {"trials": 3}, "trials"),
    ],
)
def test_hostile_calibrations_and_evaluations(kind, body, field, context):
    with pytest.raises(Refused) as refusal:
        validated(kind, body, context)
    assert list(refusal.value.fields) == [field]


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([*MODELS["search"].model_fields, *REFUSED, "hook"]) | st.text(max_size=12)


@settings(max_examples=60, deadline=None)
@given(body=st.dictionaries(NAMES, JUNK, max_size=6), kind=st.sampled_from(list(MODELS)))
def test_junk_is_taken_or_refused_and_never_fails(body, kind):
    validated("search", FINE, RequestContext())
    modules = set(sys.modules)
    try:
        request = validated(kind, body, RequestContext())
    except Refused as refusal:
        assert refusal.mistakes
        str(refusal).encode("utf-8", "backslashreplace")
    else:
        json.dumps(request_of(request), allow_nan=False)
    assert {name for name in set(sys.modules) - modules if not name.startswith("hypothesis")} == set()


@pytest.mark.parametrize(
    ("kind", "field", "body"),
    [
        ("search", "strategy", {"strategy": "by-class"}),
        ("search", "strategy", {"strategy": "density"}),
        ("search", "recipe.base_epochs", {"recipe": {"base_epochs": 2}}),
        ("search", "recipe.label_smoothing", {"recipe": {"label_smoothing": 0.1}}),
        ("evaluate", "equal_cost", {"policy": "identity", "equal_cost": "5"}),
    ],
)
@pytest.mark.parametrize("task", ["self-supervised", "text-lines"])
def test_what_a_task_does_not_have_is_refused_before_it_is_queued(kind, field, body, task):
    with pytest.raises(Refused) as refused:
        validated(kind, {**body, "task": task}, RequestContext())
    ((place, sentence),) = refused.value.mistakes
    assert place == field and f"does not go with --task {task}" in sentence
    validated(kind, body, RequestContext())
