"""MMPretrain's and AutoAlbument's configs and published genotypes, read as data: what they say, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from policysearch.augmentation.apply import apply
from policysearch.augmentation.sampling import draw
from policysearch.cli import entry_point as cli
from policysearch.core.errors import UserError
from policysearch.export import from_autoalbument, from_dada, from_fast_autoaugment, from_mmpretrain, to_mmpretrain
from policysearch.export.autoaugment_lists import names_of_lists
from policysearch.export.capability import LIBRARIES
from policysearch.export.python_data import Missing, values_of
from policysearch.export.registry import import_from
from policysearch.policy.policy import Policy
from policysearch.policy.space_files import load_space
from policysearch.policy.steps import OneOf, SomeOf
from tests.support.exports import policy, real

CONFIG = """
# A training at 32 pixels.
_base_ = ["../_base_/default_runtime.py"]
probability = 1 / 2
colours = dict(brightness=0.4, contrast=0.4, saturation=0.4)
policies = [
    [dict(type="Shear", magnitude=0.3, prob=0.8, direction="vertical", pad_val=0, interpolation="nearest",
          random_negative_prob=1.0)],
    [dict(type="Invert", prob=1.), dict(type="Posterize", bits=3.2, prob=0.6)],
]
train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="RandomCrop", crop_size=32, padding=4),
    dict(type="RandomFlip", prob=probability, direction="horizontal"),
    dict(type="AutoAugment", policies=policies + policies[:0]) if False else dict(type="Invert"),
]
train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="RandomCrop", crop_size=32, padding=4),
    dict(type="RandomFlip", prob=probability, direction="horizontal"),
    dict(type="AutoAugment", policies=policies),
    dict(type="ColorJitter", **colours),
    dict(type="mmpretrain.Cutout", shape=8, pad_val=0, prob=0.25),
    dict(type="PackInputs"),
]
train_dataloader = dict(batch_size=64, dataset=dict(type="CIFAR10", pipeline=train_pipeline))
model = dict(type="ImageClassifier", train_cfg=dict(augments=[dict(type="CutMix", alpha=0.5)], probs=[0.3]))
"""
COLOURS = ("brightness", "contrast", "color")


def steps_of(policy_read: Policy) -> list:
    (sub,) = policy_read.sub_policies
    return list(sub.steps)


def test_a_config_gives_the_policy_of_its_pipeline_and_its_mix():
    found, notes = from_mmpretrain.read(CONFIG, "file")
    jitter = {
        "some_of": [
            {"operation": o, "magnitude": {"start": 0, "stop": 0.4}} for o in ("brightness", "contrast", "color")
        ],
        "counts": [0.0, 0.0, 0.0, 1.0],
    }
    before = [
        {"operation": "pad-and-crop", "magnitude": 0.125},
        {"operation": "flip-horizontal", "probability": 0.5},
    ]
    after = [jitter, {"operation": "cutout", "magnitude": 0.25, "probability": 0.25}]
    shear = {"operation": "shear-y", "magnitude": 0.3, "signed": False, "probability": 0.8}
    others = [{"operation": "invert"}, {"operation": "posterize", "magnitude": 4, "probability": 0.6}]
    expected = {
        "sub_policies": [{"steps": [*before, *part, *after], "weight": 0.5} for part in ([shear], others)],
        "mix": {"operation": "cutmix", "alpha": 0.5, "probability": 0.3},
    }
    assert found == Policy.from_dict(expected)
    assert any("one λ" in note for note in notes) and not any("black, not grey" in note for note in notes)


@pytest.mark.parametrize("form", [json.dumps, lambda data: __import__("yaml").safe_dump(data)])
def test_configs_that_mmengine_wrote_out_are_read_too(form):
    pipeline = [{"type": "RandomFlip", "prob": 0.5}, {"type": "Rotate", "angle": 10.0, "prob": 1.0, "pad_val": 0}]
    found, notes = from_mmpretrain.read(form({"train_dataloader": {"dataset": {"pipeline": pipeline}}}), "file")
    assert [step.operation for step in steps_of(found)] == ["flip-horizontal", "rotate"] and notes == []


RANDAUGMENT = """
train_pipeline = [dict(type="RandAugment", num_policies=2, magnitude_level=9, magnitude_std=0.5, policies=[
    dict(type="AutoContrast"),
    dict(type="Posterize", magnitude_range=(4, 0), prob=1.0),
    dict(type="Rotate", magnitude_range=(0, 30), prob=1.0),
    dict(type="ColorTransform", magnitude_range=(0, 0.9), prob=1.0),
])]
"""


def test_randaugment_draws_from_its_list_at_one_level():
    found, notes = from_mmpretrain.read(RANDAUGMENT, "file")
    first, second = steps_of(found)
    assert first == second and isinstance(first, OneOf)
    contrast, bits, turn, colour = first.one_of
    assert contrast.probability == 0.5, "the library's default"
    assert (bits.magnitude.mean, bits.magnitude.std) == (0.9, 0.2)
    assert (turn.magnitude.mean, turn.magnitude.std) == (27, 1.5) and turn.draws_sign
    assert (colour.magnitude.mean, colour.magnitude.std) == (0.81, 0.045)
    assert any("edges" in note for note in notes) and any("cuts noisy levels" in note for note in notes)
    plain = RANDAUGMENT.replace("magnitude_std=0.5, ", "")
    bits, turn = steps_of(from_mmpretrain.read(plain, "file")[0])[0].one_of[1:3]
    assert (bits.magnitude, turn.magnitude) == (1, 27), "0.4 bits are rounded up"


@pytest.mark.parametrize(
    "given",
    [
        Policy.preset("randaugment:2,9"),
        Policy.preset("autoaugment-cifar10"),
        Policy.preset("randaugment:1,5,2"),
        policy({"operation": "solarize", "magnitude": {"start": 40, "stop": 220, "levels": 4}}),
        policy({"operation": "rotate", "magnitude": {"start": 5, "stop": 20}, "signed": False, "probability": 0.3}),
        policy({"operation": "invert"}, mix={"operation": "mixup", "alpha": 0.4, "probability": 0.25}),
    ],
    ids=lambda given: given.name or given.hash,
)
def test_exported_configs_come_back(given):
    """Posterize keeps whole bits alone, so that its levels are those that it rounds to."""
    expressed, _ = to_mmpretrain.expressible(given)
    found, _ = from_mmpretrain.read(to_mmpretrain.write(expressed, "learned_policy"), "file")
    again, _ = from_mmpretrain.read(to_mmpretrain.write(found, "learned_policy"), "file")
    assert again == found and found.mix == given.mix and len(found.sub_policies) == len(given.sub_policies)
    if "posterize" not in given.to_json():
        assert found == given
    pairs = zip(found.sub_policies, given.sub_policies, strict=True)
    assert all(len(one.steps) == len(other.steps) for one, other in pairs)


FIXED = [
    *(
        {"type": kind, argument: value, "prob": 1.0, "random_negative_prob": negative, **more}
        for kind, argument, value, more in (
            ("Rotate", "angle", 20.0, {"pad_val": 0, "interpolation": "nearest"}),
            ("Translate", "magnitude", 4 / 28, {"pad_val": 0, "direction": "vertical"}),
            ("Brightness", "magnitude", 0.4, {}),
            ("Contrast", "magnitude", 0.4, {}),
        )
        for negative in (0.0, 1.0)
    ),
    {"type": "Posterize", "bits": 2.4, "prob": 1.0},
    {"type": "Solarize", "thr": 100, "prob": 1.0},
    {"type": "SolarizeAdd", "magnitude": 40, "prob": 1.0},
    {"type": "RandomFlip", "prob": 1.0, "direction": "vertical"},
    {"type": "RandomGrayscale", "prob": 1.0, "keep_channels": True, "channel_weights": [0.114, 0.587, 0.2989]},
]


@pytest.mark.parametrize("node", FIXED, ids=lambda node: f"{node['type']}{node.get('random_negative_prob', '')}")
@pytest.mark.filterwarnings("ignore")
def test_what_is_read_gives_mmpretrains_pixels(node):
    """The library's own transform with a fixed sign, and the step that it is read as: at most 1 % of values differ."""
    pytest.importorskip("mmpretrain")
    from tests.support.mmpretrain_configs import built

    found, _ = from_mmpretrain.read(json.dumps({"train_pipeline": [node]}), "file")
    ours = apply(draw(found, 12, torch.Generator().manual_seed(0)), real(3))
    theirs = LIBRARIES["mmpretrain"](built([dict(node)]), real(3))
    assert ((ours.int() - theirs.int()).abs() > 1).float().mean() < 0.01
    assert node["type"] == "SolarizeAdd" or not torch.equal(theirs, real(3))


