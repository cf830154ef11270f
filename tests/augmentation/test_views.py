"""Two views: what pairs share by hand, by impulses through the kernels, and by pixel; weights; what is refused."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from policysearch.augmentation import Draw, augment, intersection_over_union
from policysearch.augmentation.apply import apply
from policysearch.augmentation.batch import applied
from policysearch.augmentation.kernels.crops import CROPS
from policysearch.augmentation.sampling import draw
from policysearch.augmentation.shared_pixels import _by_axis, _by_pixel, shared_share
from policysearch.augmentation.views import drawn_views, normalised, pair_weights, views
from policysearch.augmentation.visibility import visibility
from policysearch.core.errors import UserError
from policysearch.policy.operations import OPERATIONS, SHIPPED_OPERATIONS
from policysearch.policy.pairs import Pair
from policysearch.policy.policy import Policy
from policysearch.policy.steps import Step
from tests.support.pictures import fixed, pictures, policy_of, some_step
from tests.support.random_policies import pair_policies

SIMSIAM = Policy.preset("simsiam")


def policy(*steps, **more):
    return Policy.from_dict({"sub_policies": [{"steps": list(steps)}], **more})


CROP = {"operation": "resized-crop", "magnitude": {"start": 0.2, "stop": 1}}
FLIPS = [{"operation": f"flip-{way}", "probability": 0.5} for way in ("horizontal", "vertical")]


def crop(top: float, left: float, area: float) -> Draw:
    """One square crop of an 8×8 image; the kernel takes shape, top and left as shares of their room."""
    return fixed("resized-crop", area, 1, torch.tensor([[0.5, top, left]]))


@pytest.mark.parametrize(
    ("first", "second", "share"),
    [
        (crop(0, 0, 0.25), crop(0, 0, 0.25), 1),  # 4×4 at (0, 0), twice
        (crop(0, 0, 0.25), crop(0.99, 0.99, 0.25), 0),  # 4×4 at (0, 0) and at (4, 4)
        (crop(0, 0, 0.25), crop(0, 0.45, 0.25), 1 / 3),  # at (0, 0) and (0, 2): 2×4 of 24
        (crop(0, 0, 0.25), crop(0.5, 0.5, 0.25), 4 / 28),  # at (0, 0) and (2, 2): 2×2 of 28
        (crop(0, 0, 1), crop(0.5, 0.5, 0.25), 1 / 4),  # 4×4 in the whole
        (fixed("identity", 0, 1), fixed("flip-horizontal", 0, 1), 1),
        (fixed("flip-vertical", 0, 1), crop(0.5, 0.5, 0.25), 1 / 4),
        (fixed("translate-x", 0.5, 1), fixed("translate-x", -0.5, 1), 0),  # left and right half
        (fixed("translate-x", 0.25, 1), fixed("translate-y", 0.25, 1), 36 / 60),  # 6×6 of 48 + 48 - 36
        (fixed("translate-x", 1, 1), fixed("translate-x", 1, 1), 0),  # nothing is left of either
        (fixed("rotate", 180, 1), fixed("identity", 0, 1), 1),
        (fixed("cutout", 0.5, 1), fixed("identity", 0, 1), 48 / 64),  # a 4×4 hole
        (fixed("cutout", 0.5, 1), crop(0, 0, 0.25), 12 / 52),  # a hole at (2, 2) and a box: 12 of 48 + 16 - 12
    ],
)
def test_what_two_views_share_by_hand(first, second, share):
    assert shared_share(first, second, 8, 8).tolist() == pytest.approx([share])
    assert shared_share(second, first, 8, 8).tolist() == pytest.approx([share])


def seen_by_impulses(drawn: Draw, height: int, width: int) -> torch.Tensor:
    """[B, H·W] bool: source pixels that change the view, found by setting one pixel at a time through `apply`."""
    pixels, batch = height * width, len(drawn)
    impulses = (torch.eye(pixels) * 255).to(torch.uint8).view(pixels, 1, height, width)
    rows = torch.arange(batch).repeat_interleave(pixels)
    out = apply(drawn.rows(rows), impulses.repeat(batch, 1, 1, 1))
    return out.flatten(1).any(1).view(batch, pixels)


@pytest.mark.parametrize(
    "steps",
    [
        [CROP, *FLIPS],
        [*FLIPS, {"operation": "pad-and-crop", "magnitude": 0.3}, *FLIPS],
        [{"operation": "soft-crop", "magnitude": 0.2}, *FLIPS],
        [{"operation": "soft-resized-crop", "magnitude": 0.3}],
        [{"operation": "translate-x", "magnitude": {"start": 0, "stop": 0.4}}, CROP, *FLIPS],
        [{"operation": "rotate", "magnitude": {"start": 0, "stop": 60}}, *FLIPS],
        [CROP, {"operation": "cutout", "magnitude": 0.2}],
    ],
)
@pytest.mark.parametrize("size", [(8, 8), (7, 10)])
def test_the_share_is_that_of_the_pixels_really_read(steps, size):
    """Pixels that no change can reach are not seen. After a crop a hole may cut into an enlarged pixel, so that its
    other part is still read; the tracked pixels count where more than a part of them shows."""
    first, second = (draw(policy(*steps), 24, torch.Generator().manual_seed(seed)) for seed in (1, 2))
    seen, other = (seen_by_impulses(one, *size) for one in (first, second))
    expected = (seen & other).sum(1) / (seen | other).sum(1).clamp(min=1)
    share = shared_share(first, second, *size)
    loose = steps[-1]["operation"] == "cutout"
    assert torch.allclose(share, expected, atol=0.12 if loose else 1e-6)
    assert 0 < float(share.mean()) < 1 and share.std() > 0.05


def test_boxes_of_crops_give_the_same_by_the_formula():
    first, second = (draw(policy(CROP), 200, torch.Generator().manual_seed(seed)) for seed in (3, 4))
    canvas = torch.empty(200, 1, 28, 20)
    boxes = [CROPS["resized-crop"](canvas, one.magnitudes[:, 0], one.numbers[:, 0]) for one in (first, second)]
    assert torch.allclose(shared_share(first, second, 28, 20), intersection_over_union(*boxes))


@pytest.mark.parametrize("names", [("soft-crop", "resized-crop"), ("resized-crop", "resized-crop"), ("flip-vertical",)])
def test_axes_and_pixels_agree(names):
    """Also for a crop of a crop, where both read nearest neighbours."""
    some = policy_of(*(some_step(name) for name in names), some_step("flip-horizontal"))
    first, second = (draw(some, 40, torch.Generator().manual_seed(seed)) for seed in (5, 6))
    assert torch.equal(_by_axis(first, second, 13, 18), _by_pixel(first, second, 13, 18))


@pytest.mark.parametrize("name", sorted(n for n in SHIPPED_OPERATIONS if OPERATIONS[n].visibility == "counted"))
def test_whatever_leaves_out_pixels_is_counted(name):
    """Next to views that show all, the share of a view is its visibility; also of operations yet to come."""
    some, whole = policy_of(some_step(name)), policy_of(Step(operation="identity"))
    first, second = (draw(one, 8, torch.Generator().manual_seed(2)) for one in (some, whole))
    images = pictures(1, 16, 24, batch=8)
    assert torch.allclose(shared_share(first, second, 16, 24), visibility(first, images), atol=1e-6)
    assert policy_of(some_step(name), Step(operation="soft-crop", magnitude=0.1), pair=Pair()).pair is not None


def test_flips_and_colours_change_nothing():
    """The same crops with and without flips and colours after them."""
    plain, changed = (
        [draw(policy(CROP, *more), 32, torch.Generator().manual_seed(seed)) for seed in (1, 2)]
        for more in ([], [*FLIPS, {"operation": "invert"}, {"operation": "hue", "magnitude": 0.2}])
    )
    crops = [
        Draw(one.names, *(part.clone() for part in (one.operations, one.magnitudes, one.numbers))) for one in changed
    ]
    for one in crops:
        one.operations[:, 1:] = 0
    assert torch.equal(shared_share(*changed, 12, 12), shared_share(*crops, 12, 12))
    assert shared_share(*plain, 12, 12).std() > 0.05


def test_weights_are_equations_9_and_10_with_mean_1():
    """IoU 0, 1/2, 1 with k 2 and p_min 0.2: 0.2, 0.8, 1 by SA#1, 1, 0.8, 0.2 by SA#2; mean 2/3."""
    iou = torch.tensor([0.0, 0.5, 1.0])
    assert pair_weights(Pair(weight="sa1", k=2, p_min=0.2), iou).tolist() == pytest.approx([0.3, 1.2, 1.5])
    assert pair_weights(Pair(weight="sa2", k=2, p_min=0.2), iou).tolist() == pytest.approx([1.5, 1.2, 0.3])
    assert pair_weights(None, iou).tolist() == [1, 1, 1]
    assert pair_weights(Pair(weight="sa1"), torch.zeros(3)).tolist() == [1, 1, 1], "all weights 0"
    assert pair_weights(Pair(weight="sa2"), torch.ones(1)).tolist() == [1]
    assert normalised(torch.zeros(0)).shape == (0,)


