"""Children that learn masks: their scores by hand, what they learn, and what they cannot be asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from policysearch.child.network_names import must_suit_task
from policysearch.child.networks import dry_forward
from policysearch.child.recipe import Recipe
from policysearch.child.segmentation.exam import MaskExam
from policysearch.child.segmentation.network_check import mask_network_notes
from policysearch.child.segmentation.overlap import Overlap, pixel_losses
from policysearch.child.segmentation.segmenter import judged_masks
from policysearch.child.segmentation.training import train_segmenter
from policysearch.child.training_spec import TrainingSpec
from policysearch.core.errors import UserError
from policysearch.policy.losses import parse_loss
from policysearch.policy.policy import Policy
from policysearch.policy.presets import preset
from tests.support.mask_children import device_masks, segment, small_masks, small_segmenter


def test_the_mean_over_classes_is_that_of_intersections_over_unions():
    masks = torch.tensor([[[0, 0, 0, 1], [1, 2, 255, 255]]], dtype=torch.uint8)
    predicted = torch.tensor([[[0, 0, 1, 1], [0, 2, 2, 1]]])
    scores = Overlap.of(predicted, masks, 3).scores()
    # Class 0: 2 of 4 pixels, class 1: 1 of 3, class 2: 1 of 1; pixels without a class count for nothing.
    assert scores["accuracy"] == pytest.approx((2 / 4 + 1 / 3 + 1) / 3)
    assert scores["worst_iou"] == pytest.approx(1 / 3) and scores["pixel_accuracy"] == pytest.approx(4 / 6)


def test_a_class_that_no_mask_shows_is_left_out_and_costs_the_others():
    masks, predicted = torch.zeros(1, 1, 4, dtype=torch.uint8), torch.tensor([[[0, 0, 0, 1]]])
    assert Overlap.of(predicted, masks, 2).scores()["accuracy"] == 0.75
    assert np.isnan(Overlap.of(predicted, masks + 255, 2).scores()["accuracy"])


def test_pixels_without_a_class_have_no_loss_and_no_gradient():
    logits = torch.zeros(1, 2, 1, 3, requires_grad=True)
    loss, count = pixel_losses(logits, torch.tensor([[[1, 255, 255]]], dtype=torch.uint8))
    loss.backward()
    assert loss.item() == pytest.approx(np.log(2)) and int(count) == 1
    assert logits.grad[..., 0].abs().sum() > 0 and not logits.grad[..., 1:].any()


def test_overlaps_by_class_by_hand():
    """Rows are true: 6 pixels of class 0, of which 5 are found, 3 of class 1, all found, and none of class 2."""
    overlap = Overlap(torch.tensor([[5, 0, 1], [0, 3, 0], [0, 0, 0]]))
    assert overlap.pixels() == [[5, 6, 6], [3, 3, 3], [0, 1, 0]]
    scores = overlap.scores()
    assert scores == {"accuracy": (5 / 6 + 1) / 2, "worst_iou": 5 / 6, "pixel_accuracy": 8 / 9}


def test_scores_do_not_depend_on_how_many_images_are_judged_at_once():
    data = device_masks()
    network = small_segmenter().eval()
    parts = [(data.normalise(data.images[rows]), data.masks[rows]) for rows in data.train.split(5)]
    whole = [(data.normalise(data.images[data.train]), data.masks[data.train])]
    one, other = judged_masks(network, parts).scores, judged_masks(network, whole).scores
    assert one == pytest.approx(other, rel=1e-5)


def test_a_child_learns_masks_and_says_what_it_learned():
    metrics, _ = segment(preset("flip-crop"), images=24, epochs=14)
    assert metrics["accuracy"] > 0.6 and metrics["pixel_accuracy"] > 0.8
    shares = [right / union for right, union, _ in metrics["class_pixels"]]
    assert metrics["accuracy"] == pytest.approx(np.mean(shares)) and metrics["worst_iou"] == min(shares)
    assert {"curve", "severity", "train_accuracy", "loss_gap"} <= metrics.keys()
    assert not {"class_counts", "reliability", "feature_rank", "correct"} & metrics.keys()


def test_a_child_that_goes_on_is_the_one_that_never_stopped():
    policy = Policy.from_dict({"sub_policies": [{}], "mix": {"operation": "cutmix", "probability": 0.5}})
    whole, _ = segment(policy, epochs=2, stops=[1])
    _, kept = segment(policy, epochs=2, stops=[1])
    again, _ = segment(policy, epochs=2, origin=kept[1])
    assert {**again, "trained_epochs": 0, "continued_from": 0} == {**whole, "trained_epochs": 0, "continued_from": 0}


def test_a_batch_that_is_hidden_whole_does_no_harm():
    steps = [{"operation": "translate-x", "magnitude": 1, "signed": False}]
    metrics, _ = segment(Policy.from_dict({"sub_policies": [{"steps": steps}]}), epochs=1)
    assert metrics["augmented_train_loss"] == 0 and np.isfinite(metrics["loss"])


def test_the_test_part_is_judged_alike():
    dataset = small_masks()
    data, network = device_masks(dataset), small_segmenter().eval()
    judged = MaskExam.of(dataset, torch.device("cpu"), 5)(data, network, seed=0)
    rows = data.normalise(torch.from_numpy(dataset.x_test)), torch.from_numpy(dataset.masks_test)
    assert judged["test_accuracy"] == pytest.approx(judged_masks(network, [rows]).scores["accuracy"])
    true = [pixels for _, _, pixels in judged["test_class_pixels"]]
    assert judged["test_images"] == 12 and true == np.bincount(dataset.masks_test.flatten())[:3].tolist()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"recipe": Recipe(base_epochs=2)}, "--base-epochs 2 does not go with --task segmentation"),
        ({"recipe": Recipe(label_smoothing=0.1)}, "--label-smoothing 0.1"),
        ({"loss": parse_loss({"kind": "focal"})}, "an arm with a loss"),
        ({"policy": preset("augmix")}, "averages several draws"),
    ],
)
def test_what_masks_do_not_have_is_refused(changes, sentence):
    spec = TrainingSpec(preset("identity"), device_masks(), small_segmenter, 16, 1, 0, Recipe(batch=8))
    with pytest.raises(UserError, match=sentence):
        train_segmenter(replace(spec, **changes))


NETWORK = """
import torch
def smaller(channels, classes):
    return torch.nn.Conv2d(channels, classes, 3)
