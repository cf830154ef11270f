"""Policies as values: identity by content, JSON both ways, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policysearch.core.errors import UserError
from policysearch.policy.curricula import curriculum, schedule
from policysearch.policy.describe import in_words
from policysearch.policy.mixes import Mix
from policysearch.policy.operations import RANDAUGMENT_OPERATIONS
from policysearch.policy.policy import Policy
from policysearch.policy.presets import BASELINES, PRESETS
from policysearch.policy.softening import Softening
from tests.support.random_policies import policies, policies_by_class


@given(policies | policies_by_class)
def test_json_round_trip_keeps_content_and_hash(policy):
    again = Policy.from_dict(json.loads(policy.to_json()))
    assert again == policy
    assert again.hash == policy.hash
    assert again.model_dump() == policy.model_dump()


BROKEN = {
    "probability": (-0.1, 1.1, "often", "0.5", True, None, float("nan"), [0.5]),
    "weight": (0, -1, "much", "3", 1e308, float("inf")),
    "operation": ("rotat", 3, None, ""),
    "magnitude": ("much", float("nan"), 1e9, -1e9, {"start": 0}, {"mean": 0, "std": -1}, [1]),
    "k": (0, -1, 101, "steep"),
    "p_min": (-0.1, 1.1, "low"),
    "mode": ("soft", None, 1),
    "width": (0, 11, 1.5),
    "alpha": (0, -1, 0.001, 101, "even", "1"),
    "counts": ([1.0], [2, -1], [0.3, 0.3], "two"),
    "sub_policies": ([], None, {}, [1]),
    "stages": ([{}], 3, [{"start": 0, "sub_policies": [{}]}]),
    "normalise": ("perhaps", 7),
    "rule": ("entaugmnt", 3, None),
    "warmup": (-0.1, 1.0, "late"),
}


def places(value, path=()):
    """(path, key) of every key in nested JSON that `BROKEN` knows."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if key in BROKEN:
            yield path, key
        yield from places(item, (*path, key))


@given(policies, st.data())
def test_any_broken_policy_is_refused_by_field(policy, data):
    text = json.loads(policy.to_json())
    del text["hash"]
    path, key = data.draw(st.sampled_from(sorted(places(text), key=str)))
    owner = text
    for part in path:
        owner = owner[part]
    name = owner.get("operation") if key == "magnitude" else None
    owner[key] = data.draw(st.sampled_from(BROKEN[key]))
    with pytest.raises(UserError) as told:
        Policy.from_dict(text)
    assert key in str(told.value) or (name and name in str(told.value)) or "unknown" in str(told.value)


@given(policies | policies_by_class)
def test_every_policy_has_words(policy):
    assert in_words(policy)


def test_hash_is_of_content_alone():
    crop = Policy.preset("flip-crop")
    renamed = crop.model_copy(update={"name": "mine", "about": {"from": "me"}})
    assert renamed.hash == crop.hash
    changed = crop.model_copy(update={"sub_policies": Policy.preset("identity").sub_policies})
    assert changed.hash == Policy.preset("identity").hash
    assert Policy.preset("randaugment:2,9") == Policy.preset("randaugment")
    assert Policy.preset("randaugment:2,8") != Policy.preset("randaugment")


@pytest.mark.parametrize("name", ["randaugment:1,9", "trivialaugment-wide", "autoaugment-cifar10", "soft-crop"])
def test_a_flip_may_stand_before_a_preset(name):
    plain, flipped = Policy.preset(name), Policy.preset(f"flip+{name}")
    assert flipped.name == f"flip+{plain.name}" and flipped.softening == plain.softening
    for before, after in zip(plain.sub_policies, flipped.sub_policies, strict=True):
        assert after.steps[0] == Policy.preset("flip-crop").sub_policies[0].steps[0]
        assert after.steps[1:] == before.steps and after.weight == before.weight
    assert Policy.preset("flip+randaugment").hash == "5a3efd617602"


