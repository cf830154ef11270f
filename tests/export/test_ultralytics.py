"""Exports for Ultralytics with the real library: its settings, as far as they go, and a trainer that takes the rest."""

from __future__ import annotations

import random
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image
from torchvision.transforms.v2.functional import to_pil_image

from policysearch.core.errors import UserError
from policysearch.export import to_ultralytics, to_ultralytics_trainer
from policysearch.export.registry import export_to
from policysearch.policy.policy import Policy
from tests.support.exports import imported, policy, real
from tests.support.loader_draws import SEQUENCE, drawn_in_loader, faults

ROOT = Path(__file__).parents[2]
FLIP = {"operation": "flip-horizontal", "probability": 0.5}
INVERT = {"operation": "invert"}
CROP = {"operation": "resized-crop", "magnitude": {"start": 0.4, "stop": 1}}
ERASE = {"operation": "random-erasing", "probability": 0.25, "magnitude": {"start": 0.02, "stop": 0.33}}
pytestmark = pytest.mark.filterwarnings("ignore")


def jitter(**reach: float) -> list[dict]:
    return [{"operation": name, "magnitude": {"start": 0, "stop": most}} for name, most in reach.items()]


ALL = {"some_of": jitter(brightness=0.3, contrast=0.3, color=0.2, hue=0.05), "counts": [0.0, 0.0, 0.0, 0.0, 1.0]}
NOTHING = {"scale": 0, "fliplr": 0, "flipud": 0, "auto_augment": "", "hsv_h": 0, "hsv_s": 0, "hsv_v": 0, "erasing": 0}


@pytest.fixture
def library():
    return pytest.importorskip("ultralytics")


def settings_of(given: Policy, folder: Path, allow_loss: bool = False) -> dict:
    path, _ = export_to(given, "ultralytics", folder / "learned_policy.yaml", allow_loss, True)
    data = yaml.safe_load(path.read_text())
    assert (data.pop("task"), data.pop("mode")) == ("classify", "train")
    return data


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], {}),
        ([FLIP, {"operation": "flip-vertical", "probability": 0.1}], {"fliplr": 0.5, "flipud": 0.1}),
        ([ALL], {"hsv_v": 0.3, "hsv_s": 0.2, "hsv_h": 0.05}),
        ([FLIP, *jitter(color=0.7), ERASE], {"fliplr": 0.5, "hsv_s": 0.7, "erasing": 0.25}),
    ],
)
def test_what_the_settings_say_is_written_whole(steps, expected, tmp_path):
    """And nothing else augments: all of Ultralytics' own defaults are replaced."""
    assert settings_of(policy(*steps), tmp_path) == NOTHING | expected


@pytest.mark.parametrize(
    ("given", "expected", "reason"),
    [
        (Policy.preset("flip+randaugment:2,9"), {"fliplr": 0.5, "auto_augment": "randaugment"}, "bilinearly"),
        (Policy.preset("autoaugment-imagenet"), {"auto_augment": "autoaugment"}, "bilinearly"),
        (policy(CROP, FLIP), {"scale": 0.6, "fliplr": 0.5}, "large areas are rarer"),
        (policy(*jitter(brightness=0.3, contrast=0.3)), {"hsv_v": 0.3}, "random order"),
        (policy(*jitter(brightness=0.3, color=0.1)), {"hsv_s": 0.1}, "one setting, hsv_v"),
        (policy(ERASE, FLIP), {"erasing": 0.25}, "in this order: flip-horizontal"),
        (policy(FLIP, FLIP), {"fliplr": 0.5}, "once each"),
        (policy(FLIP, INVERT), {"fliplr": 0.5}, "have no invert"),
        (policy({"operation": "color", "magnitude": 0.3}), {}, "of every image"),
        (Policy.preset("randaugment:1,5"), {}, "two of them at level 9"),
        (Policy.preset("autoaugment-cifar10"), {}, "auto_augment=autoaugment alone"),
        (Policy.preset("augmix"), {}, "mean of several draws"),
        (policy(FLIP, mix={"operation": "mixup"}), {"fliplr": 0.5}, "mix of the batch"),
        (Policy.preset("soft-crop"), {"fliplr": 0.5}, "softened targets"),
    ],
)
def test_what_the_settings_cannot_say_is_named_and_refused(given, expected, reason, tmp_path):
    with pytest.raises(UserError, match=reason):
        export_to(given, "ultralytics", tmp_path / "refused.yaml", allow_loss=False, force=False)
    assert not list(tmp_path.iterdir())
    assert settings_of(given, tmp_path, allow_loss=True) == NOTHING | expected


