"""Parts of a template, the parameters that have a say, and the points of a space."""

from __future__ import annotations

import itertools

import pytest

from policysearch.core.errors import UserError
from policysearch.policy.parts import mentions, parameters_at_work, with_parts
from policysearch.policy.presets import preset
from policysearch.policy.space_files import load_space, parse_space

PARTS = {
    "none": [],
    "flip": [{"operation": "flip-horizontal"}],
    "twice": [{"part": "flip"}, {"part": "flip"}],
    "turn": [{"operation": "rotate", "magnitude": "$degrees"}],
    "loop": [{"part": "loop"}],
    "mixup": {"operation": "mixup"},
    **{str(i): [{"part": str(i + 1)}, {"part": str(i + 1)}] for i in range(30)},  # a billion entries
    "30": [],
}
SMALL = """
schema = 1
[[family]]
name = "small"
parameters = { flip = ["none", "flip"], move = ["none", "turn"], degrees = [5, 10], mix = ["none", "mixup"] }
[family.policy]
mix = { part = "$mix" }
sub_policies = [{ steps = [{ part = "$flip" }, { part = "$move" }] }]
[family.parts]
none = []
flip = [{ operation = "flip-horizontal", probability = 0.5 }]
turn = [{ operation = "rotate", magnitude = "$degrees" }]
mixup = { operation = "mixup" }
[family.points]
identity = {}
"""


def space_with(old, new):
    assert old in SMALL
    return parse_space("small", SMALL.replace(old, new), "space small")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ([{"part": "none"}, {"operation": "invert"}], [{"operation": "invert"}]),
        ([{"part": "twice"}], [{"operation": "flip-horizontal"}] * 2),
        ([{"part": "$kind"}], [{"operation": "flip-horizontal"}]),
        ({"mix": {"part": "mixup"}, "steps": []}, {"mix": {"operation": "mixup"}, "steps": []}),
        ({"mix": {"part": "none"}, "steps": []}, {"steps": []}),
        ([{"operation": "invert", "parts": "kept"}], [{"operation": "invert", "parts": "kept"}]),
    ],
)
def test_parts_are_put_in_their_place(template, expected):
    assert with_parts(template, PARTS, {"kind": "flip"}) == expected


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ([{"part": "flop"}], "unknown part 'flop': did you mean loop or flip"),
        ([{"part": "$what"}], r"\$what is no parameter of this family; it has kind"),
        ([{"part": "loop"}], "parts hold each other without end, or come to more than 20,000 entries or 40 levels"),
        ([{"part": "0"}], "parts hold each other without end, or come to more than 20,000 entries or 40 levels"),
        ([{"part": "flip", "probability": 0.5}], "a part has no other keys, got part, probability"),
    ],
)
def test_parts_that_cannot_be_put_in_are_refused(template, message):
    with pytest.raises(UserError, match=message):
        with_parts(template, PARTS, {"kind": "flip"})


def test_a_parameter_of_a_part_that_is_not_chosen_has_no_say():
    """The law: changing a parameter changes the arm if and only if it is at work (all assignments of a small space)."""
    space = parse_space("small", SMALL, "space small")
    family = space.families["small"]
    choices = family.choices()
    for values in itertools.product(*choices.values()):
        assignment = dict(zip(choices, values, strict=True))
        at_work = family.at_work(assignment)
        for name, others in choices.items():
            keys = {space.arm({"family": "small", **assignment, name: other}).key for other in others}
            assert (len(keys) > 1) == (name in at_work), (assignment, name)
    assert parameters_at_work(mentions({"steps": ["$a"]}), {}, {"a": 1}) == {"a"}
    looping = {"loop": mentions([{"part": "loop"}])}
    assert parameters_at_work(mentions([{"part": "$a"}]), looping, {"a": "loop"}) == {"a"}


