"""Exported torchvision code against `augment`: pixels, targets, frequencies, and a process without this program."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
import torchvision.transforms.v2.functional as TF
from torchvision import tv_tensors
from torchvision.transforms import v2

from policysearch.augmentation import augment, soft_loss
from policysearch.augmentation.apply import apply
from policysearch.augmentation.mixing import MIXERS
from policysearch.augmentation.sampling import draw
from policysearch.core.errors import UserError
from policysearch.export.templates import torchvision_all as vision
from policysearch.export.templates import torchvision_soft as vision_soft
from policysearch.export.templates.torchvision_lines import BARRING, BENDING, FADING
from policysearch.export.templates.torchvision_operations import GEOMETRY, HIDDEN, PIXELS
from policysearch.export.templates.torchvision_policy import Drawn, applied
from policysearch.export.to_torchvision import expressible, live, write
from policysearch.export.torchvision_plan import Plan
from policysearch.policy.curricula import schedule
from policysearch.policy.mixes import MIXES
from policysearch.policy.operations import OPERATIONS, SHIPPED_OPERATIONS
from policysearch.policy.policy import Policy
from policysearch.policy.steps import SubPolicy
from tests.support.exports import FALSE_ALARM, imported, policy, pvalue, real, steps_of
from tests.support.pictures import fixed, some_step

FUNCTIONS = {**GEOMETRY, **HIDDEN, **PIXELS, **BENDING, **BARRING, **FADING}
TIES = {"shear-x", "shear-y", "rotate", "perspective"}  # places that fall exactly between two pixels
WITHIN_1 = {"color", "sharpness", "hue", "gaussian-blur", "contrast", "resized-crop", "soft-resized-crop", "noise"}
RICH = policy(
    {"operation": "flip-horizontal", "probability": 0.5},
    {"operation": "soft-crop", "magnitude": 0.2},
    {
        "one_of": [
            {"operation": "rotate", "magnitude": {"start": 0, "stop": 30}},
            {"operation": "posterize", "magnitude": 3},
            {"operation": "cutout", "magnitude": 0.4},
            {"operation": "color", "magnitude": {"mean": 0.4, "std": 0.1}},
        ]
    },
    softening={"k": 2, "mode": "both", "operations": {"cutout": {"k": 1, "p_min": 0.5}, "soft-crop": {"k": 3}}},
    name="rich",
)


def drawn_of(found, row):
    return [Drawn(FUNCTIONS[name], magnitude, numbers) for name, magnitude, numbers in steps_of(found, row)]


def test_every_operation_has_its_function():
    assert set(FUNCTIONS) == SHIPPED_OPERATIONS
    kinds = {name: OPERATIONS[name].kind for name in SHIPPED_OPERATIONS}
    assert set(GEOMETRY) == {n for n, kind in kinds.items() if kind in ("move", "matrix", "crop")}
    assert {*HIDDEN, *BARRING} == {n for n, kind in kinds.items() if kind == "mask"}
    assert set(BENDING) == {n for n, kind in kinds.items() if kind == "warp"}
    everything = policy(*(some_step(name).model_dump() for name in sorted(SHIPPED_OPERATIONS)))
    kept = Plan(everything).sets()["KEPT"]
    assert {key.name: rule.name for key, rule in kept.items()} == {
        function.__name__: rule.__name__ for function, rule in vision_soft.KEPT.items()
    }
    assert set(vision_soft.MIXERS) == {name for name, row in MIXES.items() if not row.needs_maps}
    assert all(vision_soft.MIXERS[name] is MIXERS[name] for name in vision_soft.MIXERS)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_pixels_equal_ours_for_the_same_draw(name, channels):
    images = real(channels)
    for strength in (0.3, 1.0):
        found = draw(Policy(sub_policies=(SubPolicy(steps=(some_step(name, strength),)),)), 12, torch.manual_seed(5))
        ours = apply(found, images)
        theirs = torch.stack([applied(image, drawn_of(found, i)) for i, image in enumerate(images)])
        gap = (ours.int() - theirs.int()).abs()
        assert theirs.dtype == torch.uint8
        assert (gap > 0).float().mean() < 0.05 if name in TIES else gap.max() <= (name in WITHIN_1), strength


@pytest.mark.parametrize("size", [(28, 28), (19, 34)])
@pytest.mark.parametrize("name", sorted(n for n in FUNCTIONS if OPERATIONS[n].has_magnitude))
def test_pixels_equal_ours_at_the_ends_of_the_range(name, size):
    row = OPERATIONS[name]
    images = torch.nn.functional.interpolate(real(3, 2).float(), size).to(torch.uint8)
    for magnitude in {row.low, row.high, -row.high if row.signed else row.high, *(row.wide or ())}:
        for number in (0.0, 1 - 2**-24):
            found = fixed(name, magnitude, 2, number)
            theirs = torch.stack([applied(image, drawn_of(found, i)) for i, image in enumerate(images)])
            gap = (apply(found, images).int() - theirs.int()).abs()
            assert (gap > 0).float().mean() < 0.06 if name in TIES else gap.max() <= (name in WITHIN_1), magnitude


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - TIES))
def test_visibility_equals_ours(name):
    images = real(3)
    found = draw(Policy(sub_policies=(SubPolicy(steps=(some_step(name),)),)), 12, torch.manual_seed(5))
    from policysearch.augmentation.visibility import visibility

    ours = visibility(found, images)
    theirs = torch.stack([vision_soft.visibility(image, drawn_of(found, i)) for i, image in enumerate(images)])
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_confidence_of_several_steps_and_curves_equals_ours():
    images = real(3)
    out = augment(RICH, images, torch.zeros(12).long(), num_classes=10, generator=torch.manual_seed(3))
    soft = live(RICH, 10)
    p = torch.stack([soft.softening.confidence(images[i], drawn_of(out.draw, i), 10) for i in range(12)])
    assert torch.allclose(p, out.weights, atol=0.02), "ties of rotations may show a pixel more or less"
    assert p.std() > 0.05


def frequencies(transform, count=3000):
    """(step, what was drawn) of the one-of in RICH, the sign of rotations and the size of the colour."""
    torch.manual_seed(0)
    return [transform.draw() for _ in range(count)]


WEIGHTED = Policy.from_dict(
    {
        "sub_policies": [
            {"steps": [{"operation": "rotate", "magnitude": {"start": 0, "stop": 30, "levels": 4}}], "weight": 3},
            {"steps": [{"operation": "solarize", "magnitude": 9, "probability": 0.25}]},
            {
                "steps": [
                    {
                        "some_of": [{"operation": "invert"}, {"operation": "equalize", "probability": 0.5}],
                        "counts": [0.5, 0.5],
                    }
                ]
            },
        ]
    }
)
EXPECTED = {
    **{(f"rotate {m:+g}",): 0.6 / 8 for m in (10, 20, 30, -10, -20, -30)},
    ("rotate +0",): 0.6 / 4,
    ("solarize +9",): 0.2 / 4,
    ("invert +0",): 0.2 / 2 * 3 / 4,
    ("equalize +0",): 0.2 / 2 / 4,
    (): 0.2 * 3 / 4 + 0.2 / 2,
}


def told(drawn):
    return tuple(f"{d.operation.__name__} {float(d.magnitude) + 0.0:+g}" for d in drawn)


def test_frequencies_of_operations_signs_and_magnitudes(tmp_path):
    """Chi-square at 1e-6, of the live transform and of the file; and three planted faults that it sees."""
    (tmp_path / "frequencies.py").write_text(write(WEIGHTED, "frequencies"))
    module = imported(tmp_path / "frequencies.py", "frequencies")
    for transform in (live(WEIGHTED), module.LearnedPolicy()):
        assert pvalue(map(told, frequencies(transform)), EXPECTED) > FALSE_ALARM
    text = write(WEIGHTED, "frequencies")
    faults = {
        "a sign never negative": ("-1 if self.signed and uniform() < 0.5 else 1", "1"),
        "weights ignored": ("sub.weight for sub in subs", "1.0 for sub in subs"),
        "scale one step off": ("int(uniform() * self.levels) /", "(1 + int(uniform() * (self.levels - 1))) /"),
        "probabilities ignored": ("self.probability < 1 and uniform() >= self.probability", "False"),
    }
    for fault, (right, wrong) in faults.items():
        assert text.count(right) == 1, fault
        (tmp_path / "planted.py").write_text(text.replace(right, wrong))
        planted = imported(tmp_path / "planted.py", "planted").LearnedPolicy()
        assert pvalue(map(told, frequencies(planted)), EXPECTED) < FALSE_ALARM, fault


def test_normal_magnitudes_and_numbers_are_those_of_the_policy():
    """Means within 5 standard errors: false alarm below 1e-6."""
    one = policy({"operation": "cutout", "magnitude": {"mean": 0.4, "std": 0.1}})
    torch.manual_seed(1)
    drawn = [live(one).draw()[0] for _ in range(2000)]
    values = torch.stack([d.magnitude for d in drawn])
    assert abs(values.mean() - 0.4) < 5 * 0.1 / 2000**0.5 and abs(values.std() - 0.1) < 0.01
    assert all(d.numbers.shape == (2,) for d in drawn)
    assert abs(torch.stack([d.numbers for d in drawn]).mean() - 0.5) < 5 * 0.29 / 4000**0.5


def test_takes_what_transforms_take():
    transform = live(RICH)
    for channels in (1, 3):
        images = real(channels)
        assert transform(images).shape == images.shape and transform(images[0]).shape == images[0].shape
        pil = TF.to_pil_image(images[0])
        torch.manual_seed(2)
        as_pil = transform(pil)
        torch.manual_seed(2)
        assert isinstance(as_pil, PIL.Image.Image) and as_pil.mode == pil.mode
        assert torch.equal(TF.pil_to_tensor(as_pil), transform(images[0])), "the kind of image does not matter"
    assert transform(images[:0]).shape == (0, 3, 28, 28)
    assert isinstance(transform(tv_tensors.Image(images[0])), tv_tensors.Image)
    image, label = transform(images[0], 7)
    assert label == 7 and image.dtype == torch.uint8
    piped = v2.Compose([transform, v2.ToDtype(torch.float32, scale=True)])(images[0])
    assert piped.dtype == torch.float32


def test_each_image_of_a_batch_has_its_own_draw_and_seeds_repeat_it():
    images = real(1, 1).expand(64, -1, -1, -1)
    torch.manual_seed(4)
    first = live(RICH)(images)
    torch.manual_seed(4)
    assert torch.equal(first, live(RICH)(images))
    assert len({bytes(image.numpy().tobytes()) for image in first}) > 40


def test_boxes_and_masks_move_along():
    moved = policy({"operation": "flip-horizontal"}, {"operation": "cutout", "magnitude": 0.5}, {"operation": "invert"})
    image, mask = real(3)[0], tv_tensors.Mask(torch.eye(28, dtype=torch.uint8)[None])
    boxes = tv_tensors.BoundingBoxes(torch.tensor([[0, 0, 10, 20]]), format="XYXY", canvas_size=(28, 28))
    out = live(moved)({"image": tv_tensors.Image(image), "boxes": boxes, "mask": mask, "label": 3})
    assert out["boxes"].tolist() == [[18, 0, 28, 20]] and out["label"] == 3
    assert torch.equal(out["mask"], mask.flip(2)), "what is hidden in the image stays in the mask"
    with pytest.raises(ValueError, match="single images"):
        live(moved)(real(3), boxes)
    with pytest.raises(TypeError, match="no single place"):
        live(Policy.preset("augmix"))(tv_tensors.Image(image), boxes)


@pytest.mark.parametrize("name", sorted(GEOMETRY))
def test_a_mask_goes_where_the_image_goes(name):
    """A mask that is the image's own grey values comes out as the image does, where nothing is interpolated."""
    image = real(1)[0]
    found = draw(Policy(sub_policies=(SubPolicy(steps=(some_step(name),)),)), 1, torch.manual_seed(5))
    out, mask = (applied(one, drawn_of(found, 0)) for one in (image, tv_tensors.Mask(image)))
    if OPERATIONS[name].kind != "crop":
        assert torch.equal(out, torch.as_tensor(mask))
    assert mask.shape == image.shape


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (torch.rand(3, 8, 8), "uint8"),
        (torch.zeros(8, 8, dtype=torch.uint8), "uint8"),
        (PIL.Image.new("RGBA", (8, 8)), "RGBA"),
        (tv_tensors.Video(torch.zeros(2, 3, 8, 8, dtype=torch.uint8)), "Video"),
    ],
)
def test_images_that_cannot_be_augmented_are_refused(given, said):
    with pytest.raises(TypeError, match=said):
        live(RICH)(given)


