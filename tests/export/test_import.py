"""Policies of other libraries read as data: what they say, what is refused, and that nothing in them is executed."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch
from torchvision.transforms.v2.functional import pil_to_tensor, to_pil_image

from policysearch.augmentation.apply import apply
from policysearch.augmentation.sampling import draw
from policysearch.core.errors import UserError
from policysearch.export import (
    from_albumentations,
    from_autoaugment,
    from_fast_autoaugment,
    from_timm,
    to_albumentations,
    to_timm,
)
from policysearch.policy.autoaugment_tables import AUTOAUGMENT
from policysearch.policy.operations import SHIPPED_OPERATIONS
from policysearch.policy.policy import Policy
from policysearch.policy.steps import Normal, SubPolicy, Uniform, choices
from tests.support.exports import policy, real
from tests.support.pictures import some_step

THEIRS = {
    "shear-x": "ShearX",
    "shear-y": "ShearY",
    "translate-x": "TranslateX",
    "translate-y": "TranslateY",
    "autocontrast": "AutoContrast",
}


def published(name: str) -> list[list[tuple]]:
    """AutoAugment's table as its own code has it: every step with a level."""
    out = []
    for line in AUTOAUGMENT[name]:
        words = [part.split() for part in line.split(",")]
        out.append([(THEIRS.get(w[0], w[0].capitalize()), float(w[1]), int(w[2]) if len(w) > 2 else 5) for w in words])
    return out


@pytest.mark.parametrize("name", sorted(AUTOAUGMENT))
@pytest.mark.parametrize(
    "form", [json.dumps, repr, lambda data: f"import os\n\ndef good():\n    p = {data!r}\n    return p\n"]
)
def test_autoaugments_lists_give_the_presets(name, form):
    found, notes = from_autoaugment.read(form(published(name)), "file")
    assert found == Policy.preset(f"autoaugment-{name}") and notes == []


def test_fast_autoaugments_levels_are_shares_of_its_ranges():
    text = repr([[("Contrast", 0.5, 0.75), ("ShearX", 1.0, 0.25)], [("Posterize", 0.2, 0.6), ("Cutout", 0.3, 0.5)]])
    found, notes = from_fast_autoaugment.read(text, "file")
    contrast, shear, bits, hidden = (step for sub in found.sub_policies for step in sub.steps)
    assert contrast.magnitude == pytest.approx(0.45) and not contrast.signed, "a factor of 1.45, never below 1"
    assert shear.magnitude == pytest.approx(0.15) and shear.signed
    assert bits.magnitude == 6 and hidden.magnitude == pytest.approx(0.1) and "cutout" in notes[0]


def test_steps_of_one_sign_draw_none():
    one = policy({"operation": "rotate", "magnitude": -20, "signed": False})
    assert (draw(one, 200, torch.Generator().manual_seed(0)).magnitudes == -20).all()
    assert Policy.from_dict(json.loads(one.to_json())) == one
    assert one != policy({"operation": "rotate", "magnitude": 20})
    for wrong in ({"operation": "invert", "signed": False}, {"operation": "rotate", "magnitude": -20}):
        with pytest.raises(UserError):
            policy(wrong)


STRINGS = ("rand-m9-mstd0.5-inc1", "rand-m5-n3-inc1", "rand-m7-p0.8", "original", "originalr", "v0", "v0r-mstd0.5")


