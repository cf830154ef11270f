"""Exported views: the same pixels alone and in batches, the mean against NumPy, and a file without this program."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import PIL.Image
import pytest
import torch
from scipy.special import log_softmax, softmax

from policysearch.augmentation.apply import apply
from policysearch.export.templates.torchvision_tta import view_of
from policysearch.export.views_to_torchvision import live, live_views, write
from policysearch.policy.operations import OPERATIONS, SHIPPED_OPERATIONS
from policysearch.policy.tta import CLASSICS, CROP_BOX, TtaPolicy, View, ViewStep, can_be_viewed, classic_views
from tests.support.exports import imported, real
from tests.support.pictures import fixed

VIEWED = sorted(name for name in SHIPPED_OPERATIONS if can_be_viewed(name) and name != "identity")
BETWEEN_PIXELS = {"shear-x", "shear-y", "rotate", "perspective"}


def strong(name: str) -> ViewStep:
    row = OPERATIONS[name]
    top = row.standard[1] if row.standard else 0.0
    magnitude = (top + (row.neutral or 0.0)) / 2 if row.has_magnitude else 0.0
    return ViewStep(operation=name, magnitude=magnitude, numbers=(0.25,) * row.numbers)


def of_all_operations() -> TtaPolicy:
    return TtaPolicy(views=tuple(View(steps=(strong(name),)) for name in VIEWED), temperature=1.5)


@pytest.mark.parametrize("channels", [1, 3])
def test_views_of_a_batch_are_those_of_its_images(channels):
    images = real(channels, 6)
    views = live(of_all_operations())
    batch = views(images)
    assert batch.shape == (6, len(VIEWED), *images.shape[1:]) and batch.dtype == torch.uint8
    alone = torch.stack([views(image) for image in images])
    assert [name for place, name in enumerate(VIEWED) if not torch.equal(batch[:, place], alone[:, place])] == []


def test_views_are_what_the_operations_of_policies_make():
    """Within a grey value, as exported policies are; places between two pixels may go either way."""
    images = real(3, 6)
    batch = live(of_all_operations())(images)
    for place, name in enumerate(VIEWED):
        step = strong(name)
        ours = apply(fixed(name, step.magnitude, 6, 0.25), images)
        gap = (batch[:, place].int() - ours.int()).abs()
        assert (gap > 0).float().mean() < 0.05 if name in BETWEEN_PIXELS else gap.max() <= 1, name


def test_crops_by_hand():
    """Columns of 16: a box of half the side at the right edge shows columns 8 to 15, each about twice."""
    image = torch.arange(0, 160, 10, dtype=torch.uint8).expand(1, 16, 16).contiguous()
    box = ViewStep(operation=CROP_BOX, magnitude=0.5, numbers=(0.0, 1.0))
    shown = live(TtaPolicy(views=(View(steps=(box,)),)))(image)[0, 0, 0].int()
    assert shown[0] == 80 and shown[-1] == 150 and (shown.diff() >= 0).all()
    wide = torch.zeros(1, 10, 20, dtype=torch.uint8)
    assert live(TtaPolicy(views=classic_views("five-crops")))(wide).shape == (5, 1, 10, 20)


def test_a_pool_may_have_more_views_than_a_policy_holds():
    views = [View(steps=(ViewStep(operation="rotate", magnitude=n / 100),)) for n in range(1001)]
    steps, images = live_views(views), real(1)
    assert len(steps) == len(views)
    assert torch.equal(view_of(images, steps[-1]), live(TtaPolicy(views=(views[-1],)))(images)[:, 0])


def test_the_mean_is_numpys():
    logits = torch.from_numpy(np.random.default_rng(0).normal(0, 3, (7, 4, 5))).float()
    views = live(TtaPolicy(views=classic_views("flip"), temperature=1.7))
    mean = softmax(logits.double().numpy(), axis=2).mean(1)
    np.testing.assert_allclose(views.average(logits), np.exp(log_softmax(np.log(mean) / 1.7, axis=1)), atol=1e-12)
    assert views.average(logits[0]).shape == (5,)


def test_what_is_no_image_is_refused():
    views = live(TtaPolicy(views=classic_views("flip")))
    for image, error in (
        (np.zeros((8, 8), np.uint8), TypeError),
        (torch.zeros(3, 8, 8), TypeError),
        (torch.zeros(8, 8, 3, dtype=torch.uint8), ValueError),
        (PIL.Image.new("CMYK", (8, 8)), TypeError),
    ):
        with pytest.raises(error):
            views(image)
    assert views(PIL.Image.new("RGB", (8, 6))).shape == (2, 3, 6, 8)


def test_the_file_gives_the_same_views_and_mean(tmp_path):
    policy = of_all_operations().model_copy(update={"name": 'all "of" them', "about": {"verdict": "best of all"}})
    (tmp_path / "learned_views.py").write_text(write(policy, "learned_views"), encoding="utf-8")
    theirs = imported(tmp_path / "learned_views.py", "learned_views").TestTimeViews()
    assert torch.equal(theirs(real(3, 3)), live(policy)(real(3, 3)))
    logits = torch.randn(2, len(VIEWED), 4, generator=torch.manual_seed(0))
    assert torch.equal(theirs.average(logits), live(policy).average(logits))


@pytest.mark.slow
def test_the_file_needs_torch_and_torchvision_alone(tmp_path):
    policy = TtaPolicy(views=(*CLASSICS["ten-crops"], *CLASSICS["flipped-shifts"]))
    text = write(policy, "learned_views")
    (tmp_path / "learned_views.py").write_text(text, encoding="utf-8")
    program = (
        "import sys, torch, learned_views as m\n"
        "v = m.TestTimeViews(); print(tuple(v(torch.zeros(3, 8, 8, dtype=torch.uint8)).shape))\n"
        "print(any(name.startswith('policysearch') for name in sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert out.stdout.split("\n")[:2] == ["(16, 3, 8, 8)", "False"]
