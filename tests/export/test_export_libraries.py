"""Exports for timm, kornia and albumentations with the real libraries: pixels, frequencies, and files that run."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torchvision.transforms.v2.functional import pil_to_tensor, to_pil_image

from policysearch.augmentation.apply import apply
from policysearch.augmentation.sampling import draw
from policysearch.core.errors import UserError
from policysearch.export import to_albumentations, to_kornia, to_timm
from policysearch.export.capability import measure
from policysearch.export.registry import live
from policysearch.policy.operations import SHIPPED_OPERATIONS
from policysearch.policy.policy import Policy
from policysearch.policy.presets import ADAPTIVE
from tests.support.exports import FALSE_ALARM, imported, policy, pvalue, real, shipped
from tests.support.selection import slow_but

ROOT = Path(__file__).parents[2]
TABLE = json.loads((ROOT / "results" / "2026-11-21_exports" / "capability.json").read_text())
EXPORTERS = {"timm": to_timm, "kornia": to_kornia, "albumentations": to_albumentations}


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("NO_ALBUMENTATIONS_UPDATE", "1")


@pytest.mark.parametrize("operation", sorted(SHIPPED_OPERATIONS))
@pytest.mark.parametrize("library", ["torchvision", *EXPORTERS, "mmpretrain"])
@pytest.mark.filterwarnings("ignore")
def test_pixels_are_within_the_tables_tolerance(library, operation):
    pytest.importorskip(library)
    row, cell = TABLE[library][operation], measure(operation, library, shipped())
    assert cell.refused == row["refused"] and list(cell.altered) == row["altered"]
    assert cell.one_sign == row["one_sign"] and not cell.mirrored
    assert cell.gap <= row["gap"] and cell.share <= row["share"] + 0.01, "nearer is fine: make the table anew"


def test_the_table_would_see_a_scale_that_is_one_off(monkeypatch):
    """AutoAlbument wrote a factor v as a limit v, which the library took as 1 + v."""
    pytest.importorskip("kornia")
    from policysearch.export.templates import kornia_policy as templates

    monkeypatch.setattr(templates, "brightness", lambda m, p: templates.jitter(p, brightness=(1.1 + m, 1.1 + m)))
    assert measure("brightness", "kornia", shipped()).gap > TABLE["kornia"]["brightness"]["gap"]


PLANTED = {
    "shear-x": lambda m, p: augmentation().RandomShear((degrees(-m), degrees(-m)), resample="nearest", p=p),
    "rotate": lambda m, p: augmentation().RandomRotation((-m, -m), resample="nearest", p=p),
    "autocontrast": lambda m, p: augmentation().RandomAutoContrast(p=p),
}
"""Two mirrored operations, and kornia's own autocontrast, which makes flat channels black."""


def augmentation():
    return pytest.importorskip("kornia.augmentation")


def degrees(tangent: float) -> float:
    return math.degrees(math.atan(tangent))


@pytest.mark.parametrize("operation", PLANTED)
def test_the_table_would_see_mirrored_signs_and_black_flat_channels(operation, monkeypatch):
    pytest.importorskip("kornia")
    from policysearch.export.templates import kornia_policy as templates

    monkeypatch.setattr(templates, operation.replace("-", "_"), PLANTED[operation])
    cell = measure(operation, "kornia", shipped())
    assert cell.mirrored == (operation != "autocontrast")
    assert cell.gap > TABLE["kornia"][operation]["gap"] or operation == "rotate"


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("operation", ["shear-x", "shear-y", "translate-x", "translate-y"])
def test_kornia_moves_to_the_side_that_was_searched(operation, sign):
    pytest.importorskip("kornia")
    given = policy({"operation": operation, "magnitude": 0.3 * sign, "signed": False})
    expected = apply(draw(given, 12, torch.Generator()), real(3))
    assert torch.equal((live(given, "kornia", True)(real(3) / 255) * 255).round().to(torch.uint8), expected)