@pytest.mark.parametrize("string", STRINGS)
def test_timms_strings_keep_their_meaning(string):
    timm = pytest.importorskip("timm.data.auto_augment")
    found, notes = from_timm.read(string, "string")
    assert found.name == string and "grey" in notes[0]
    make = timm.rand_augment_transform if string.startswith("rand") else timm.auto_augment_transform
    made = make(string, {"interpolation": 0, "img_mean": 0})
    theirs = made.ops if string.startswith("rand") else [op for sub in made.policy for op in sub]
    steps = found.sub_policies[0].steps[0].one_of if string.startswith("rand") else None
    steps = steps or [step for sub in found.sub_policies for step in sub.steps]
    assert [step.probability for step in steps] == [op.prob for op in theirs]
    for step, op in zip(steps, theirs, strict=True):
        if isinstance(step.magnitude, Normal) or step.operation.startswith("translate"):
            continue
        if step.operation == "posterize" and step.magnitude < 1:
            continue  # on which timm ends with an error from Pillow 13 on
        images = real(3, 4)
        one = Policy(sub_policies=(SubPolicy(steps=(step.model_copy(update={"probability": 1.0}),)),))
        op.prob = 1.0
        random.seed(3)
        out = torch.stack([pil_to_tensor(op(to_pil_image(image))) for image in images])
        found_by = draw(one, 64, torch.Generator().manual_seed(0))
        both = {float(m): k for k, m in enumerate(found_by.magnitudes[:, 0])}
        each = [apply(found_by.rows(torch.full((4,), k)), images) for k in both.values()]
        gaps = [min(float((o != e[i]).float().mean()) for e in each) for i, o in enumerate(out)]
        near = max(min(int((o.int() - e[i].int()).abs().max()) for e in each) for i, o in enumerate(out))
        assert near <= 1 or max(gaps) < 0.05, (op, step)


def posterize_of(string):
    """The magnitude of posterize in an imported string, and what is said about it."""
    imported, notes = from_timm.read(string, "string")
    (step,) = (one for one in imported.sub_policies[0].steps[0].one_of if one.operation == "posterize")
    return step.magnitude, [note for note in notes if "0 bits" in note]


@pytest.mark.parametrize(
    ("string", "magnitude", "black"),
    [
        ("rand-m1", 0.0, True),
        ("rand-m1-mstd0.1", Normal(mean=0.0, std=0.04), True),
        ("rand-m9-mstd0.5-inc1", Normal(mean=0.9, std=0.2), True),
        ("rand-m10-inc1", 0.0, True),
        ("rand-m11-mmax11-inc1", 0.0, True),
        ("rand-m9-mstd101", Uniform(start=0.0, stop=3.1), True),
        ("rand-m6-mstd0.5-inc1", Normal(mean=2.1, std=0.2), False),
        ("rand-m9-inc1", 1.0, False),
    ],
)
def test_levels_are_clamped_as_timm_clamps_them(string, magnitude, black):
    """timm keeps int(0.4·level) bits, or 4 minus that, of levels from 0 to its top level: never less than none."""
    pytest.importorskip("timm")
    assert posterize_of(string)[0] == magnitude
    assert bool(posterize_of(string)[1]) == black


def test_levels_far_above_timms_top_level_are_the_top_level():
    pytest.importorskip("timm")
    clamped = from_timm.read("rand-m20-mstd0.5-inc1", "x")[0].sub_policies
    assert clamped == from_timm.read("rand-m10-inc1", "x")[0].sub_policies


def test_no_level_of_timm_is_refused_for_a_number_that_nobody_wrote():
    pytest.importorskip("timm")
    for level in range(11):
        for rest in ("", "-inc1", "-mstd0.1", "-mstd3-inc1", "-mstd101", "-n3-p0.2"):
            assert from_timm.read(f"rand-m{level}{rest}", "string")[0].sub_policies
    with pytest.raises(UserError, match=r"level 15 of ColorIncreasing .* take a lower level"):
        from_timm.read("rand-m15-mmax20-inc1", "string")


@pytest.mark.parametrize("string", ["rand-m9-mstd0.5-inc1", "rand-m1-mstd0.1", "rand-m10-inc1", "v0"])
def test_imports_with_levels_of_0_bits_run_in_timm_and_give_black(string):
    """timm's own strings end with an error in one of 700 images, Pillow from version 13 on knowing no 0 bits."""
    pytest.importorskip("timm")
    imported, _ = to_timm.expressible(from_timm.read(string, "string")[0])
    steps = [one for sub in imported.sub_policies for step in sub.steps for one in choices(step)]
    always = {one.model_copy(update={"probability": 1.0}) for one in steps if one.operation == "posterize"}
    subs = tuple(SubPolicy(steps=(step,)) for step in always)
    transform, image = Policy(sub_policies=subs).to_timm(allow_loss=True), to_pil_image(real(1, 1)[0])
    random.seed(0)
    grey_levels = {len(pil_to_tensor(transform(image)).unique()) for _ in range(200)}
    assert grey_levels <= {1, 2, 4, 8, 16} and 1 in grey_levels