def test_points_are_arms_under_their_own_name_and_others_say_what_differs():
    space = parse_space("small", SMALL, "space small")
    assert space.points["identity"].policy == preset("identity") and space.points["identity"].name == "identity"
    arm = space.arm(
        {"family": "small", "small.flip": "flip", "small.move": "none", "small.degrees": 10, "small.mix": "mixup"}
    )
    assert arm.name == "small(flip=flip, mix=mixup)"
    assert space.points["identity"].key in {arm.key for arm in space.arms(3)}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("identity = {}", 'identity = { flip = "flip" }', "'identity' has a preset's name, and its policy is another"),
        ("identity = {}", 'mine = { flop = "flip" }', "point 'mine': unknown parameter 'flop': did you mean flip"),
        ("identity = {}", "mine = { degrees = 7 }", r"point 'mine': degrees must be one of \[5, 10\], got 7"),
        ("identity = {}", '"" = { flip = "flip" }', "the name of a point is a line of 1 to 200 printable characters"),
        ("identity = {}", '"a\\nb" = { flip = "flip" }', r"printable characters, got 'a\\nb'"),
        ("identity = {}", 'small = { flip = "flip" }', "another point or family is called 'small' too"),
        ('name = "small"', 'name = "sm.all"', "the name of a family with parameters has no dot, got 'sm.all'"),
        ('"none", "flip"]', '"none", "flop"]', "unknown part 'flop'"),
        ("mixup = {", "cutmix = {", "unknown part 'mixup'"),
    ],
)
def test_points_and_parts_that_contradict_the_space_are_refused(old, new, message):
    with pytest.raises(UserError, match=message):
        space_with(old, new)


def test_the_free_policies_are_points_of_the_recipe():
    space = load_space("recipe")
    assert space.size > 10**5
    for name in ("identity", "flip-crop", "randaugment", "trivialaugment-wide", "flip+randaugment:2,9"):
        assert space.points[name].policy == space.free[name].policy == preset(name), name
    assert [*space.free][:4] == ["identity", "flip-crop", "randaugment", "trivialaugment-wide"]
    assert [*load_space("default").free] == [*space.free][:4]


def test_any_level_is_trivialaugments_draw():
    text = """
    schema = 1
    [[family]]
    name = "x"
    parameters = { level = [3, "any"] }
    [family.policy]
    sub_policies = [{ steps = [{ operation = "translate-x", level = "$level" }] }]
    """
    space = parse_space("x", text, "space x")
    step = space.arm({"family": "x", "x.level": "any"}).policy.sub_policies[0].steps[0]
    free = {one.operation: one for one in preset("trivialaugment-wide").sub_policies[0].steps[0].one_of}
    assert step == free["translate-x-pixels"]
    with pytest.raises(UserError, match="or \"any\", got 'all'"):
        parse_space("x", text.replace('"any"', '"all"'), "space x")


def test_a_point_with_a_presets_name_has_no_loss_of_its_own():
    text = """
    schema = 1
    [[family]]
    name = "x"
    parameters = { kind = ["none", "focal"] }
    loss = { part = "$kind" }
    policy.sub_policies = [{ steps = [{ preset = "flip+randaugment:1,9" }] }]
    parts = { none = [], focal = { kind = "focal", gamma = 2 } }
    points."flip+randaugment:1,9" = { kind = "focal" }
    """
    with pytest.raises(UserError, match="has a preset's name, and its loss is not the recipe's"):
        parse_space("x", text, "space x")
    assert "flip+randaugment:1,9" in parse_space("x", text.replace('= { kind = "focal" }', "= {}"), "space x").free


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ('operation = "rotat", level = "any"', "unknown operation 'rotat': did you mean rotate"),
        ('level = "any"', "unknown operation 'None'"),
        ('operation = "rotate", level = "any", range = "huge"', 'range must be "standard" or "wide", got \'huge\''),
        ('operation = "rotate", level = "any", levels = 11', "drawn of 0 to 30: leave `levels` out, got 11"),
        ('operation = "cutout", level = "any"', 'cutout has no wide range .*: give range = "standard", or a magnitude'),
    ],
)
def test_a_level_that_cannot_be_drawn_is_refused(step, message):
    with pytest.raises(UserError, match=message):
        parse_space("x", _one_step(step), "space x")


def test_any_level_may_be_of_the_standard_range():
    (family,) = parse_space(
        "x", _one_step('operation = "rotate", level = "any", range = "standard"'), "space x"
    ).file.family
    magnitude = family.build({"x.p": 0.5}).sub_policies[0].steps[0].magnitude
    assert (magnitude.start, magnitude.stop, magnitude.levels) == (0, 30, 31)


def _one_step(step):
    return f"""
    schema = 1
    [[family]]
    name = "x"
    parameters.p = [0.5, 1.0]
    policy.sub_policies = [{{ steps = [{{ probability = "$p", {step} }}] }}]
    """