def test_kornia_leaves_flat_channels_as_they_are():
    """A flat image, one with a flat channel, and one with two grey values next to each other."""
    pytest.importorskip("kornia")
    images = real(3, 3)
    images[0] = 100
    images[1, 2] = 200
    images[2] = torch.arange(28 * 28).view(28, 28) % 2 + 100
    expected = images.clone()
    expected[1, :2] = apply(draw(policy({"operation": "autocontrast"}), 1, torch.Generator()), images[1:2])[0, :2]
    expected[2] = (images[2] - 100) * 255
    out = live(policy({"operation": "autocontrast"}), "kornia", True)(images / 255)
    assert torch.equal((out * 255).round().to(torch.uint8), expected)


def test_kornias_policy_has_nothing_to_train_or_to_save():
    pytest.importorskip("kornia")
    transform = live(Policy.preset("randaugment:2,9"), "kornia", True)
    network = torch.nn.Sequential(transform, torch.nn.Flatten(), torch.nn.Linear(28 * 28, 2))
    assert [name for name, _ in network.named_parameters()] == ["2.weight", "2.bias"] == list(network.state_dict())
    network(real(1) / 255).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_kornias_containers_take_the_policy():
    """The images that it gives alone, and masks moved along."""
    containers = augmentation()
    transform = live(policy({"operation": "shear-x", "magnitude": 0.3, "signed": False}), "kornia", True)
    images, masks = containers.AugmentationSequential(transform, data_keys=["input", "mask"])(
        real(3) / 255, real(1) / 255
    )
    assert torch.equal(images, transform(real(3) / 255))
    assert torch.equal(masks, transform(real(1) / 255))


WEIGHTED = Policy.from_dict(
    {
        "sub_policies": [
            {"steps": [{"operation": "translate-x-pixels", "magnitude": 3}], "weight": 3},
            {"steps": [{"operation": "solarize", "magnitude": 9, "probability": 0.25}]},
            {"steps": [{"one_of": [{"operation": "invert"}, {"operation": "posterize", "magnitude": 1}]}]},
        ]
    }
)
"""Each outcome gives another picture of one image, which tells what was drawn."""
EXPECTED = {"left": 0.3, "right": 0.3, "solarized": 0.05, "inverted": 0.1, "posterized": 0.1, "unchanged": 0.15}


def looks(steps: dict[str, dict]) -> dict[bytes, str]:
    """Pixels of the shipped image under each fixed step, and what they are called."""
    image, out = real(1, 1), {}
    for name, step in steps.items():
        found = draw(policy({"probability": 1.0, **step}), 1, torch.Generator().manual_seed(0))
        out[apply(found, image).numpy().tobytes()] = name
    return out


LOOKS = {
    "left": {"operation": "translate-x-pixels", "magnitude": -3, "signed": False},
    "right": {"operation": "translate-x-pixels", "magnitude": 3, "signed": False},
    "solarized": {"operation": "solarize", "magnitude": 9},
    "inverted": {"operation": "invert"},
    "posterized": {"operation": "posterize", "magnitude": 1},
    "unchanged": {"operation": "identity"},
}


def drawn(library, transform, count):
    """What was drawn `count` times, seen from the picture."""
    image, names = real(1, 1), looks(LOOKS)
    random.seed(0)
    torch.manual_seed(0)
    if library == "timm":
        outs = (pil_to_tensor(transform(to_pil_image(image[0]))) for _ in range(count))
    elif library == "kornia":
        outs = ((transform(image / 255) * 255).round().to(torch.uint8) for _ in range(count))
    else:
        transform.set_random_seed(0)
        array = image[0].permute(1, 2, 0).numpy()
        outs = (torch.from_numpy(transform(image=array)["image"].copy()) for _ in range(count))
    return [names[out.numpy().tobytes()] for out in outs]


def without_pixels(given: Policy, library: str) -> Policy:
    """kornia has no translations by pixels: 3 of 28, as a share of the side that rounds to it."""
    if library != "kornia":
        return given
    return Policy.from_dict(
        json.loads(
            given.to_json()
            .replace("translate-x-pixels", "translate-x")
            .replace('"magnitude": 3.0', '"magnitude": 0.1072')
        )
        | {"hash": None}
    )


