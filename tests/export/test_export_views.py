"""Exported pairs of views against ours: pixels, shares, weights, frequencies, and a process without this program."""

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
from scipy.stats import ks_2samp

from policysearch.augmentation.sampling import draw
from policysearch.augmentation.shared_pixels import shared_share
from policysearch.augmentation.views import drawn_views, normalised
from policysearch.core.errors import UserError
from policysearch.export.registry import EXPORTS, export_to, live
from policysearch.export.templates import torchvision_views as template
from policysearch.export.templates.torchvision_operations import GEOMETRY, HIDDEN, PIXELS
from policysearch.export.templates.torchvision_policy import Drawn, applied
from policysearch.export.to_torchvision import write
from policysearch.policy.policy import Policy
from tests.support.exports import FALSE_ALARM, imported, policy, real, steps_of
from tests.support.pictures import policy_of, some_step

FUNCTIONS = {**GEOMETRY, **HIDDEN, **PIXELS}
SA1, SA2 = Policy.preset("simsiam-sa1"), Policy.preset("simsiam-sa2:2,0.1")
CROP = {"operation": "resized-crop", "magnitude": {"start": 0.2, "stop": 1}}
RICH = policy(
    CROP,
    {"operation": "flip-horizontal", "probability": 0.5},
    {"one_of": [{"operation": "translate-y", "magnitude": 0.2}, {"operation": "cutout", "magnitude": 0.4}]},
    {"operation": "soft-crop", "magnitude": 0.1, "probability": 0.5},
    {"operation": "invert"},
    pair={"weight": "sa2", "k": 2, "p_min": 0.1},
    name="rich",
)


def drawn_of(drawn, row):
    return [Drawn(FUNCTIONS[name], magnitude, numbers) for name, magnitude, numbers in steps_of(drawn, row)]


@pytest.mark.parametrize("searched", [SA1, RICH], ids=["simsiam", "rich"])
def test_pixels_shares_and_weights_equal_ours_for_the_same_draws(searched):
    images = real(3)
    ours = drawn_views(searched, images, torch.manual_seed(3))
    theirs = live(searched, "torchvision", False)
    rows = [[drawn_of(one, row) for row in range(12)] for one in ours.draws]
    for view, draws in zip((ours.first, ours.second), rows, strict=True):
        pixels = torch.stack([applied(image, drawn) for image, drawn in zip(images, draws, strict=True)])
        gap = (view.int() - pixels.int()).abs()
        assert gap.max() <= (6 if searched is SA1 else 1), "four colours round one after the other"
    shares = [template.shared_share(28, 28, *draws) for draws in zip(*rows, strict=True)]
    assert torch.equal(torch.stack(shares), ours.iou) and ours.iou.std() > 0.05
    weights = theirs.pair.of(torch.stack(shares))
    assert torch.allclose(normalised(weights), ours.weights)


@pytest.mark.parametrize("size", [(28, 28), (19, 34)])
def test_shares_equal_ours_for_every_operation_that_moves_or_hides(size):
    """One operation in the first view against a crop; places of turns and shears may fall between two pixels."""
    crop = draw(policy(CROP), 6, torch.manual_seed(1))
    for name in sorted({**GEOMETRY, **HIDDEN}):
        moved = draw(policy_of(some_step(name)), 6, torch.manual_seed(2))
        ours = shared_share(moved, crop, *size)
        theirs = [template.shared_share(*size, drawn_of(moved, i), drawn_of(crop, i)) for i in range(6)]
        loose = 0.02 if name in ("rotate", "shear-x", "shear-y", "perspective") else 1e-6
        assert torch.allclose(ours, torch.stack(theirs), atol=loose), name


def shares_of(pair, count=150):
    """Intersections over union of pairs that a transform of one image draws, by inverting its weights."""
    torch.manual_seed(0)
    image = torch.zeros(1, 16, 16, dtype=torch.uint8)
    weights = torch.stack([pair(image)[2] for _ in range(count)])
    return 1 - ((1 - weights) / (1 - pair.pair.p_min)) ** (1 / pair.pair.k)