@pytest.mark.parametrize("label", [4, -1, 1.5, "1", torch.tensor(7), torch.eye(4)[0]], ids=str)
@pytest.mark.parametrize("preset", ["soft-crop", "trivialaugment"])
def test_labels_that_are_no_classes_are_refused(preset, label):
    """Softened or not, before torch's own error about an index."""
    transform = live(Policy.preset(preset), num_classes=4)
    with pytest.raises(ValueError, match=r"labels must be classes from 0 to 3, got .*: is num_classes 4 right"):
        transform(real(3)[0], label)


@pytest.mark.parametrize("label", [2, np.int32(2), torch.tensor(2, dtype=torch.uint8), 2.0], ids=repr)
def test_labels_of_any_whole_kind_are_classes(label):
    _, target, _ = live(Policy.preset("trivialaugment"), num_classes=4)(real(3)[0], label)
    assert target.tolist() == [0, 0, 1, 0]


def test_stages_follow_progress():
    staged = policy({"operation": "invert"}, stages=[{"start": 0.5, "sub_policies": [{"steps": []}]}])
    transform = live(staged)
    assert len(transform.draw()) == 1
    transform.progress = 0.5
    assert transform.draw() == []


@pytest.mark.parametrize("mix", sorted(vision_soft.MIXERS))
def test_mixed_batches_share_targets(mix):
    mixed = policy({"operation": "invert"}, mix={"operation": mix})
    soft = live(mixed, 10)
    torch.manual_seed(0)
    images, targets, weights = soft.collate([soft(image, i % 10) for i, image in enumerate(real(3))])
    assert images.dtype == torch.uint8 and images.shape == (12, 3, 28, 28)
    assert torch.allclose(targets.sum(1), torch.ones(12)) and weights.shape == (12,)
    if mix != "sample-pairing":
        assert (targets.amax(1) < 1).float().mean() > 0.5


