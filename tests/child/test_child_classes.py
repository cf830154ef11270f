"""Children under policies that differ by class: what a worker makes of names, and what it trains."""

from __future__ import annotations

import numpy as np

from policysearch.child.checkpoint import Checkpoint
from policysearch.child.recipe import Recipe
from policysearch.child.training import train
from policysearch.child.warm_start import on_single_images
from policysearch.core.trial import Trial
from policysearch.datasets.dataset import Dataset
from policysearch.policy.adaptive import Adaptive
from policysearch.policy.classes import with_classes
from policysearch.policy.policy import Policy
from policysearch.policy.softening import Softening
from policysearch.policy.steps import Step, Uniform
from tests.support.pictures import policy_of
from tests.support.small_children import DropNet, KeptAt, small_data
from workers.evaluate import ChildSetup

CROP, IDENTITY = Policy.preset("soft-crop"), Policy.preset("identity")
RECIPE = Recipe(batch=12, checkpoints=1)


def loss_under(policy: Policy) -> float:
    return train(policy, small_data(), DropNet, images=36, epochs=2, seed=3, recipe=RECIPE)["loss"]


def test_a_child_is_trained_by_the_classes_of_its_policy():
    mixed = with_classes(CROP, {0: IDENTITY})
    everywhere = with_classes(CROP, {0: IDENTITY, 1: IDENTITY, 2: IDENTITY})
    assert loss_under(everywhere) == loss_under(IDENTITY)
    assert len({loss_under(mixed), loss_under(CROP), loss_under(IDENTITY)}) == 3
    assert loss_under(mixed) == loss_under(mixed)


def test_a_child_goes_on_from_a_checkpoint_as_if_it_had_not_stopped():
    counted = Softening(spread="confusion", confusion={"0": {"1": 3, "2": 1}})
    policy = with_classes(CROP, {1: IDENTITY}).model_copy(update={"softening": counted})
    keeper = KeptAt((1,))
    options = {"images": 36, "epochs": 2, "seed": 3, "recipe": RECIPE}
    whole = train(policy, small_data(), DropNet, keeper=keeper, **options)
    origin = Checkpoint.from_bytes(keeper.content[1])
    assert train(policy, small_data(), DropNet, origin=origin, **options)["loss"] == whole["loss"]


def test_adaptive_magnitudes_go_to_the_images_of_their_class():
    turned = policy_of(Step(operation="rotate", magnitude=Uniform(start=0, stop=30)))
    policy = with_classes(turned, {1: IDENTITY}).model_copy(update={"adaptive": Adaptive(rule="adaaugment")})
    assert np.isfinite(loss_under(policy))


def test_a_worker_takes_classes_by_the_names_of_the_data():
    images = np.random.default_rng(0).integers(0, 256, (90, 1, 8, 8), dtype=np.uint8)
    data = Dataset("dots", images, np.arange(90) % 3, images[:0], np.arange(0), ("six", "one", "two"))
    evaluate = ChildSetup(data, 30, 0, "small-resnet", RECIPE, "cpu")()
    losses = []
    for key in ("one", "1"):
        policy = with_classes(CROP, {key: IDENTITY})
        losses.append(evaluate(Trial(0, policy.hash, policy.to_json(indent=None), 0, 5, 24, 1))["loss"])
    assert losses[0] == losses[1]


def test_pictures_of_single_images_are_not_softened():
    policy = with_classes(CROP, {0: policy_of(softening=Softening(spread="confusion"))})
    single = on_single_images(policy)
    assert single.softening is None and single.classes["0"].softening is None and single.classes["0"].sub_policies