def test_a_crop_may_stand_before_a_preset_and_a_flip_before_both():
    flip, crop = Policy.preset("flip-crop").sub_policies[0].steps
    plain = Policy.preset("randaugment:1,9").sub_policies[0].steps
    for name, before in {"crop+": (crop,), "flip-crop+": (flip, crop), "flip+": (flip,)}.items():
        policy = Policy.preset(f"{name}randaugment:1,9")
        assert policy.name == f"{name}randaugment:1,9" and policy.sub_policies[0].steps == (*before, *plain)
    assert Policy.preset("flip-crop+identity").hash == Policy.preset("flip-crop").hash


@pytest.mark.parametrize(
    ("name", "told"),
    [("crop+augmix", "averages draws"), ("flip+augmix", "averages draws"), ("flip+nothing", "unknown policy preset")],
)
def test_flips_before_what_is_no_such_preset(name, told):
    with pytest.raises(UserError, match=told):
        Policy.preset(name)


def test_hash_is_stable_between_versions():
    """Recorded studies name policies by these: a change here orphans them."""
    assert {name: Policy.preset(name).hash for name in ("identity", "flip-crop")} == {
        "identity": "6cf2df2ec824",
        "flip-crop": "9217cdc478d4",
    }
    assert Policy.preset("soft-crop").hash == "cf3598cd0776"


def test_softening_that_is_off_is_no_softening():
    sub = Policy.preset("flip-crop").sub_policies
    assert Policy(sub_policies=sub, softening=Softening(mode="off", k=3)) == Policy(sub_policies=sub)


def test_save_and_load(tmp_path):
    policy = Policy.preset("soft-crop")
    policy.save(tmp_path / "p.json")
    assert Policy.load(tmp_path / "p.json") == policy
    assert [p.name for p in tmp_path.iterdir()] == ["p.json"]


def test_presets_are_the_published_ones():
    assert len(RANDAUGMENT_OPERATIONS) == 14
    (ra,) = Policy.preset("randaugment").sub_policies
    assert [len(step.one_of) for step in ra.steps] == [14, 14]
    (wide,) = Policy.preset("trivialaugment-wide").sub_policies
    spans = {s.operation: (s.magnitude.start, s.magnitude.stop) for s in wide.steps[0].one_of if s.magnitude}
    assert spans["rotate"] == (0, 135)
    assert spans["translate-x-pixels"] == (0, 32)
    assert spans["posterize"] == (8, 2)
    assert Policy.preset("soft-crop").softening == Softening(k=2, mode="both")
    assert set(BASELINES) <= set(PRESETS)