@pytest.mark.filterwarnings("ignore")
def test_collections_by_name_are_the_librarys():
    text = 'train_pipeline = [dict(type="AutoAugment", policies="imagenet", hparams=dict(pad_val=0))]'
    if __import__("importlib.util").util.find_spec("mmpretrain") is None:
        with pytest.raises(UserError, match="MMPretrain's own, which is not installed"):
            from_mmpretrain.read(text, "file")
        return
    found, _ = from_mmpretrain.read(text, "file")
    assert sum(sub.weight for sub in found.sub_policies) == pytest.approx(1) and len(found.sub_policies) == 20, (
        "25, of which some are alike"
    )


def test_colour_jitter_alone_and_with_bounds():
    text = (
        'train_pipeline = [dict(type="ColorJitter", hue=0.1), dict(type="ColorJitter", brightness=(0.5, 1.2), hue=0.2)]'
    )
    hue, both = steps_of(from_mmpretrain.read(text, "file")[0])
    assert (hue.operation, hue.magnitude.stop, hue.draws_sign) == ("hue", 0.1, True)
    assert isinstance(both, SomeOf) and both.counts == (0, 0, 1)
    assert (both.some_of[0].magnitude.start, both.some_of[0].magnitude.stop) == (-0.5, 0.2)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = 3", "no train_pipeline"),
        ('_base_ = ["other.py"]', "files named in _base_ are not read"),
        ("train_pipeline = make()", "'make\\(\\)' is a call, which is not run"),
        ("train_pipeline = _base_.train_pipeline", "more than data"),
        ("[1, 2", "neither Python, JSON nor YAML"),
        ("[1, 2]", "no config of MMPretrain"),
        ('train_pipeline = [dict(type="Lighting", eigval=[1], eigvec=[1])]', "does what 'Lighting' does"),
        ('train_pipeline = [dict(type="RandomErasing", mode="rand")]', "random values"),
        ('train_pipeline = [dict(type="Rotate", angle=10, random_negative_prob=0.3)]', "negated with probability"),
        ('train_pipeline = [dict(type="Cutout", shape=8)]', "says the side"),
        ('train_pipeline = [dict(type="Rotate")]', "needs angle or magnitude_range"),
        ('train_pipeline = [dict(type="Rotate", angle=999)]', "rotate must lie in"),
        ('train_pipeline = [dict(type="Rotate", angle="10")]', "angle of Rotate must be a number"),
        (
            'train_pipeline = [dict(type="RandomFlip", prob=[0.3, 0.3], direction=["horizontal", "vertical"])]',
            "one prob",
        ),
        ('train_pipeline = [dict(type="RandomChoice", transforms=[[], []], prob=[0.9, 0.9])]', "sum to 1"),
        ('train_pipeline = [dict(type="RandAugment", num_policies=0, policies=[])]', "num_policies"),
        ('train_pipeline = [dict(type="AutoAugment", policies=[])]', "must be a list"),
        ("train_pipeline = [3]", "a transform is dict"),
        (
            "train_pipeline = []\nmodel = dict(train_cfg=dict(augments=[dict(type='Mixup'), dict(type='CutMix')]))",
            "Mixup or CutMix is none of a policy's",
        ),
        ('train_pipeline = [dict(type="RandomChoice", transforms=[[]] * 9)]', "not data"),
        ("a = [1, 2]\n" + "a = a + a\n" * 40 + "train_pipeline = a", "more than 100,000 entries"),
        ("a = [1, 2]\n" + "a = [*a, *a]\n" * 40 + "train_pipeline = a", "more than 100,000 entries"),
    ],
)
def test_configs_that_say_more_are_refused_in_one_sentence(text, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=reason) as caught:
        from_mmpretrain.read(text, "the file")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