class Named(torch.nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.layer = torch.nn.Conv2d(channels, classes, 1)
    def forward(self, x):
        return {"out": self.layer(x)}
def good(channels, classes):
    return torch.nn.Conv2d(channels, classes, 1)
"""


def test_a_network_is_tried_before_anything_is_spent(tmp_path):
    file = tmp_path / "nets.py"
    file.write_text(NETWORK)
    assert mask_network_notes(f"{file}:good", (1, 16, 16), 3) == ()
    for name, sentence in (
        (f"{file}:smaller", r"float32 \[2, 3, 14, 14\] for 2 images; .* needs float \[2, 3, 16, 16\]"),
        (f"{file}:Named", r"dict \(return its \['out'\]\)"),
        ("quick-resnet", r"float32 \[2, 3\] for 2 images"),
    ):
        with pytest.raises(UserError, match=sentence):
            mask_network_notes(name, (1, 16, 16), 3)


def test_networks_of_masks_are_for_masks_alone():
    with pytest.raises(UserError, match="gives the class of every pixel, for --task segmentation, and the task is cla"):
        must_suit_task("small-unet", "classification")
    with pytest.raises(UserError, match="needs one per pixel: give small-unet"):
        must_suit_task("torchvision:resnet18", "segmentation")
    with pytest.raises(UserError, match="it gives the class of every pixel, for --task segmentation"):
        dry_forward("small-unet", (1, 28, 28), 10)
    must_suit_task("small-unet", "segmentation")


@pytest.mark.parametrize("size", [(8, 8), (33, 47)])
def test_the_network_takes_any_size(size):
    assert small_segmenter()(torch.zeros(2, 1, *size)).shape == (2, 3, *size)