def test_steps_that_are_left_out_are_no_longer_in_the_words_of_the_file(tmp_path):
    expressed, _ = to_ultralytics.expressible(policy(FLIP, FLIP, INVERT))
    assert expressed.sub_policies == policy(FLIP).sub_policies


def beside_randaugment() -> Policy:
    """RandAugment, and colours jittered before it."""
    before = jitter(color=0.3)
    steps = [*before, *policy_steps("randaugment:2,9"), ERASE]
    return policy(*steps)


def policy_steps(name: str) -> list[dict]:
    return Policy.preset(name).model_dump(mode="json", exclude_none=True)["sub_policies"][0]["steps"]


def test_colours_beside_randaugment_are_refused_as_ultralytics_drops_them(tmp_path):
    with pytest.raises(UserError, match="drops its colour jitter beside auto_augment"):
        export_to(beside_randaugment(), "ultralytics", tmp_path / "refused.yaml", allow_loss=False, force=False)
    expected = {"auto_augment": "randaugment", "erasing": 0.25}
    assert settings_of(beside_randaugment(), tmp_path, allow_loss=True) == NOTHING | expected


def test_ultralytics_does_drop_them(library):
    from ultralytics.data.augment import classify_augmentations

    both = classify_augmentations(size=32, auto_augment="randaugment", hsv_s=0.5)
    kinds = [type(step).__name__ for step in both.transforms]
    assert "RandAugment" in kinds and "ColorJitter" not in kinds


@pytest.mark.parametrize("given", [policy(CROP, FLIP, ALL, ERASE), Policy.preset("randaugment:2,9"), policy()])
def test_ultralytics_reads_the_settings_and_makes_these_transforms(library, given, tmp_path):
    from ultralytics.cfg import get_cfg
    from ultralytics.data.dataset import ClassificationDataset

    export_to(given, "ultralytics", tmp_path / "learned_policy.yaml", True, True)
    settings = yaml.safe_load((tmp_path / "learned_policy.yaml").read_text())
    arguments = get_cfg(overrides={**settings, "imgsz": 28})
    folder = pictures(tmp_path / "train")
    steps = ClassificationDataset(str(folder), arguments, augment=True).torch_transforms.transforms
    live = to_ultralytics.live(to_ultralytics.expressible(given)[0], size=28)
    assert list(map(str, steps)) == list(map(str, live.transforms))
    kinds = [type(step).__name__ for step in steps]
    assert ("ColorJitter" in kinds) == (given.name == "") and ("RandAugment" in kinds) == (given.name != "")


def pictures(folder: Path) -> Path:
    for i, image in enumerate(real(3, 8)):
        path = folder / f"class{i % 2}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        to_pil_image(image).save(path)
    return folder


def outputs(given: Policy, count: int) -> torch.Tensor:
    transform = to_ultralytics.live(to_ultralytics.expressible(given)[0], size=28)
    torch.manual_seed(0)
    random.seed(0)
    return torch.stack([(transform(to_pil_image(real(3, 1)[0])) * 255).round() for _ in range(count)])


def test_pixels_and_frequencies_of_what_it_says(library):
    """Nothing does nothing; flips are exact and as frequent; colours stay within what the policy says."""
    image = real(3, 1)[0].float()
    assert torch.equal(outputs(policy(), 1)[0], image)
    flips = outputs(policy(FLIP), 400)
    flipped = sum(torch.equal(out, image.flip(2)) for out in flips)
    assert 140 < flipped < 260 and flipped + sum(torch.equal(out, image) for out in flips) == 400
    bright = outputs(policy({"some_of": jitter(brightness=0.3, contrast=0.3), "counts": [0.0, 0.0, 1.0]}), 50)
    assert 0.6 < float(bright.mean((1, 2, 3)).min() / image.mean()) < 0.85
    erased = outputs(policy(ERASE), 400)
    changed = sum(not torch.equal(out, image) for out in erased)
    assert 50 < changed < 150  # 100, some 6 deviations of 8.7 either way
    assert all(bool(((out == image) | (out == 0)).all()) for out in erased)