@pytest.mark.parametrize("bits", [0, 0.3, 1, 2.5, 6.5, 7.5, 8])
def test_timm_posterizes_to_as_many_bits_as_searched(bits):
    pytest.importorskip("timm")
    one = policy({"operation": "posterize", "magnitude": bits})
    for channels in (1, 3):
        image = real(channels, 1)
        expected = apply(draw(one, 1, torch.Generator()), image)[0]
        assert torch.equal(pil_to_tensor(one.to_timm()(to_pil_image(image[0]))), expected)


def test_a_string_read_from_timm_is_told_again():
    pytest.importorskip("timm")
    found, _ = from_timm.read("rand-m9-n3-inc1", "string")
    told, lost = to_timm.expressible(found)
    assert "own string rand-m9-n3-inc1" in to_timm.write(told, "x") and lost == []
    noisy, _ = to_timm.expressible(from_timm.read("rand-m9-mstd0.5-inc1", "string")[0])
    text = " ".join(to_timm.write(noisy, "x").split())
    assert "own string rand-m9-mstd0.5-inc1 says the same, but" in text and "from Pillow 13 on" in text


SAID = [step for name in sorted(SHIPPED_OPERATIONS) for step in [some_step(name).model_dump()]]


def several(exporter, **more):
    """Everything that a library can say, in sub-policies of weights and choices."""
    whole = policy({"one_of": SAID}, {"operation": "equalize", "probability": 0.3})
    told, _ = exporter.expressible(whole)
    steps = [step for step in told.sub_policies[0].steps[0].one_of if step.operation != "identity"]
    rest = [{"steps": [step.model_dump()], "weight": 2.5} for step in steps]
    return Policy.from_dict({"sub_policies": [{"steps": [{"one_of": [s.model_dump() for s in steps]}]}, *rest], **more})


def test_import_of_an_export_to_timm_gives_an_equal_policy():
    given = several(to_timm)
    assert from_timm.read(to_timm.write(to_timm.expressible(given)[0], "x"), "file")[0] == given
    for name in ("randaugment:2,9", "randaugment:1,5,2", "autoaugment-svhn", "trivialaugment-wide"):
        told, _ = to_timm.expressible(Policy.preset(name))
        assert from_timm.read(to_timm.write(told, "x"), "file")[0] == Policy.preset(name)


def test_import_of_an_export_to_albumentations_gives_an_equal_policy():
    for given in (several(to_albumentations), Policy.preset("soft-crop"), Policy.preset("augmix")):
        text = to_albumentations.write_json(to_albumentations.expressible(given)[0])
        whole = json.loads(text)
        assert from_albumentations.read(text, "file")[0] == to_albumentations.expressible(given)[0]
        del whole["policysearch"]
        found, _ = from_albumentations.read(json.dumps(whole), "file", allow_loss=True)
        again = to_albumentations.expressible(found)[0]
        assert flat(to_albumentations.transform(again)) == pytest.approx(flat(whole["transform"]), abs=1e-9)


def flat(node) -> list[float]:
    """All numbers of a tree, in order."""
    if isinstance(node, dict):
        return [v for part in node.values() for v in flat(part)]
    if isinstance(node, list | tuple):
        return [v for part in node for v in flat(part)]
    return [float(node)] if isinstance(node, int | float) else []


def test_an_edited_albumentations_file_is_read_by_its_transforms():
    whole = json.loads(to_albumentations.write_json(policy({"operation": "rotate", "magnitude": 20})))
    for part in whole["transform"]["transforms"][0]["transforms"]:
        part["limit"] = [value * 1.5 for value in part["limit"]]
    assert from_albumentations.read(json.dumps(whole), "file")[0] == policy({"operation": "rotate", "magnitude": 30})