def test_soft_crop_takes_its_strength_and_power():
    """σ 0.3, k 2 are the paper's; with TrivialAugment after it, only the crop is softened."""
    assert Policy.preset("soft-crop:0.3,2") == Policy.preset("soft-crop") != Policy.preset("soft-crop:0.1")
    mild = Policy.preset("soft-crop:0.1,4")
    assert mild.sub_policies[0].steps[1].magnitude == 0.1 and mild.softening.k == 4 and mild.name == "soft-crop:0.1,4"
    both = Policy.preset("soft-crop-trivialaugment:0.1")
    assert both.sub_policies[0].steps[2:] == Policy.preset("trivialaugment-wide").sub_policies[0].steps
    assert both.softening.p_min == 1 and both.softening.operations["soft-crop"].k == 2
    for wrong in ("soft-crop:-1", "soft-crop:0.1,0", "soft-crop-trivialaugment:0.1,2,3"):
        with pytest.raises(UserError, match="soft-crop"):
            Policy.preset(wrong)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"operation": "rotate", "magnitude": float("nan")}, "magnitude"),
        ({"operation": "rotate", "magnitude": 181}, "magnitude of rotate"),
        ({"operation": "rotate", "magnitude": -1}, "magnitude of rotate"),
        ({"operation": "rotate"}, "magnitude of rotate"),
        ({"operation": "rotate", "magnitude": {"start": 0, "stop": 1e9}}, "magnitude of rotate"),
        ({"operation": "equalize", "magnitude": 1}, "magnitude of equalize"),
        ({"operation": "rotate", "magnitude": 3, "probability": 1.5}, "probability"),
        ({"operation": "rotate", "magnitude": 3, "probability": float("nan")}, "probability"),
        ({"operation": "rotat", "magnitude": 3}, "did you mean rotate"),
        ({"operation": "rotate", "magnitude": 3, "colour": 1}, "colour"),
        ({"operation": "rotate", "magnitude": 3, "probablity": 1}, "did you mean probability"),
        ({"operation": "rotate", "level": 3}, "levels are for space files"),
        ({"operation": "rotate", "magnitude": {"mean": 200, "std": 1}}, "magnitude of rotate"),
        ({"operation": "rotate", "magnitude": {"mean": 20, "std": -1}}, "std"),
        ({"some_of": [], "counts": [0.5, 0.5]}, "some_of"),
        ({"some_of": [{"operation": "invert"}], "counts": [0.5, 0.2]}, "counts must sum to 1"),
        ({"some_of": [{"operation": "invert"}]}, "counts of 1 steps are 2 numbers at most"),
        ({"operation": "rotate", "magnitude": "20"}, "magnitude"),
        ({"one_of": [{"operation": "rotate", "magnitude": 999}]}, "magnitude of rotate"),
    ],
)
def test_bad_steps_are_refused_by_field(change, field):
    with pytest.raises(UserError, match=field):
        Policy.from_dict({"schema": 1, "sub_policies": [{"steps": [change]}]})


def adaptive(rule: str, magnitude=None, warmup=None, **parts) -> str:
    step = {"operation": "rotate", "magnitude": magnitude or {"start": 0, "stop": 30}}
    return json.dumps({"sub_policies": [{"steps": [step]}], "adaptive": {"rule": rule, "warmup": warmup}, **parts})


def test_an_adaptive_policy_has_a_hash_of_its_own_and_words():
    plain, preset = Policy.preset("trivialaugment"), Policy.preset("entaugment")
    late = Policy.from_dict(json.loads(adaptive("entaugment", warmup=0.25)))
    assert plain.hash == "c7255124798f" and len({plain, preset, Policy.preset("adaaugment"), late}) == 4
    assert "by entaugment from 25% of the training on" in in_words(late) and "entaugment" not in in_words(plain)
    assert Policy.preset("flip+entaugment").adaptive == preset.adaptive == preset.at(0.7).adaptive


def test_a_stage_may_adapt_otherwise_than_its_policy():
    plain, turns = Policy.preset("trivialaugment"), [Policy.preset(name) for name in ("entaugment", "adaaugment")]
    parts = [(0.0, turns[0]), (0.25, plain), (0.5, turns[1]), (0.75, turns[0])]
    policy = schedule(parts)
    assert [policy.at(start) == part for start, part in parts] == [True] * 4
    assert Policy.from_dict(json.loads(policy.to_json())) == policy
    assert "magnitudes drawn again" in in_words(policy)
    mixed = schedule([(0.0, turns[0]), (0.5, plain.model_copy(update={"mix": Mix(operation="mixup")}))])
    assert Policy.from_dict(json.loads(mixed.to_json())) == mixed


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "must be a table of its fields"),
        ('{"schema": 2, "sub_policies": []}', "upgrade"),
        ('{"schema": 1, "sub_policies": []}', "sub_policies"),
        ('{"schema": 1, "sub_policies": [{"weight": 0}]}', "weight"),
        ('{"schema": 1}', "sub_policies is missing"),
        ('{"sub_policies": [{}], "mixture": {"width": 0}}', "mixture.width"),
        ('{"sub_policies": [{}], "stages": [{"start": 0, "sub_policies": [{}]}]}', "start"),
        ('{"sub_policies": [{}], "stages": [{"start": 0.5}]}', "sub_policies is missing"),
        (
            '{"sub_policies": [{}], "stages": [{"start": 0.5, "sub_policies": [{}]},'
            ' {"start": 0.2, "sub_policies": [{}]}]}',
            "one after the other",
        ),
        (adaptive("entaugment", magnitude=3), "entaugment has nothing to adapt"),
        (adaptive("entaugment", stages=[{"start": 0.5, "sub_policies": [{}]}]), "of every stage"),
        (adaptive("entaugment", mix={"operation": "mixup"}), "leave out 'mix'"),
        (adaptive("entaugment", mixture={}), "leave out 'mixture'"),
        (adaptive("entaugmen"), "unknown adaptive rule 'entaugmen'"),
        (adaptive("sample-aware", warmup=0.1), "warmup of sample-aware: it has none, got 0.1"),
        (adaptive("entaugment", warmup=1.0), "adaptive.warmup"),
    ],
)
def test_bad_files_are_refused(tmp_path, text, told):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(UserError, match=told):
        Policy.load(path)