def test_mixtures_are_means_with_the_image():
    torch.manual_seed(0)
    transform = live(Policy.preset("augmix"))
    drawn = transform.draw()
    assert len(drawn.chains) == 3 and drawn.shares.sum().item() == pytest.approx(1)
    assert transform(real(3)).shape == (12, 3, 28, 28)
    softened = Policy.preset("augmix").model_copy(update={"softening": RICH.softening})
    image, target, weight = live(softened, 10)(real(3)[0], 4)
    assert image.shape == (3, 28, 28) and target.argmax() == 4 and 0 < weight <= 1


FILES = {
    "randaugment": Policy.preset("randaugment:2,9"),
    "trivialaugment-wide": Policy.preset("trivialaugment-wide"),
    "autoaugment": Policy.preset("autoaugment-cifar10"),
    "augmix": Policy.preset("augmix"),
    "soft-crop": Policy.preset("soft-crop"),
    "rich": RICH.model_copy(update={"about": {"loss": {"kind": "focal", "gamma": 1.5}, "study": "s", "verdict": "v"}}),
    "learning": RICH.model_copy(update={"about": {"loss": {"kind": "online-label-smoothing"}}}),
    "mixed": policy({"operation": "grid-mask", "magnitude": 0.4}, mix={"operation": "cutmix"}),
    "everything": policy(
        *(some_step(name).model_dump() for name in sorted(SHIPPED_OPERATIONS)),
        softening={"normalise": True},
        stages=[{"start": 0.5, "sub_policies": [{"steps": []}]}],
        about={"loss": {"kind": "bi-tempered"}},
    ),
    "hostile": policy(
        {"operation": "invert"}, name='"""\nimport os\nos.system("true") \\', about={"study": '\n"""\\x'}
    ),
}


