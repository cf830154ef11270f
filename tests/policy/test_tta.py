"""Test-time policies as values: JSON both ways, the classics, and what is no view."""

from __future__ import annotations

import json

import pytest

from policysearch.core.errors import UserError
from policysearch.policy.tta import CLASSICS, CROP_BOX, TtaPolicy, View, ViewStep, classic_views


def test_the_classics_have_as_many_views_as_their_names_say():
    assert {name: len(views) for name, views in CLASSICS.items()} == {
        "identity": 1,
        "flip": 2,
        "scales": 3,
        "five-crops": 5,
        "flipped-scales": 6,
        "flipped-shifts": 6,
        "ten-crops": 10,
    }
    assert all(len(set(views)) == len(views) for views in CLASSICS.values())
    assert classic_views("ten-crops")[:5] == classic_views("five-crops")
    with pytest.raises(UserError, match="ten-crops"):
        classic_views("hundred-crops")


def test_a_file_gives_the_same_policy_back(tmp_path):
    policy = TtaPolicy(name="mine", views=classic_views("ten-crops"), temperature=1.25, about={"data": "d"})
    policy.save(tmp_path / "views.json")
    again = TtaPolicy.load(tmp_path / "views.json")
    assert again == policy and again.hash == policy.hash
    assert policy.model_copy(update={"name": "other"}).hash == policy.hash


def test_an_edited_file_is_refused(tmp_path):
    path = tmp_path / "views.json"
    TtaPolicy(views=classic_views("flip")).save(path)
    content = json.loads(path.read_text())
    content["temperature"] = 2.0
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="edited or damaged"):
        TtaPolicy.load(path)


@pytest.mark.parametrize("content", ["{", "[]", '{"views": []}', '{"views": [{}], "temperature": 0}', None])
def test_what_is_no_test_time_policy_is_refused(tmp_path, content):
    path = tmp_path / "views.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=r"views\.json"):
        TtaPolicy.load(path)


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ({"operation": "cutout", "magnitude": 0.5, "numbers": (0.5, 0.5)}, "hides or draws pixels"),
        ({"operation": "noise", "magnitude": 0.5, "numbers": (0.5, 0.5)}, "hides or draws pixels"),
        ({"operation": "rotate", "magnitude": 200.0}, r"\[-180, 180\]"),
        ({"operation": "solarize", "magnitude": -3.0}, r"\[0, 256\]"),
        ({"operation": CROP_BOX, "magnitude": 0.5}, "2 numbers"),
        ({"operation": "rotat", "magnitude": 2.0}, "did you mean rotate"),
    ],
)
def test_what_makes_no_view_is_refused(step, reason):
    with pytest.raises(ValueError, match=reason):
        ViewStep(**step)


def test_views_say_what_they_are():
    steps = (ViewStep(operation="flip-horizontal"), ViewStep(operation=CROP_BOX, magnitude=0.875, numbers=(0.0, 1.0)))
    assert View(steps=steps).words == "flip-horizontal, crop 88 % top right"
    assert View().words == "as it is"
