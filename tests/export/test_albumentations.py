"""albumentations: its exported file in a DataLoader, the two libraries of that name, one table in both directions."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from policysearch.augmentation.apply import apply
from policysearch.augmentation.sampling import draw
from policysearch.core.errors import UserError
from policysearch.export import albumentations_dialects, from_albumentations, to_albumentations
from policysearch.export.albumentations_dialects import Dialect, translated
from policysearch.export.albumentations_table import WRITERS
from policysearch.export.registry import export_to, live
from policysearch.policy.policy import Policy
from policysearch.policy.steps import OneOf, Step
from tests.support.exports import FALSE_ALARM, imported, policy, pvalue, real
from tests.support.loader_draws import BY_LIBRARY, PICTURE, SEQUENCE, WEIGHTED, drawn_in_loader, faults
from tests.support.pictures import some_step

SCENARIOS = {"sequence": SEQUENCE, "weighted": WEIGHTED}
BY_ALBUMENTATIONS = BY_LIBRARY["albumentations"]
OLD, NEW = Dialect("albumentations", "2.0.8"), Dialect("albumentationsx", "2.5.1")


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("NO_ALBUMENTATIONS_UPDATE", "1")


@pytest.fixture
def exported(tmp_path):
    """(policy) -> the module of its exported file."""
    pytest.importorskip("albumentations")

    def module(given: Policy):
        target, losses = export_to(given, "albumentations", tmp_path / "learned_policy.py", False, True)
        assert losses == []
        return imported(target)

    return module


def plain(given: Policy):
    """The library's own object, of a version that seeds its transforms badly."""
    albumentations = pytest.importorskip("albumentations")
    if albumentations_dialects.installed().renamed:
        pytest.skip("albumentationsx seeds its transforms and its workers itself")
    return albumentations.from_dict({"transform": to_albumentations.transform(given)})


def equal(one, other) -> bool:
    return all((one[cell] == other[cell]).all() for cell in one)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_exported_file_draws_what_the_policy_says_in_a_loader(name, exported):
    """Two workers, three epochs, false-alarm rate 1e-6."""
    module = exported(SCENARIOS[name].policy)
    augment = partial(BY_ALBUMENTATIONS, module.LearnedPolicy())
    assert faults(SCENARIOS[name], drawn_in_loader(SCENARIOS[name], augment, worker_init_fn=module.worker_init)) == []


def test_torchs_seed_repeats_the_draws_of_a_loader(exported):
    module = exported(SEQUENCE.policy)
    augment = partial(BY_ALBUMENTATIONS, module.LearnedPolicy())
    run = partial(drawn_in_loader, SEQUENCE, augment, epochs=1, images=80)
    streams = run(worker_init_fn=module.worker_init)
    assert equal(streams, run(worker_init_fn=module.worker_init))
    assert equal(streams, run()), "a process that got a copy draws anew without being asked"
    assert not equal(streams, run(worker_init_fn=module.worker_init, seed=1))


def test_the_librarys_own_compose_in_a_loader_is_the_planted_bug():
    """All workers and epochs draw the same, which the test above would see."""
    transform = partial(BY_ALBUMENTATIONS, plain(WEIGHTED.policy))
    found = " ".join(faults(WEIGHTED, drawn_in_loader(WEIGHTED, transform)))
    assert "between workers" in found and "between epochs" in found


def test_steps_are_independent_of_each_other_under_a_seed(exported):
    """The library seeds all transforms alike: an invert of .25 comes with a flip of .3 or not at all."""
    both = policy({"operation": "flip-horizontal", "probability": 0.3}, {"operation": "invert", "probability": 0.25})
    image = PICTURE.permute(1, 2, 0).numpy()
    names = {image[:, ::-1].tobytes(): "flip", (255 - image).tobytes(): "invert", image.tobytes(): "nothing"}
    expected = {"flip": 0.225, "invert": 0.175, "both": 0.075, "nothing": 0.525}
    for transform, right in ((exported(both).LearnedPolicy(), True), (plain(both), False)):
        transform.set_random_seed(0)
        drawn = [names.get(transform(image=image)["image"].tobytes(), "both") for _ in range(1000)]
        assert (pvalue(drawn, expected) > FALSE_ALARM) == right