ONE_CROP = policy({"operation": "resized-crop", "magnitude": {"start": 0.5, "stop": 1}}, pair={"weight": "sa1", "k": 1})


def test_shares_are_distributed_as_ours_and_planted_faults_are_seen(tmp_path):
    """Kolmogorov-Smirnov at 1e-6 of the live object and the file; one draw for both views, and a union that is none."""
    images = torch.zeros(4000, 1, 16, 16, dtype=torch.uint8)
    ours = drawn_views(ONE_CROP, images, torch.Generator().manual_seed(1)).iou
    text = write(ONE_CROP, "pairs_file")
    faults = {
        "the same draw twice": ("for _ in range(2)]", "] * 2"),
        "the union is the first view": ("(seen | other).sum()", "seen.sum()"),
        "equation 10 for 9": ("1.0, 0.0, False", "1.0, 0.0, True"),
    }
    (tmp_path / "pairs_file.py").write_text(text)
    good = [ONE_CROP.to_torchvision(), imported(tmp_path / "pairs_file.py", "pairs_file").LearnedPair()]
    for pair in good:
        assert ks_2samp(shares_of(pair), ours).pvalue > FALSE_ALARM
    for fault, (right, wrong) in faults.items():
        assert text.count(right) == 1, fault
        (tmp_path / "planted.py").write_text(text.replace(right, wrong))
        planted = imported(tmp_path / "planted.py", "planted").LearnedPair()
        assert ks_2samp(shares_of(planted), ours).pvalue < FALSE_ALARM, fault


def test_the_two_views_are_independent():
    """The grey levels of two views after a brightness alone: a correlation within 5 standard errors of 0."""
    bright = policy({"operation": "brightness", "magnitude": {"start": 0, "stop": 0.9}}, CROP, pair={})
    flat = torch.full((1, 8, 8), 100, dtype=torch.uint8)
    torch.manual_seed(0)
    pair = bright.to_torchvision()
    levels = torch.tensor([[view.float().mean() for view in pair(flat)[:2]] for _ in range(200)])
    assert abs(float(torch.corrcoef(levels.T)[0, 1])) < 5 / 200**0.5
    assert levels.std(0).min() > 30


def test_takes_images_and_batches_and_collates():
    pair = SA2.to_torchvision()
    first, second, weight = pair(TF.to_pil_image(real(3)[0]))
    assert isinstance(first, PIL.Image.Image) and isinstance(second, PIL.Image.Image) and weight.shape == ()
    assert 0.1 <= float(weight) <= 1
    firsts, seconds, weights = pair(real(3))
    assert firsts.shape == seconds.shape == (12, 3, 28, 28) and float(weights.mean()) == pytest.approx(1)
    samples = [pair(image) for image in real(3)]
    raw = torch.stack([weight for _, _, weight in samples])
    for given in (samples, [(sample, 4) for sample in samples]):
        firsts, seconds, weights = pair.collate(given)
        assert torch.equal(firsts[3], samples[3][0]) and torch.equal(seconds[3], samples[3][1])
        assert torch.allclose(weights, raw / raw.mean())
    pil = pair.collate([pair(TF.to_pil_image(image)) for image in real(3)])
    assert pil[0].shape == (12, 3, 28, 28) and pil[0].dtype == torch.uint8
    empty = pair(real(3)[:0])
    assert empty[0].shape == (0, 3, 28, 28) and empty[2].shape == (0,)


def test_without_a_weight_a_search_of_views_still_exports_two(tmp_path):
    """Where the policy comes from a self-supervised search, its file gives two views though it weighs none."""
    plain = Policy.preset("simsiam").model_copy(update={"about": {"task": "self-supervised"}})
    assert plain.to_torchvision()(real(3)[0])[2] == 1
    (tmp_path / "plain_pairs.py").write_text(write(plain, "plain_pairs"))
    module = imported(tmp_path / "plain_pairs.py", "plain_pairs")
    assert module.LearnedPair()(real(3))[2].tolist() == [1] * 12 and not hasattr(module, "PAIR")
    assert "LearnedPair" not in write(Policy.preset("simsiam"), "simsiam_alone")