def test_nested_choices_without_end_are_refused():
    text = 'a = [dict(type="Invert"), dict(type="Equalize")]\n'
    text += 'a = [dict(type="RandomChoice", transforms=[a, a])]\n' * 30 + "train_pipeline = a"
    with pytest.raises(UserError, match="more than 20,000 transforms"):
        from_mmpretrain.read(text, "file")


def test_losses_that_are_allowed_leave_the_rest():
    text = 'train_pipeline = [dict(type="Lighting"), dict(type="Invert", prob=0.5)]'
    found, notes = from_mmpretrain.read(text, "file", allow_loss=True)
    assert [step.operation for step in steps_of(found)] == ["identity", "invert"] and "Lighting" in notes[0]


SEARCH = """
# AutoAlbument's config
task: classification
policy_model:
  num_sub_policies: 40
  operation_count: 3
  operations:
    - _target_: autoalbument.faster_autoaugment.models.policy_operations.Solarize
    - _target_: autoalbument.faster_autoaugment.models.policy_operations.HorizontalFlip
    - _target_: autoalbument.faster_autoaugment.models.policy_operations.Rotate
    - _target_: autoalbument.faster_autoaugment.models.policy_operations.ShiftX
"""


def test_autoalbuments_config_is_the_policy_that_its_search_begins_with():
    found, notes = from_autoalbument.read(SEARCH, "file")
    first, *others = steps_of(found)
    assert len(others) == 2 and all(step == first for step in others)
    spans = {one.operation: one.magnitude and (one.magnitude.start, one.magnitude.stop) for one in first.one_of}
    assert spans == {"solarize": (0, 255), "flip-horizontal": None, "rotate": (0, 180), "translate-x": (0, 1)}
    assert {one.probability for one in first.one_of} == {0.5} and "where a search begins" in notes[0]