def test_an_edited_policy_is_noticed(tmp_path):
    path = tmp_path / "p.json"
    Policy.preset("flip-crop").save(path)
    data = json.loads(path.read_text())
    assert data["hash"] == Policy.preset("flip-crop").hash
    data["sub_policies"][0]["steps"][0]["probability"] = 0.25
    path.write_text(json.dumps(data))
    with pytest.raises(UserError, match="edited or damaged"):
        Policy.load(path)
    del data["hash"]
    path.write_text(json.dumps(data))
    assert Policy.load(path) != Policy.preset("flip-crop")


def test_missing_file_and_unknown_presets():
    with pytest.raises(UserError, match="cannot read"):
        Policy.load("nowhere.json")
    with pytest.raises(UserError, match="did you mean trivialaugment"):
        Policy.preset("trivialaugmet")
    wrongs = ("randaugment:0,9", "randaugment:2,31", "randaugment:x", "randaugment:1,2,-3", "randaugment:1.5,9")
    for wrong in (*wrongs, "randaugment:1,2,3,4", "identity:3"):
        with pytest.raises(UserError):
            Policy.preset(wrong)


def test_policies_are_frozen():
    with pytest.raises(ValidationError):
        Policy.preset("identity").name = "other"


def test_a_schedule_is_each_of_its_policies_in_turn():
    """Softening, mixes and plain policies; equal neighbours are one stage."""
    names = ["soft-crop", "flip-crop", "flip-crop", "soft-crop", "soft-crop-trivialaugment"]
    mixed = Policy.preset("identity").model_copy(update={"mix": Mix(operation="mixup")})
    parts = [*map(Policy.preset, names), mixed]
    whole = schedule([(i / 6, part) for i, part in enumerate(parts)], "mine")
    assert whole.name == "mine" and len(whole.stages) == 4
    assert [whole.at((i + 0.5) / 6) for i in range(6)] == parts
    assert [whole.at(i / 6) for i in range(6)] == parts, "a stage begins at its start"
    assert Policy.from_dict(json.loads(whole.to_json())) == whole


def test_what_stages_cannot_say_is_refused():
    staged = curriculum(Policy.preset("randaugment"), 2)
    for other, words in ((staged, "has stages already"), (Policy.preset("augmix"), "differ in their mixture")):
        with pytest.raises(UserError, match=words):
            schedule([(0.0, Policy.preset("identity")), (0.5, other)])


def test_stages_without_softening_of_their_own_keep_their_hash():
    """As written by versions whose stages had none."""
    policy = curriculum(Policy.preset("randaugment:1,9"), 2)
    assert "softening" not in policy.model_dump()["stages"][0]


def test_a_stage_says_how_it_softens():
    whole = schedule([(0.0, Policy.preset("soft-crop")), (0.5, Policy.preset("flip-crop"))])
    words = in_words(whole)
    assert words.index("not softened") > words.index("from 50%")
    late = schedule([(0.0, Policy.preset("flip-crop")), (0.5, Policy.preset("soft-crop"))])
    assert "softened by visibility" in in_words(late).partition("from 50%")[2]
