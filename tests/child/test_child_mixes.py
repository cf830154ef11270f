"""Children under policies that mix, change and need activation maps."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from policysearch.child.batches import augmented
from policysearch.child.class_activation import activation_maps
from policysearch.child.device_data import on_device
from policysearch.child.networks import build
from policysearch.child.recipe import Recipe
from policysearch.child.training import train
from policysearch.datasets.load import load
from policysearch.datasets.split import split
from policysearch.policy.mixes import MIXES, Mix
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.policy import Policy, Stage
from policysearch.policy.softening import Softening
from policysearch.policy.steps import OneOf, SubPolicy
from tests.support.pictures import policy_of, some_step
from tests.support.selection import slow_but


@pytest.fixture(scope="module")
def data():
    dataset = load("fashion-small")
    return on_device(dataset, split(dataset, None, 0), torch.device("cpu"))


def child(policy, data, **changes):
    torch.set_num_threads(1)
    sizes = {"images": 40, "epochs": 2, "seed": 3} | changes
    return train(policy, data, lambda: build("small-resnet", (1, 28, 28), 10), recipe=Recipe(batch=20), **sizes)


def comparable(metrics):
    return {k: v for k, v in metrics.items() if "seconds" not in k and k not in ("peak_memory_mb", "images_per_second")}


@pytest.mark.parametrize("name", slow_but(["cutmix", "snapmix"], sorted(MIXES)))
def test_a_child_trains_under_every_mix_and_repeats_to_the_last_bit(name, data):
    policy = policy_of(some_step("soft-crop"), mix=Mix(operation=name))
    first, second = child(policy, data), child(policy, data)
    assert comparable(first) == comparable(second) and 0 <= first["accuracy"] <= 1
    assert comparable(first) != comparable(child(policy_of(some_step("soft-crop")), data))


def test_a_child_trains_under_every_operation(data):
    everything = OneOf(one_of=tuple(some_step(name) for name in OPERATIONS))
    assert child(policy_of(everything, everything), data)["loss"] > 0


def test_a_child_goes_through_the_stages_of_its_policy(data):
    """Four steps: a policy whose second half is another trains as each alone for so long."""
    plain, other = SubPolicy(), SubPolicy(steps=(some_step("invert"),))
    staged = Policy(sub_policies=(plain,), stages=(Stage(start=0.5, sub_policies=(other,)),))
    late = Policy(sub_policies=(plain,), stages=(Stage(start=0.99, sub_policies=(other,)),))
    alone = comparable(child(Policy(sub_policies=(plain,)), data))
    assert comparable(child(late, data)) == alone
    assert comparable(child(staged, data)) != alone


class ByHand(nn.Module):
    """Two channels, one per class: the maps are known."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(1, 2, 1, bias=False)
        self.head = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.features.weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
            self.head.weight.copy_(torch.tensor([[2.0, 0.0], [0.0, 3.0]]))

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))


def test_activation_maps_are_the_weighted_channels():
    """Zhou et al. 2016, equation 2: class 0 sees 2x, class 1 sees -3x, cut at 0."""
    images = torch.tensor([[1.0, -2.0], [3.0, 0.0]]).view(1, 1, 2, 2).repeat(2, 1, 1, 1)
    maps = activation_maps(ByHand(), images, torch.tensor([0, 1]))
    assert maps.tolist() == [[[2, 0], [6, 0]], [[0, 6], [0, 0]]]


def test_activation_maps_leave_the_network_as_it_was(data):
    network = build("small-resnet", (1, 28, 28), 10).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    images = data.normalise(data.images[:7])
    maps = activation_maps(network, images, data.labels[:7])
    assert maps.shape[0] == 7 and maps.dim() == 3 and (maps >= 0).all() and maps.shape[1] > 1
    assert network.training and not any(module._forward_hooks for module in network.modules())
    network.stem.eval()
    activation_maps(network, images, data.labels[:7])
    assert network.training and not network.stem.training and network.blocks.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert activation_maps(network, images[:0], data.labels[:0]).shape == (0, 1, 1)


def test_a_network_without_places_gets_even_maps():
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    maps = activation_maps(network, torch.rand(3, 1, 4, 4), torch.tensor([0, 1, 0]))
    assert maps.tolist() == [[[1.0]]] * 3


def fed(policy, data, batches, **options):
    generator = torch.Generator().manual_seed(0)
    return list(augmented(policy, data, nn.Identity(), batches, generator=generator, **options))


def test_batches_come_in_order_and_change_where_a_stage_begins(data):
    """Eight steps, two epochs of four: from half on the images are inverted."""
    staged = Policy(
        sub_policies=(SubPolicy(),),
        stages=(Stage(start=0.5, sub_policies=policy_of(some_step("invert")).sub_policies),),
    )
    batches = list(torch.arange(40).split(10))
    late = Policy(sub_policies=(SubPolicy(),), stages=(Stage(start=0.25, sub_policies=staged.stages[0].sub_policies),))
    for policy, step, inverted in ((staged, 0, [0, 0, 0, 0]), (staged, 4, [1, 1, 1, 1]), (late, 0, [0, 0, 1, 1])):
        results = fed(policy, data, batches, step=step, steps=8)
        for (images, targets, weights), batch, change in zip(results, batches, inverted, strict=True):
            assert torch.equal(images, 255 - data.images[batch] if change else data.images[batch])
            assert torch.equal(targets.argmax(1), data.labels[batch]) and (weights == 1).all()


def test_a_mix_stays_in_its_batch_and_weights_are_normalised_in_it(data):
    two = replace(
        data, images=torch.tensor([0, 200]).repeat_interleave(20).to(torch.uint8).view(40, 1, 1, 1).expand(-1, 1, 8, 8)
    )
    results = fed(
        policy_of(mix=Mix(operation="sample-pairing")), two, list(torch.arange(40).split(20)), step=0, steps=2
    )
    assert [images.unique().tolist() for images, _, _ in results] == [[0], [200]]
    softening = Softening(mode="weight", normalise=True)
    crops = policy_of(some_step("soft-crop"), softening=softening)
    for _, _, weights in fed(crops, data, list(torch.arange(40).split(10)), step=0, steps=4):
        assert weights.mean().item() == pytest.approx(1, abs=1e-5) and weights.std() > 0