@pytest.mark.parametrize("name", ["simsiam", "simsiam-sa1", "simsiam-sa2"])
def test_views_are_two_independent_draws_with_the_weight_of_what_they_share(name):
    images = pictures(3, 16, 16, batch=48)
    before = images.clone()
    out = drawn_views(Policy.preset(name), images, torch.Generator().manual_seed(0))
    assert torch.equal(images, before)
    for view, drawn in zip((out.first, out.second), out.draws, strict=True):
        assert torch.equal(view, applied(drawn, images)) and view.dtype == torch.uint8
    assert not torch.equal(out.draws[0].magnitudes, out.draws[1].magnitudes)
    assert float(out.weights.mean()) == pytest.approx(1, abs=1e-6)
    assert torch.equal(out.iou, shared_share(*out.draws, 16, 16))
    rank = torch.corrcoef(torch.stack([out.iou, out.weights]))[0, 1] if name != "simsiam" else None
    assert {
        "simsiam": rank is None,
        "simsiam-sa1": bool(rank and rank > 0.8),
        "simsiam-sa2": bool(rank and rank < -0.8),
    }[name]
    again = views(Policy.preset(name), images, torch.Generator().manual_seed(0))
    assert all(map(torch.equal, again, (out.first, out.second, out.weights)))


@given(pair_policies, st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_any_pair_gives_weights_of_mean_1(policy, progress):
    images = pictures(1, 9, 11)
    out = drawn_views(policy, images, torch.Generator().manual_seed(0), progress)
    assert out.first.shape == out.second.shape == images.shape
    assert ((out.iou >= 0) & (out.iou <= 1)).all() and (out.weights >= 0).all() and out.weights.isfinite().all()
    assert float(out.weights.mean()) == pytest.approx(1, abs=1e-5)


def test_shares_of_independent_crops_do_not_depend_on_the_other_view():
    """A view is drawn as `draw` draws it: the first is that of the generator alone."""
    images = pictures(1, 12, 12)
    first, _, _ = views(SIMSIAM, images, torch.Generator().manual_seed(7))
    assert torch.equal(first, applied(draw(SIMSIAM, 6, torch.Generator().manual_seed(7)), images))


def test_identity_and_mixtures_share_everything():
    images = pictures(1, 12, 12)
    for name in ("identity", "augmix"):
        assert drawn_views(Policy.preset(name), images, torch.Generator()).iou.tolist() == [1] * 6


def test_stages_follow_progress():
    staged = policy(CROP, pair={}, stages=[{"start": 0.5, "sub_policies": [{"steps": []}]}])
    images = pictures(1, 12, 12)
    assert drawn_views(staged, images, torch.Generator(), progress=0.2).iou.min() < 1
    late = drawn_views(staged, images, torch.Generator(), progress=0.5)
    assert late.iou.tolist() == late.weights.tolist() == [1] * 6


def test_an_empty_batch_stays_empty():
    out = drawn_views(Policy.preset("simsiam-sa1"), pictures(1, 8, 8)[:0], torch.Generator())
    assert out.first.shape == (0, 1, 8, 8) and out.weights.shape == out.iou.shape == (0,)


@pytest.mark.parametrize(
    ("name", "message"),
    [("soft-crop", "no softening"), ("entaugment", "no adaptive"), ("mixup", "no mix")],
)
def test_policies_that_need_labels_or_other_images_are_refused(name, message):
    refused = policy(CROP, mix={"operation": "mixup"}) if name == "mixup" else Policy.preset(name)
    with pytest.raises(UserError, match=message):
        views(refused, pictures(1, 8, 8), torch.Generator())


def test_bad_images_and_labelled_augmentation_are_refused():
    with pytest.raises(UserError, match="uint8"):
        views(SIMSIAM, torch.rand(2, 3, 8, 8), torch.Generator())
    with pytest.raises(UserError, match="Generator"):
        views(SIMSIAM, pictures(1, 8, 8), 3)
    with pytest.raises(UserError, match="simsiam-sa1 has a `pair`"):
        augment(
            Policy.preset("simsiam-sa1"),
            pictures(1, 8, 8),
            torch.zeros(6).long(),
            num_classes=2,
            generator=torch.Generator(),
        )