def test_a_seed_and_the_other_options_of_compose_are_taken(exported):
    albumentations = pytest.importorskip("albumentations")
    module = exported(policy({"operation": "flip-horizontal", "probability": 0.5}))
    image = PICTURE.permute(1, 2, 0).numpy()
    first, second, third = (module.LearnedPolicy(seed=seed) for seed in (3, 3, 4))
    draws = [[transform(image=image)["image"].tobytes() for _ in range(30)] for transform in (first, second, third)]
    assert draws[0] == draws[1] != draws[2]
    boxes = albumentations.BboxParams("pascal_voc", label_fields=["labels"])
    moved = module.LearnedPolicy(bbox_params=boxes)(image=image, bboxes=[[0, 0, 4, 4]], labels=[1])
    assert len(moved["bboxes"]) == 1


@pytest.mark.parametrize("name", ["randaugment:2,9", "autoaugment-imagenet"])
@pytest.mark.filterwarnings("ignore:Affine transformations")
def test_files_run_without_this_program_and_are_well_formatted(name, tmp_path):
    pytest.importorskip("albumentations")
    target, _ = export_to(Policy.preset(name), "albumentations", tmp_path / "learned_policy.py", True, False)
    settings = ["--config", str(Path(__file__).parents[2] / "pyproject.toml")]
    for command in (["check"], ["format", "--check"]):
        ran = subprocess.run([sys.executable, "-m", "ruff", *command, *settings, str(target)], capture_output=True)
        assert ran.returncode == 0, ran.stdout.decode()
    assert "policysearch" not in target.read_text().partition('"""\n\n')[2]
    transform = imported(target).LearnedPolicy()
    for image in real(3):
        assert transform(image=image.permute(1, 2, 0).numpy())["image"].shape == (28, 28, 3)


def test_the_object_is_written_as_a_plain_compose():
    albumentations = pytest.importorskip("albumentations")
    transform = live(WEIGHTED.policy, "albumentations", False)
    again = albumentations.from_dict(albumentations.to_dict(transform))
    assert type(again) is albumentations.Compose and albumentations.to_dict(again) == albumentations.to_dict(transform)


def test_a_copy_from_another_process_is_seeded_with_the_worker(monkeypatch, exported):
    """Under spawn the data set's transform is unpickled: no object that the main process ever had."""
    from policysearch.export.templates import albumentations_policy as module

    transform = live(SEQUENCE.policy, "albumentations", False)
    copies = [pickle.loads(pickle.dumps(transform)) for _ in range(2)]
    draws = []
    for seed, copy in ((1, copies[0]), (2, copies[1]), (1, transform)):
        monkeypatch.setattr(module, "get_worker_info", lambda seed=seed: SimpleNamespace(seed=seed))
        module.worker_init(0)
        draws.append(torch.stack([BY_ALBUMENTATIONS(copy, PICTURE) for _ in range(20)]))
    assert not torch.equal(draws[0], draws[1]) and torch.equal(draws[0], draws[2])


@pytest.mark.slow
def test_spawned_workers_draw_differently():
    pytest.importorskip("albumentations")
    transform = live(SEQUENCE.policy, "albumentations", False)
    streams = drawn_in_loader(SEQUENCE, partial(BY_ALBUMENTATIONS, transform), epochs=1, images=40, context="spawn")
    cells = list(streams.values())
    assert not any((a == b).all() for i, a in enumerate(cells) for b in cells[:i])