def test_autoalbuments_own_operations_have_these_ranges():
    """Its classes, as the library that is installed has them."""
    models = "autoalbument.faster_autoaugment.models.policy_operations"
    policy_operations = pytest.importorskip(models, exc_type=ImportError)
    for name, span in {"Solarize": (0, 1), "Rotate": (-180, 180), "ShiftX": (-1, 1), "ShiftY": (-1, 1)}.items():
        assert tuple(getattr(policy_operations, name)(temperature=0.05).value_range) == span


def test_autoalbuments_whole_config_names_what_is_lost():
    pytest.importorskip("autoalbument")
    import autoalbument

    path = Path(autoalbument.__file__).parent / "cli" / "conf" / "policy_model" / "default.yaml"
    text = "policy_model:\n" + "".join(f"  {line}\n" for line in path.read_text().splitlines())
    with pytest.raises(UserError, match="ShiftRGB adds to one channel") as caught:
        from_autoalbument.read(text, "file")
    assert "multiplies by up to 10" in str(caught.value) and "zooms" in str(caught.value)
    found, _ = from_autoalbument.read(text, "file", allow_loss=True)
    assert len(steps_of(found)) == 4 and len(steps_of(found)[0].one_of) == 6


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("task: x", "no policy_model"),
        ("policy_model:\n  operation_count: 4", "needs its operations"),
        (SEARCH.replace("operation_count: 3", "operation_count: 0"), "operation_count"),
        ("policy_model:\n  operations:\n    - Rotate", "_target_"),
        ("policy_model:\n  operations:\n    - _target_: a.Scale", "zooms"),
        ("a: [", "neither JSON nor YAML"),
        ('{"transform": 3}', "wrong"),
    ],
)
def test_bad_autoalbument_files_are_refused_in_one_sentence(text, reason):
    with pytest.raises(UserError, match=reason) as caught:
        from_autoalbument.read(text, "file")
    assert "\n" not in str(caught.value)


GENOTYPES = """
CIFAR10 = augment_with_a_long_name = [[('TranslateX', 0.5, 0.58), ('Rotate', 0.57, 0.53)], [('Cutout', 0.5, 0.5)]]
SVHN = [[('Solarize', 0.6, 0.53), ('Brightness', 0.64, 1.07)]]
# ImageNet = [[('Invert', 0.5, 0.5)]]
"""
ARCHIVE = """
from collections import defaultdict

def found_on_digits():
    p = [[["Contrast", 0.83, 0.68], ["ShearX", 0.27, 0.9]]]
    return p

def in_parts():
    first = [[('Invert', 0.5, 0.1)]]
    second = [[('Equalize', 0.25, 0.2)]]
    return first + second

@changed
def decorated():
    return [[('Invert', 0.1, 7)]]

def levels_of_autoaugment():
    return [[('Rotate', 0.1, 7)]]

def count(n):
    return n * 2
"""


def test_a_genotype_is_chosen_by_name():
    found, notes = from_dada.read(GENOTYPES, "file", "CIFAR10")
    first, second = found.sub_policies
    assert [(step.operation, step.probability) for step in first.steps] == [("translate-x", 0.5), ("rotate", 0.57)]
    assert first.steps[0].magnitude == pytest.approx(0.16 * 0.45) and second.steps[0].magnitude == 0.1
    assert any("flip and crop" in note for note in notes)
    bright = from_dada.read(GENOTYPES, "file", "SVHN")[0].sub_policies[0].steps[1]
    assert bright.magnitude == pytest.approx(0.9), "levels above 1 are cut off, as the authors do"
    with pytest.raises(UserError, match="--name CIFAR10 or SVHN"):
        from_dada.read(GENOTYPES, "file")
    with pytest.raises(UserError, match=r"unknown list 'CIFAR'.*CIFAR10"):
        from_dada.read(GENOTYPES, "file", "CIFAR")