def test_stages_follow_the_progress_of_the_pair(tmp_path):
    staged = policy(CROP, pair={}, stages=[{"start": 0.5, "sub_policies": [{"steps": []}]}])
    pair = staged.to_torchvision()
    pair.policy.progress = 0.6
    image = real(1)[0]
    first, second, weight = pair(image)
    assert torch.equal(first, image) and torch.equal(second, image) and weight == 1
    assert "pair.policy.progress" in write(staged, "staged")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SA1.to_torchvision(10), "leave out num_classes, got 10"),
        (lambda: SA1.to_timm(), "timm has no two views"),
        (lambda: SA1.to_kornia(), "kornia has no two views"),
        (lambda: SA1.to_albumentations(), "albumentations has no two views"),
    ],
)
def test_what_cannot_be_had_is_named(call, message):
    with pytest.raises(UserError, match=message):
        call()


def test_images_that_cannot_be_augmented_are_refused():
    with pytest.raises(TypeError, match="uint8"):
        SA1.to_torchvision()(torch.rand(3, 8, 8))
    with pytest.raises(TypeError, match="from_numpy"):
        SA1.to_torchvision()(np.zeros((8, 8, 3), np.uint8))


def test_every_library_writes_or_refuses_and_json_keeps_it(tmp_path):
    for library in EXPORTS:
        out = tmp_path / f"a_{library.replace('-', '_')}{Path(EXPORTS[library].file).suffix}"
        if library in ("torchvision", "json"):
            assert export_to(SA1, library, out, allow_loss=False, force=False)[1] == []
        else:
            with pytest.raises(UserError, match=r"two views|one view of an image"):
                export_to(SA1, library, out, allow_loss=False, force=False)
            assert not out.exists()
    assert Policy.load(tmp_path / "a_json.json") == SA1


def test_the_file_is_well_formatted_and_can_be_pickled(tmp_path):
    for name, searched in (("sa1", SA1), ("rich", RICH)):
        path = tmp_path / f"file_{name}.py"
        path.write_text(write(searched, path.stem), encoding="utf-8")
        settings = ["--config", str(Path(__file__).parents[2] / "pyproject.toml")]
        for command in (["check", *settings], ["format", "--check", *settings]):
            done = subprocess.run([sys.executable, "-m", "ruff", *command, str(path)], capture_output=True, check=False)
            assert done.returncode == 0, done.stdout.decode()
        module = imported(path, path.stem)
        pickle.loads(pickle.dumps(module.LearnedPair()))(real(3))


OUTSIDE = """
import sys
sys.modules["policysearch"] = None                  # importing it fails
import torch
from torch.utils.data import DataLoader, Dataset
from learned_policy import LearnedPair

class Data(Dataset):
    def __init__(self, pair):
        self.pair, self.images = pair, torch.load("images.pt")
    def __len__(self):
        return len(self.images)
    def __getitem__(self, i):
        return self.pair(self.images[i]), i % 10

if __name__ == "__main__":
    pair = LearnedPair()
    torch.manual_seed(0)
    loader = DataLoader(Data(pair), batch_size=6, num_workers=2, collate_fn=pair.collate)
    parts = list(loader)
    first, second, weights = (torch.cat(part) for part in zip(*parts))
    print(weights.mean().item(), weights.std().item(), len(torch.cat([first, second]).unique(dim=0)))
"""


@pytest.mark.slow
def test_the_file_runs_without_this_program_in_a_loader_with_workers(tmp_path):
    (tmp_path / "learned_policy.py").write_text(write(SA1, "learned_policy"))
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
    mean, spread, different = map(float, done.stdout.split())
    assert mean == pytest.approx(1) and spread > 0.01 and different == 24