@pytest.mark.parametrize("library", slow_but([name for name in EXPORTERS if name != "kornia"], EXPORTERS))
@pytest.mark.filterwarnings("ignore:Affine transformations")
def test_frequencies_of_operations_and_signs(library, monkeypatch):
    """Chi-square at 1e-6 over what 1500 draws did to one image; and planted faults that it sees."""
    pytest.importorskip(library)
    given = without_pixels(WEIGHTED, library)
    assert pvalue(drawn(library, live(given, library, True), 1500), EXPECTED) > FALSE_ALARM
    unweighted = given.model_copy(
        update={"sub_policies": tuple(sub.model_copy(update={"weight": 1.0}) for sub in given.sub_policies)}
    )
    assert pvalue(drawn(library, live(unweighted, library, True), 1500), EXPECTED) < FALSE_ALARM, "weights ignored"
    always = given.model_dump(by_alias=True)
    always["sub_policies"][1]["steps"][0]["probability"] = 1.0
    transform = live(Policy.from_dict(always), library, True)
    assert pvalue(drawn(library, transform, 1500), EXPECTED) < FALSE_ALARM, "probabilities ignored"
    positive = given.model_copy(update={"name": "positive"})
    monkeypatch.setattr("policysearch.policy.steps.Step.draws_sign", property(lambda step: False))
    if library == "timm":
        monkeypatch.setattr("timm.data.auto_augment._randomly_negate", lambda value: value)
    assert pvalue(drawn(library, live(positive, library, True), 1500), EXPECTED) < FALSE_ALARM, "never negative"


LEVELS = policy({"operation": "solarize", "magnitude": {"start": 40, "stop": 220, "levels": 4}})


@pytest.mark.parametrize("library", ["timm", "kornia"])
def test_frequencies_of_levels(library):
    """Each of four levels alike, chi-square at 1e-6; a scale that leaves out the first is seen."""
    pytest.importorskip(library)
    names = looks({str(m): {"operation": "solarize", "magnitude": m} for m in (40, 100, 160, 220)})
    expected = {str(m): 0.25 for m in (40, 100, 160, 220)}
    off = policy({"operation": "solarize", "magnitude": {"start": 100, "stop": 220, "levels": 3}})
    for given, right in ((LEVELS, True), (off, False)):
        image, transform = real(1, 1), live(given, library, True)
        random.seed(1)
        torch.manual_seed(1)
        if library == "timm":
            outs = (pil_to_tensor(transform(to_pil_image(image[0]))) for _ in range(800))
        else:
            outs = ((transform(image / 255) * 255).round().to(torch.uint8) for _ in range(800))
        p = pvalue((names[out.numpy().tobytes()] for out in outs), expected)
        assert (p > FALSE_ALARM) == right


def test_intervals_of_albumentations_are_even():
    """Rotations of ±40 degrees, their angle told by albumentations: Kolmogorov-Smirnov at 1e-6."""
    albumentations = pytest.importorskip("albumentations")
    from scipy.stats import kstest

    node = to_albumentations.transform(policy({"operation": "rotate", "magnitude": {"start": 0, "stop": 40}}))
    assert node["transforms"][0]["limit"] == [-40, 40]
    made = albumentations.from_dict({"transform": node}).transforms[0]
    made.set_random_seed(0)
    angles = [made.py_random.uniform(*made.limit) for _ in range(500)]
    assert kstest(angles, "uniform", args=(-40, 80)).pvalue > FALSE_ALARM


FULL = ("randaugment:2,9", "randaugment:1,5,2", "trivialaugment-wide", "autoaugment-imagenet")


@pytest.mark.parametrize("name", FULL)
@pytest.mark.parametrize("library", ["timm", "kornia"])
def test_files_run_without_this_program_and_are_well_formatted(library, name, tmp_path):
    pytest.importorskip(library)
    told, _ = EXPORTERS[library].expressible(Policy.preset(name))
    path = tmp_path / "learned_policy.py"
    path.write_text(EXPORTERS[library].write(told, "learned_policy"), encoding="utf-8")
    for command in (["check"], ["format", "--check"]):
        settings = ["--config", str(ROOT / "pyproject.toml")]
        done = subprocess.run([sys.executable, "-m", "ruff", *command, *settings, str(path)], capture_output=True)
        assert done.returncode == 0, done.stdout.decode()
    assert "policysearch" not in path.read_text().partition('"""\n\n')[2]
    made = imported(path).LearnedPolicy()
    for _ in range(5):
        if library == "timm":
            assert made(to_pil_image(real(3)[0])).size == (28, 28)
        else:
            assert made(real(3) / 255).shape == (12, 3, 28, 28)