@pytest.mark.parametrize("name", sorted(FILES))
def test_files_are_well_formatted_and_hold_only_what_is_used(name, tmp_path):
    path = tmp_path / "learned_policy.py"
    path.write_text(write(FILES[name], "learned_policy"), encoding="utf-8")
    settings = ["--config", str(Path(__file__).parents[2] / "pyproject.toml"), "--isolated"][:2]
    for command in (["check", *settings], ["format", "--check", *settings]):
        done = subprocess.run([sys.executable, "-m", "ruff", *command, str(path)], capture_output=True, check=False)
        assert done.returncode == 0, done.stdout.decode()
    module = imported(path)
    unused = {n for n, v in FUNCTIONS.items() if hasattr(module, v.__name__)} - {
        n for n in Plan(FILES[name]).operations()
    }
    assert not unused
    pickle.loads(pickle.dumps(module.LearnedPolicy()))(real(3))


OUTSIDE = """
import sys
sys.modules["policysearch"] = None                  # importing it fails
import torch
from torch.utils.data import DataLoader, Dataset
from learned_policy import LearnedPolicy, SoftLearnedPolicy, loss

class Data(Dataset):
    def __init__(self, policy):
        self.policy, self.images = policy, torch.load("images.pt")
    def __len__(self):
        return len(self.images)
    def __getitem__(self, i):
        return self.policy(self.images[i], i % 10)

if __name__ == "__main__":
    soft = SoftLearnedPolicy(num_classes=10)
    torch.manual_seed(0)
    plain = DataLoader(Data(LearnedPolicy()), batch_size=6, num_workers=2)
    assert all(image.shape == (6, 3, 28, 28) for image, label in plain)
    loader = DataLoader(Data(soft), batch_size=6, num_workers=2, collate_fn=soft.collate)
    parts = list(loader)
    images, targets, weights = (torch.cat(part) for part in zip(*parts))
    print(loss(torch.zeros(12, 10), targets, weights).item(), weights.min().item(), len(images.unique(dim=0)))
"""