def test_the_log_of_a_search_has_its_genotype_in_its_last_lines():
    lines = []
    for level in (0.1, 0.9):  # two epochs
        subs = [[("Rotate", 0.5, level)], [("Invert", 0.25, level)]]
        lines += [f"11/30 10:00:00 AM genotype_{n}: {subs[:k]}" for n, k in ((105, 2), (10, 1), (25, 2))]
    text = "\n".join(["11/30 gpu device = 0", *lines, "11/30 valid_acc 93.1"])
    found, _ = from_dada.read(text, "log")
    assert len(found.sub_policies) == 2 and found.sub_policies[0].steps[0].magnitude == pytest.approx(24)
    assert len(from_dada.read(text, "log", "genotype_10")[0].sub_policies) == 1
    with pytest.raises(UserError, match="unknown genotype"):
        from_dada.read(text, "log", "genotype_3")


def test_lists_of_functions_are_read_without_running_them():
    assert names_of_lists(ARCHIVE, "file") == ["found_on_digits", "in_parts", "levels_of_autoaugment"]
    parts, _ = from_fast_autoaugment.read(ARCHIVE, "file", "in_parts")
    assert [sub.steps[0].operation for sub in parts.sub_policies] == ["invert", "equalize"]
    with pytest.raises(UserError, match="changed by a decorator"):
        from_fast_autoaugment.read(ARCHIVE, "file", "decorated")
    with pytest.raises(UserError, match="n is not assigned"):
        from_fast_autoaugment.read(ARCHIVE, "file", "count")


def imported(*arguments: str):
    return CliRunner().invoke(cli.app, ["import", *arguments])


def test_the_lists_of_a_file_become_arms_of_one_space(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("genotype.py").write_text(GENOTYPES)
    Path("archive.py").write_text(ARCHIVE)
    done = imported("genotype.py", "--from", "dada", "-o", "dada.toml")
    assert done.exit_code == 0 and "CIFAR10: " in done.output
    space = load_space("dada.toml")
    assert space.arm({"family": "SVHN-imported"}).policy == from_dada.read(GENOTYPES, "file", "SVHN")[0]
    assert space.arm({"family": "CIFAR10-imported"}).policy == from_dada.read(GENOTYPES, "file", "CIFAR10")[0]
    done = imported("archive.py", "--from", "fast-autoaugment", "-o", "archive.toml")
    assert "left out: " in done.output and "levels_of_autoaugment" in done.output
    assert load_space("archive.toml").arm({"family": "in_parts-imported"}).policy.sub_policies
    done = imported("genotype.py", "--from", "dada", "-o", "dada.json")
    assert isinstance(done.exception, UserError) and "2 policies (CIFAR10, SVHN)" in str(done.exception)
    assert not Path("dada.json").exists()
    assert imported("genotype.py", "--from", "dada", "-o", "dada.json", "--name", "SVHN").exit_code == 0
    assert Policy.load("dada.json") == from_dada.read(GENOTYPES, "file", "SVHN")[0]


def test_names_are_for_sources_of_lists(tmp_path):
    (tmp_path / "config.py").write_text(CONFIG)
    with pytest.raises(UserError, match="--name is for --from autoaugment, fast-autoaugment, dada"):
        import_from(str(tmp_path / "config.py"), "mmpretrain", which="x")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a = 256 / 9 * 4", 256 / 9 * 4),
        ("b = 2\na = [*[1], -b, +3]", [1, -2, 3]),
        ("a = dict(dict(x=1), y=(2,))", {"x": 1, "y": (2,)}),
        ("a = {**{'x': 1}, 'y': None}", {"x": 1, "y": None}),
        ("b: int = 3\na = b // 2", 1),
        ("a = " + " + ".join(["[1]"] * 80), [1] * 80),
    ],
)
def test_values_of_python_are_computed_without_running_it(text, value):
    assert values_of(text, "file")["a"] == value


@pytest.mark.parametrize(
    "text",
    ["a = open('x', 'w')", "a = b", "a = 9 ** 9", "a = 'x' * 9", "a = [0] * 9", "a = 1 / 0", "a = [i for i in (1,)]",
     "a = f'{1}'", "a = 10 ** 9 * 10", "a = b'x'", "a = dict(1, 2)", "a = ...", "a = -'x'"],
)  # fmt: skip
def test_what_is_more_than_data_is_missing_and_not_run(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert isinstance(values_of(text, "file")["a"], Missing) and not list(tmp_path.iterdir())


@pytest.mark.parametrize("probs", ["[]", "[0.2, 0.3]", "['often']", "[2]"])
def test_probabilities_that_are_not_one_number_are_refused(probs):
    config = f"train_pipeline = []\nmodel = dict(train_cfg=dict(augments=dict(type='Mixup'), probs={probs}))"
    with pytest.raises(UserError, match="probs"):
        from_mmpretrain.read(config, "config.py")