def test_the_json_carries_a_worker_init_for_the_librarys_own_object(tmp_path):
    albumentations = pytest.importorskip("albumentations")
    target, _ = export_to(WEIGHTED.policy, "albumentations", tmp_path / "policy.json", False, False)
    data = json.loads(target.read_text())
    names: dict = {}
    exec("\n".join(data["worker_init"]), names)
    transform = partial(BY_ALBUMENTATIONS, albumentations.from_dict(data))

    def worker_init(worker: int) -> None:
        """The data set of the test keeps its policy in `augment`, a partial."""
        info = names["get_worker_info"]()
        keeper = SimpleNamespace(transform=info.dataset.augment.args[0])
        names["get_worker_info"] = lambda: SimpleNamespace(seed=info.seed, dataset=keeper)
        names["worker_init"](worker)

    assert faults(WEIGHTED, drawn_in_loader(WEIGHTED, transform, worker_init_fn=worker_init)) == []


# The two libraries.


def everything() -> Policy:
    return policy({"one_of": [some_step(name).model_dump() for name in WRITERS]})


@pytest.fixture
def written_for(monkeypatch):
    """Export as if a library were installed."""

    def install(dialect: Dialect) -> None:
        monkeypatch.setattr(to_albumentations, "installed", lambda: dialect)

    return install


def test_arguments_have_the_names_of_the_library_that_is_installed(written_for):
    written_for(NEW)
    text = to_albumentations.write_json(everything())
    data = json.loads(text)
    assert data["library"] == "albumentationsx 2.5.1"
    for theirs in ("angle_range", "brightness_range", "hue_range", "sigma_range", "blur_range"):
        assert f'"{theirs}"' in json.dumps(data["transform"]), theirs
    assert '"limit"' not in text and '"sigma_limit"' not in text
    written_for(OLD)
    assert '"limit"' in to_albumentations.write_json(everything())


@pytest.mark.parametrize(
    ("numbers", "renamed"),
    [
        ({}, False),
        ({"albumentations": "2.0.8"}, False),
        ({"albumentationsx": "2.1.3"}, False),
        ({"albumentationsx": "2.2.0"}, True),
        ({"albumentationsx": "2.5.1"}, True),
    ],
)
def test_the_installed_version_decides_the_names(numbers, renamed, monkeypatch):
    monkeypatch.setattr(albumentations_dialects, "_number", numbers.get)
    assert albumentations_dialects.installed().renamed == renamed


def test_of_both_libraries_the_one_that_is_imported_counts(monkeypatch):
    numbers = {"albumentations": "2.0.8", "albumentationsx": "2.5.1"}
    monkeypatch.setattr(albumentations_dialects, "_number", numbers.get)
    for number, renamed in (("2.5.1", True), ("2.0.8", False)):
        monkeypatch.setattr(
            albumentations_dialects, "import_module", lambda _, n=number: SimpleNamespace(__version__=n)
        )
        assert albumentations_dialects.installed().renamed == renamed


def test_a_version_with_yet_other_arguments_is_refused(monkeypatch):
    text = to_albumentations.write_json(everything())
    monkeypatch.setattr(albumentations_dialects, "_number", {"albumentations": "1.4.24"}.get)
    with pytest.raises(UserError, match=r"albumentations 1\.4\.24 is installed.*2\.0 or newer"):
        to_albumentations.write_json(everything())
    assert from_albumentations.read(text, "file") == (everything(), []), "a file is read without any library"


def test_a_file_of_the_other_library_is_refused_where_it_is_used(written_for, exported, tmp_path):
    """The library itself warns, and turns by up to 90 degrees in place of 20; it equalizes without a warning."""
    other = OLD if albumentations_dialects.installed().renamed else NEW
    written_for(other)
    for step in ({"operation": "rotate", "magnitude": 20}, {"operation": "flip-vertical"}):
        with pytest.raises(RuntimeError, match=f"written for {other}, and .* is installed.*export"):
            exported(policy(step)).LearnedPolicy()


def test_arguments_that_the_installed_version_does_not_have_are_refused(exported):
    module = exported(policy({"operation": "flip-vertical"}))
    with pytest.raises(RuntimeError, match=r"VerticalFlip of the installed version .* takes no axis"):
        module.LearnedPolicy([{"__class_fullname__": "VerticalFlip", "p": 1.0, "axis": 1}])