def test_the_file_runs_without_this_program_in_a_loader_with_workers(tmp_path):
    (tmp_path / "learned_policy.py").write_text(write(RICH, "learned_policy"))
    (tmp_path / "script.py").write_text(OUTSIDE)
    torch.save(real(3), tmp_path / "images.pt")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "script.py"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    value, least, different = map(float, done.stdout.split())
    assert 0 < value < 2.4 and 0 < least < 1 and different == 12


def test_the_loss_is_the_one_searched_with(tmp_path):
    (tmp_path / "with_loss.py").write_text(write(FILES["rich"], "with_loss"))
    module = imported(tmp_path / "with_loss.py", "with_loss")
    logits, targets, weights = torch.randn(4, 10), torch.eye(10)[:4], torch.rand(4)
    assert torch.equal(module.loss(logits, targets, weights), vision.focal(logits, targets, weights, gamma=1.5))
    (tmp_path / "with_kl.py").write_text(write(RICH, "with_kl"))
    kl = imported(tmp_path / "with_kl.py", "with_kl").loss
    assert torch.equal(kl(logits, targets, weights), soft_loss(logits, targets, weights))


def test_softening_of_later_stages_is_named_as_left_out():
    staged = schedule([(0.0, Policy.preset("flip-crop")), (0.5, Policy.preset("soft-crop"))])
    kept, lost = expressible(staged)
    assert kept.stages[0].softening is None and any("softening curve" in reason for reason in lost)
    with pytest.raises(UserError, match="softening curve"):
        staged.to_torchvision(num_classes=10)