@pytest.mark.parametrize("name", FULL)
@pytest.mark.filterwarnings("ignore:Affine transformations")
def test_albumentations_reads_the_json(name, tmp_path):
    albumentations = pytest.importorskip("albumentations")
    told, _ = to_albumentations.expressible(Policy.preset(name))
    data = json.loads(to_albumentations.write_json(told))
    made = albumentations.from_dict(data)
    for image in real(3):
        assert made(image=image.permute(1, 2, 0).numpy())["image"].shape == (28, 28, 3)
    again = albumentations.from_dict(albumentations.to_dict(made))
    assert albumentations.to_dict(again) == albumentations.to_dict(made)


@pytest.mark.parametrize("library", EXPORTERS)
def test_what_a_library_cannot_say_is_named_and_refused(library):
    rich = policy(
        {"operation": "soft-crop", "magnitude": 0.2},
        {"some_of": [{"operation": "invert"}, {"operation": "equalize"}]},
        softening={"k": 2},
        mix={"operation": "mixup"},
        mixture={"width": 2},
        stages=[{"start": 0.5, "sub_policies": [{"steps": []}]}],
        about={"loss": {"kind": "focal"}},
    )
    with pytest.raises(UserError) as caught:
        live(rich, library, False)
    for part in ("soft-crop", "softened", "mix of the batch", "mean of several", "progress", "random order", "loss"):
        assert part in str(caught.value), part


@pytest.mark.parametrize("library", ["torchvision", *EXPORTERS])
def test_magnitudes_that_the_network_gives_are_refused_or_drawn_evenly(library):
    for name in ADAPTIVE:
        adaptive = Policy.preset(name)
        with pytest.raises(UserError, match=f"image by {adaptive.adaptive.rule} need the network"):
            live(adaptive, library, False)
        assert live(adaptive, library, True) is not None


def test_kornia_says_that_it_draws_once_a_batch():
    _, lost = to_kornia.expressible(Policy.preset("randaugment:1,9"))
    assert "whole batch" in lost[0]
    assert to_kornia.expressible(policy({"operation": "invert", "probability": 0.5}))[1] == []
    assert "WARNING" in to_kornia.write(policy({"operation": "invert"}), "x")


MOVING = policy(
    {"operation": "flip-horizontal"},
    {"operation": "translate-y-pixels", "magnitude": 4, "signed": False},
    {"operation": "solarize", "magnitude": 9},
)


@pytest.mark.filterwarnings("ignore")
def test_boxes_move_along_in_albumentations():
    A = pytest.importorskip("albumentations")
    boxes = A.BboxParams(format="pascal_voc", label_fields=["labels"])
    found = A.Compose(live(MOVING, "albumentations", True).transforms, bbox_params=boxes)
    image = real(3)[0].permute(1, 2, 0).numpy()
    out = found(image=image, bboxes=[[0, 0, 10, 20]], labels=[7], mask=image[..., 0])
    assert out["bboxes"][0] == pytest.approx([18, 4, 28, 24], abs=1e-4) and out["labels"] == [7]
    assert out["mask"][4:].tolist() == image[:-4, ::-1, 0].tolist(), "moved, and not solarized"


def test_kornia_takes_no_boxes_and_says_so():
    pytest.importorskip("kornia")
    with pytest.raises(TypeError):
        live(MOVING, "kornia", True)(torch.zeros(1, 3, 28, 28), torch.tensor([[[0.0, 0, 10, 20]]]), data_keys=["input"])
    assert "boxes and masks would stay behind" in " ".join(to_kornia.write(MOVING, "x").split())