def test_an_object_of_a_version_with_yet_other_arguments_is_refused(written_for):
    pytest.importorskip("albumentations")
    written_for(OLD if albumentations_dialects.installed().renamed else NEW)
    with pytest.raises(UserError, match=r"are not those that are written here: .* takes no"):
        live(policy({"operation": "rotate", "magnitude": 20}), "albumentations", False)


@pytest.mark.parametrize("dialect", [OLD, NEW], ids=str)
def test_files_of_both_libraries_are_read_alike(dialect, written_for):
    written_for(dialect)
    steps = [some_step(name).model_dump() for name in ("rotate", "color", "hue", "gaussian-blur")]
    given = policy(*steps)
    data = json.loads(to_albumentations.write_json(given))
    assert from_albumentations.read(json.dumps(data), "file") == (given, [])
    del data["policysearch"]
    found, notes = from_albumentations.read(json.dumps(data), "file")
    for step, read in zip(given.sub_policies[0].steps, found.sub_policies[0].steps, strict=True):
        assert (read.operation, read.signed) == (step.operation, step.signed)
        assert read.magnitude == pytest.approx(step.magnitude)
    assert notes == []
    again, _ = from_albumentations.read(to_albumentations.write(given, "x"), "file")
    assert again == found


# One table in both directions.


@pytest.mark.parametrize("operation", sorted(WRITERS))
@pytest.mark.parametrize("dialect", [OLD, NEW], ids=str)
def test_what_is_refused_on_export_is_refused_on_import(operation, dialect, written_for):
    written_for(dialect)
    given = policy({**some_step(operation).model_dump(), "probability": 0.5})
    _, losses = to_albumentations.expressible(given)
    data = json.loads(to_albumentations.write_json(given))
    del data["policysearch"]
    found, notes = from_albumentations.read(json.dumps(data), "file", allow_loss=True)
    (step,) = found.sub_policies[0].steps
    assert step.operation == operation and notes == losses and step.probability == 0.5
    if losses:
        with pytest.raises(UserError, match="add --allow-loss"):
            from_albumentations.read(json.dumps(data), "file")


WHOLE_NUMBERS = {
    "posterize": ({"start": 4, "stop": 6, "levels": 3}, True),
    "translate-x-pixels": ({"start": 0, "stop": 2, "levels": 3}, False),
}


@pytest.mark.parametrize("operation", WHOLE_NUMBERS)
def test_whole_numbers_are_drawn_alike_in_both_directions(operation):
    """Of an interval, both ends would be drawn half as often here: chi-square at 1e-6 over what the library draws."""
    pytest.importorskip("albumentations")
    magnitude, one_sided = WHOLE_NUMBERS[operation]
    given = policy({"operation": operation, "magnitude": magnitude})
    assert to_albumentations.expressible(given) == (given, [])
    _, losses = to_albumentations.expressible(policy({"operation": operation, "magnitude": {"start": 1, "stop": 6}}))
    assert losses == [f"{operation} is drawn from whole numbers, all alike"]
    data = json.loads(to_albumentations.write_json(given))
    del data["policysearch"]
    found, notes = from_albumentations.read(json.dumps(data), "file")
    assert found.sub_policies[0].steps[0].magnitude == given.sub_policies[0].steps[0].magnitude and notes == []

    transform = live(given, "albumentations", False)
    values = range(4, 7) if one_sided else range(-2, 3)
    expected = {v: 1 / 3 if one_sided or v == 0 else 1 / 6 for v in values}
    looks = {}
    for v in values:
        step = {"operation": operation, "magnitude": v, **({} if one_sided else {"signed": False})}
        looks[apply(draw(policy(step), 1, torch.Generator()), PICTURE[None]).numpy().tobytes()] = v
    transform.set_random_seed(0)
    pictures = (BY_ALBUMENTATIONS(transform, PICTURE).numpy().tobytes() for _ in range(900))
    assert pvalue((looks[picture] for picture in pictures), expected) > FALSE_ALARM


def a_file(*transforms: dict, kind: str = "Compose", **more: object) -> str:
    whole = {"__class_fullname__": kind, "p": 1.0, "transforms": list(transforms), **more}
    return json.dumps({"__version__": "2.0.8", "transform": whole})