def test_the_trainers_file_is_well_formatted_and_needs_no_policysearch(tmp_path):
    path = tmp_path / "learned_policy.py"
    export_to(Policy.preset("trivialaugment-wide"), "ultralytics-trainer", path, False, False)
    for command in (["check"], ["format", "--check"]):
        settings = ["--config", str(ROOT / "pyproject.toml")]
        done = subprocess.run([sys.executable, "-m", "ruff", *command, *settings, str(path)], capture_output=True)
        assert done.returncode == 0, done.stdout.decode()
    assert "policysearch" not in path.read_text().partition('"""\n\n')[2]


def trainer_of(given: Policy, folder: Path):
    path = folder / "trainer_file.py"
    expressed, _ = to_ultralytics_trainer.expressible(given)
    path.write_text(to_ultralytics_trainer.write(expressed, path.stem), encoding="utf-8")
    return imported(path, path.stem).LearnedTrainer


def training_transforms(given: Policy, folder: Path, **settings: object):
    from ultralytics.cfg import get_cfg

    kind = trainer_of(given, folder)
    trainer = kind.__new__(kind)
    trainer.args, trainer.data = get_cfg(overrides={"imgsz": 28, **settings}), {"names": None}
    built = [trainer.build_dataset(str(pictures(folder / part)), mode=part) for part in ("train", "val")]
    return [data_set.torch_transforms for data_set in built]


def test_the_trainer_augments_training_images_alone_and_by_the_policy_alone(library, tmp_path):
    training, validation = training_transforms(policy(INVERT), tmp_path, fliplr=1.0, erasing=1.0)
    image = real(3, 1)[0]
    assert torch.equal((training(to_pil_image(image)) * 255).round(), 255.0 - image)
    assert torch.equal((validation(to_pil_image(image)) * 255).round(), image.float())


def by_ultralytics(transform, image):
    return (transform(to_pil_image(image).convert("RGB"))[:1] * 255).round().to(torch.uint8)


def test_draws_in_a_loader_are_those_of_the_policy(library, tmp_path):
    training, _ = training_transforms(SEQUENCE.policy, tmp_path, imgsz=16)
    assert faults(SEQUENCE, drawn_in_loader(SEQUENCE, partial(by_ultralytics, training), epochs=2, images=120)) == []


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (Policy.preset("soft-crop"), "softened targets"),
        (policy(FLIP, mix={"operation": "mixup"}), "mix of the batch"),
        (policy(FLIP, stages=[{"start": 0.5, "sub_policies": [{"steps": []}]}]), "knows no progress"),
        (Policy.preset("simsiam-sa1"), "two views"),
    ],
)
def test_what_the_trainer_cannot_take_is_named_and_refused(given, reason, tmp_path):
    with pytest.raises(UserError, match=reason):
        export_to(given, "ultralytics-trainer", tmp_path / "learned.py", allow_loss=False, force=False)
    assert not list(tmp_path.iterdir())
    assert export_to(Policy.preset("augmix"), "ultralytics-trainer", tmp_path / "learned.py", False, False)[1] == []


@pytest.mark.slow
@pytest.mark.parametrize("how", ["settings", "trainer"])
def test_ultralytics_trains_a_network_with_it(library, how, tmp_path, monkeypatch):
    """One epoch of the smallest network at 32 pixels, from its own description: nothing is downloaded."""
    from ultralytics import YOLO

    monkeypatch.chdir(tmp_path)
    for part in ("train", "val"):
        pictures(tmp_path / "data" / part)
    common = {"data": str(tmp_path / "data"), "epochs": 1, "imgsz": 32, "batch": 4, "workers": 0, "device": "cpu"}
    if how == "settings":
        settings_of(policy(FLIP, *jitter(color=0.2)), tmp_path)
        more = {"cfg": str(tmp_path / "learned_policy.yaml")}
    else:
        more = {"trainer": trainer_of(Policy.preset("augmix"), tmp_path)}
    network = YOLO("yolo11n-cls.yaml")
    network.train(**common, **more, plots=False, val=False, amp=False, project=str(tmp_path / "runs"))
    assert Image.open(tmp_path / "data" / "train" / "class0" / "0.png").size == (28, 28)
    assert list((tmp_path / "runs").rglob("*.pt"))
    assert how == "trainer" or (network.trainer.args.fliplr == 0.5 and network.trainer.args.erasing == 0.0)