def test_albumentations_own_json_is_read():
    albumentations = pytest.importorskip("albumentations")
    made = albumentations.Compose(
        [
            albumentations.HorizontalFlip(p=0.5),
            albumentations.OneOf([albumentations.Rotate(limit=25, p=1), albumentations.Solarize(p=1)], p=1),
        ]
    )
    found, _ = from_albumentations.read(json.dumps(albumentations.to_dict(made)), "file")
    flip, choice = found.sub_policies[0].steps
    assert flip.probability == 0.5 and choice.one_of[0].magnitude.stop == 25 and choice.one_of[1].magnitude == 127.5


def test_what_stands_beside_the_list_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "[[('Invert', 0.1, 3)]]\n__import__('os').system('touch hacked')"
    assert from_autoaugment.read(text, "file")[0] == policy({"operation": "invert", "probability": 0.1})
    assert not list(tmp_path.iterdir())


BAD = {
    from_autoaugment: [
        ("[[('Inverse', 0.1, 3)]]", "unknown operation"),
        ("[[('Rotate', 1.5, 3)]]", "probability"),
        ("[[('Rotate', 0.5, 12)]]", "level"),
        ("[[('Rotate', 0.5)]]", "level"),
        ("[[('Rotate', 0.5, 9.0)], [('Color', 0.5, 0.3)]]", "level must be a whole number.*--from fast-autoaugment"),
        ("[]", "list of sub-policies"),
        ("{}", "list of sub-policies"),
        ("[[('Rotate', 0.5, __import__('os').system('touch hacked'))]]", "no data"),
        ("[(lambda: 1)()]", "no data"),
        ("not python at all", "no data"),
        ("a = [[]]\nb = [[]]", "it has 2"),
        ("(" * 500 + ")" * 500, "no data"),
        ("[[('../../etc/passwd', 0.5, 3)]]", "unknown operation"),
        ("[[('<b>', 0.5, 3)]]", "unknown operation"),
        ("[[('Rotate', 0.5, float('nan'))]]", "no data"),
        ("[[('Rotate', 0.5, 1e999)]]", "level"),
    ],
    from_fast_autoaugment: [
        ("[[('Rotate', 0.5, 1.2)]]", "level"),
        ("[[('Rotate', 0.5, 1)], [('Color', 0.5, 7)]]", "share of the range.*--from autoaugment"),
        ("[[('Rotate', 0.5, -1)]]", "level"),
        ("[['Rotate']]", "a step is"),
    ],
    from_timm: [
        ("SUB_POLICIES = __import__('os').system('touch hacked')", "no data"),
        ("SUB_POLICIES = [(1.0, [('Rotate', 1.0, 500.0)])]", "magnitude"),
        ("SUB_POLICIES = [(1.0, [('Warp', 1.0, 5.0)])]", "not what export writes"),
        ("SUB_POLICIES = 3", "not what export writes"),
        ("SUB_POLICIES = [(-1.0, [])]", "weight"),
        ("os.system('true')", "neither"),
        ("rand-m9-tweights", "unequal"),
        ("rand-z9", "does not know"),
        ("rand-m9-n99999999", "n may be 100 at most"),
        ("augmix-m3", "preset augmix"),
    ],
    from_albumentations: [
        ("{}", "transform"),
        ("[1]", "transform"),
        ('{"transform": {"__class_fullname__": "os.system", "transforms": []}}', "Compose"),
        (
            '{"transform": {"__class_fullname__": "Compose", "transforms": [{"__class_fullname__": "Warp", "p": 1}]}}',
            "no operation here does what 'Warp' does",
        ),
        (
            '{"transform": {"__class_fullname__": "Compose", "transforms": [{"__class_fullname__": "Rotate"}]}}',
            "lacks",
        ),
        ('{"transform": 3}', "wrong"),
    ],
}


@pytest.mark.parametrize(("module", "text", "said"), [(m, *row) for m, rows in BAD.items() for row in rows])
def test_bad_files_are_refused_in_one_sentence_and_never_run(module, text, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if module is from_timm and ("rand" in text or "augmix" in text):
        pytest.importorskip("timm")
    with pytest.raises(UserError, match=said) as caught:
        module.read(text, "the file")
    assert "\n" not in str(caught.value)
    assert not list(Path(tmp_path).iterdir())