def node(kind: str, p: float | None = 1.0, **more: object) -> dict:
    return {"__class_fullname__": kind, **({} if p is None else {"p": p}), **more}


FLIP, MIRROR, INVERT = node("HorizontalFlip"), node("VerticalFlip"), node("InvertImg")
SHIFT = {"shift_limit_x": [0, 0], "shift_limit_y": [0, 0], "scale_limit": [0.0, 0.0], "rotate_limit": [0, 0]}
ADDING = {"brightness_limit": [0.2, 0.2], "contrast_limit": [0, 0]}


@pytest.mark.parametrize(
    ("transform", "reason"),
    [
        (node("Equalize", mode="cv"), "mode cv is another operation"),
        (node("Equalize", mode="pil"), "another equalize"),
        (node("AutoContrast", method="cdf"), "it equalizes"),
        (node("Affine", shear={"x": [10, 10], "y": [0, 0]}), "about the image's centre"),
        (node("Affine", scale={"x": [2, 2], "y": [1, 1]}), "scales"),
        (node("Affine", shear=[5, 5]), "several things at once"),
        (node("Rotate", limit=[5, 5], crop_border=True), "crops"),
        (node("ToGray", method="max"), "another grey"),
        (node("GaussianBlur", sigma_limit=[1, 1], blur_limit=[3, 3]), "cuts the blur off"),
        (node("ShiftScaleRotate", **{**SHIFT, "scale_limit": [0.5, 0.5]}), "scales"),
        (node("ShiftScaleRotate", **{**SHIFT, "shift_limit_x": [0.1, 0.1], "rotate_limit": [9, 9]}), "several things"),
        (node("RandomBrightnessContrast", **ADDING), "adds to every value"),
        (node("RandomBrightnessContrast", **{**ADDING, "contrast_limit": [8, 8], "brightness_limit": 0}), "lie in"),
        (node("RGBShift"), "no operation here does what 'RGBShift' does"),
        (node("SomeOf", transforms=[FLIP, INVERT], n=1), "SomeOf is not read"),
    ],
)
def test_what_no_operation_does_is_refused_with_the_reason_or_left_out(transform, reason):
    text = a_file(transform, INVERT)
    with pytest.raises(UserError, match=reason) as caught:
        from_albumentations.read(text, "file")
    assert "--allow-loss" in str(caught.value)
    found, notes = from_albumentations.read(text, "file", allow_loss=True)
    assert reason in notes[0] and found.sub_policies[0].steps[-1].operation == "invert"


@pytest.mark.filterwarnings("ignore:ShiftScaleRotate is a special case")
def test_autoalbuments_transforms_are_the_operations_that_they_are_read_as():
    """Pixels of the library's own objects; a contrast of RandomBrightnessContrast is a brightness here."""
    albumentations = pytest.importorskip("albumentations")
    nearest = {"interpolation": 0, "border_mode": 0, "fill": 0}
    bright = {"brightness_limit": [0, 0], "contrast_limit": [0.3, 0.3], "brightness_by_max": True}
    nodes = [
        node("ShiftScaleRotate", **{**SHIFT, "rotate_limit": [20, 20]}, **nearest),
        node("ShiftScaleRotate", **{**SHIFT, "shift_limit_x": [0.25, 0.25]}, **nearest),
        node("ShiftScaleRotate", **{**SHIFT, "shift_limit_y": [-0.25, -0.25]}, **nearest),
        node("RandomBrightnessContrast", **bright),
        node("RandomBrightnessContrast", **{**bright, "contrast_limit": [-0.4, -0.4]}),
    ]
    read_as, dialect = [], albumentations_dialects.installed()
    if dialect.multiplies_brightness:
        nodes.append(node("RandomBrightnessContrast", **{**bright, "brightness_by_max": False}))
    for one in nodes:
        transform = albumentations.from_dict({"transform": translated(one, dialect)})
        data = albumentations.to_dict(albumentations.Compose([transform]))
        found, notes = from_albumentations.read(json.dumps(data), "file")
        read_as.append(found.sub_policies[0].steps[0].operation)
        assert gap(transform, found) <= 0.1 and notes == []
    assert read_as == ["rotate", "translate-x", "translate-y", "brightness", "brightness", "contrast"][: len(nodes)]


def gap(transform, found: Policy) -> float:
    """The mean difference of grey values between the library's pictures and ours."""
    images = real(3, 4)
    ours = apply(draw(found, 4, torch.Generator().manual_seed(0)), images).permute(0, 2, 3, 1).numpy()
    theirs = [transform(image=image.permute(1, 2, 0).numpy())["image"] for image in images]
    return float(np.abs(np.stack(theirs).astype(int) - ours).mean())


BRIGHTER = {"brightness_limit": [0.2, 0.2], "contrast_limit": [0, 0], "brightness_by_max": False}
FLATTER = {"brightness_limit": [0, 0], "contrast_limit": [-0.2, -0.2], "brightness_by_max": False}


@pytest.mark.parametrize(
    ("number", "arguments", "expected"),
    [
        ("2.5.1", BRIGHTER, "brightness"),
        ("2.5.1", FLATTER, "contrast"),
        ("2.5.1", FLATTER | {"brightness_by_max": True}, "brightness"),
        ("2.3.7", FLATTER, "brightness"),
        ("2.0.8", FLATTER, "brightness"),
    ],
)
def test_brightness_and_contrast_are_what_the_files_library_means(number, arguments, expected):
    """albumentationsx 2.3.8 took torchvision's meaning; before, contrast multiplied and brightness added."""
    text = a_file(node("RandomBrightnessContrast", **arguments)).replace('"2.0.8"', f'"{number}"')
    found, notes = from_albumentations.read(text, "file")
    assert found.sub_policies[0].steps[0].operation == expected and notes == []


def test_edges_and_interpolation_are_noted_where_they_are_others():
    turn = {"limit": [9, 9], "interpolation": 0, "border_mode": 0, "fill": 0}
    assert from_albumentations.read(a_file(node("Rotate", **turn)), "file")[1] == []
    for other in ({"interpolation": 1}, {"border_mode": 4}, {"fill": 128}):
        assert "edges" in from_albumentations.read(a_file(node("Rotate", **turn | other)), "file")[1][0]


def test_transforms_without_p_have_the_librarys_default():
    found, notes = from_albumentations.read(a_file(node("InvertImg", None)), "file")
    assert found == policy({"operation": "invert", "probability": 0.5}) and "without p" in notes[0]
    always = from_albumentations.read(a_file(node("InvertImg", 0.2, always_apply=True)), "file")
    assert always == (policy({"operation": "invert"}), [])
    bare = json.dumps({"transform": {"__class_fullname__": "Compose", "transforms": [INVERT]}})
    assert from_albumentations.read(bare, "file") == (policy({"operation": "invert"}), [])
    nested = a_file(node("Compose", None, transforms=[INVERT]), node("Sequential", None, transforms=[FLIP]))
    steps = ({"operation": "invert"}, {"operation": "flip-horizontal", "probability": 0.5})
    assert from_albumentations.read(nested, "file")[0] == policy(*steps)


def shares(text: str, **more: bool) -> dict[tuple[str, ...], float]:
    """By operations of a sub-policy (with the probability of those below 1): its share of the images."""
    found, _ = from_albumentations.read(text, "file", **more)
    total = sum(sub.weight for sub in found.sub_policies)
    return {tuple(map(_in_short, sub.steps)): sub.weight / total for sub in found.sub_policies}


def _in_short(step: Step | OneOf) -> str:
    if isinstance(step, OneOf):
        return " or ".join(map(_in_short, step.one_of))
    return step.operation + (f" {step.probability:g}" if step.probability < 1 else "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (a_file(FLIP, INVERT, p=0.25), {("flip-horizontal", "invert"): 0.25, (): 0.75}),
        (a_file(node("InvertImg", 0.5), p=0.5), {("invert 0.25",): 1}),
        (a_file(node("Sequential", 0.5, transforms=[FLIP, INVERT])), {("flip-horizontal", "invert"): 0.5, (): 0.5}),
        (a_file(node("OneOf", 0.5, transforms=[FLIP, INVERT])), {("flip-horizontal 0.5 or invert 0.5",): 1}),
        (
            a_file(node("OneOf", 0.5, transforms=[node("InvertImg", 0.9), node("VerticalFlip", 0.3)])),
            {("invert",): 0.375, ("flip-vertical",): 0.125, (): 0.5},
        ),
        (
            a_file(MIRROR, node("OneOf", transforms=[node("Sequential", 0.5, transforms=[FLIP, INVERT]), INVERT])),
            {("flip-vertical", "flip-horizontal", "invert"): 1 / 3, ("flip-vertical", "invert"): 2 / 3},
        ),
        (
            a_file(
                node("OneOf", transforms=[node("InvertImg", 0.2), node("NoOp", 0.8)]),
                node("OneOf", transforms=[node("VerticalFlip", 0.5), node("NoOp", 1.5 / 3)]),
            ),
            {("invert", "flip-vertical or identity"): 0.2, ("identity", "flip-vertical or identity"): 0.8},
        ),
    ],
)
def test_probabilities_and_choices_keep_their_meaning(text, expected):
    assert shares(text) == pytest.approx(expected)


def test_preparation_of_the_image_is_no_augmentation():
    text = a_file(INVERT, node("Normalize", mean=[0.5], std=[0.5]), node("ToTensorV2"))
    found, notes = from_albumentations.read(text, "file")
    assert found == policy({"operation": "invert"}) and "Normalize" in notes[0] and "ToTensorV2" in notes[1]


def autoalbument(stages: int) -> str:
    """A file as AutoAlbument writes it: sub-policies of stages, each one of many transforms with unequal weights."""
    others = [node("RGBShift", 0.001), node("CoarseDropout", 0.002), node("RandomBrightnessContrast", 0.003, **ADDING)]
    rest = [node("HorizontalFlip", 0.2), node("VerticalFlip", 0.004), node("InvertImg", 0.3)]
    rest += [node("ShiftScaleRotate", 0.005, **{**SHIFT, "rotate_limit": [k, k]}) for k in range(9)]
    stage = node("OneOf", transforms=[*others, *rest, node("Solarize", 0.1, threshold=[48, 48]), node("NoOp", 0.345)])
    whole = node("Sequential", 0.1, transforms=[stage] * stages)
    return a_file(node("OneOf", transforms=[whole, whole]), node("Normalize", mean=[0.5], std=[0.5]))


def test_autoalbuments_files_are_read_or_refused():
    with pytest.raises(UserError, match="what 'RGBShift' does") as caught:
        from_albumentations.read(autoalbument(1), "file")
    assert "adds to every value" in str(caught.value)
    found = shares(autoalbument(1), allow_loss=True)
    assert found[("solarize",)] == pytest.approx(0.1) and found[("flip-horizontal",)] == pytest.approx(0.2)
    assert found[("identity",)] == pytest.approx(0.345 + 0.006 + 0.005)
    with pytest.raises(UserError, match="28,561 sub-policies, 1,000"):
        from_albumentations.read(autoalbument(4), "file")
    policy_of_four, notes = from_albumentations.read(autoalbument(4), "file", allow_loss=True)
    assert any("less than 1%" in note for note in notes) and len(policy_of_four.sub_policies) == 4**4


def test_a_refusal_lists_a_dozen_reasons():
    text = a_file(*(node(f"Own{k}") for k in range(30)))
    with pytest.raises(UserError, match=r"'Own11' does; and 18 more\. To leave that out, add --allow-loss"):
        from_albumentations.read(text, "file")


def test_exported_python_files_are_read_and_not_run(tmp_path):
    text = to_albumentations.write(policy({"operation": "invert", "probability": 0.5}), "x")
    marker = Path(tmp_path / "ran")
    found, _ = from_albumentations.read(f"{text}\nopen({str(marker)!r}, 'w')\n", "file")
    assert found == policy({"operation": "invert", "probability": 0.5}) and not marker.exists()
