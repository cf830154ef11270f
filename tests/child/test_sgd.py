"""The optimiser and the average of weights against torch's own, to the last bit; and what a training imports."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from policysearch.child.learner import Learner
from policysearch.child.lr_schedules import SCHEDULES
from policysearch.child.recipe import Recipe
from policysearch.child.sgd import SGD
from policysearch.child.weight_averaging import WeightAverage

STEPS = 12
NUMBERS = [(0.9, 5e-4), (0.9, 0.0), (0.0, 5e-4), (0.0, 0.0), (0.5, 0.3)]
COMPILERS = ("torch._dynamo", "torch._inductor", "sympy", "torch.onnx")


def bits(tensor: Tensor) -> list[int]:
    return tensor.detach().contiguous().view(torch.int32).flatten().tolist()


def random_weights(generator: torch.Generator) -> list[Tensor]:
    """Weights of one to four dimensions, some laid out channels last."""
    shapes = [torch.randint(1, 20, (int(dims),), generator=generator).tolist() for dims in (1, 2, 4, 4, 4, 1)]
    weights = [torch.randn(*shape, generator=generator) for shape in shapes]
    return [w.contiguous(memory_format=torch.channels_last) if i in (2, 4) else w for i, w in enumerate(weights)]


def trajectories(
    make: Callable[[list[Tensor]], object], momentum: float, decay: float, schedule: str, seed: int
) -> tuple[list[Tensor], list[Tensor]]:
    """Weights after some steps, ours and torch's: gradients are random, and now and then one is missing."""
    generator = torch.Generator().manual_seed(seed)
    start = random_weights(generator)
    ours, theirs = ([w.clone().requires_grad_() for w in start] for _ in range(2))
    optimiser = make(ours)
    reference = torch.optim.SGD(theirs, 0.1, momentum, weight_decay=decay, nesterov=momentum > 0)
    for step in range(STEPS):
        rate = 0.1 * SCHEDULES[schedule](step, STEPS, 0.25)
        reference.param_groups[0]["lr"] = rate
        for mine, other in zip(ours, theirs, strict=True):
            missing = torch.rand((), generator=generator) < 0.2
            gradient = torch.randn(mine.shape, generator=generator)
            mine.grad, other.grad = (None, None) if missing else (gradient, gradient.clone())
        optimiser.step(rate)
        reference.step()
    return ours, theirs


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("momentum", "decay"), NUMBERS)
def test_weights_are_torchs_to_the_last_bit(schedule, momentum, decay):
    for seed in range(3):
        ours, theirs = trajectories(
            lambda weights: SGD(weights, momentum=momentum, weight_decay=decay), momentum, decay, schedule, seed
        )
        assert [bits(w) for w in ours] == [bits(w) for w in theirs]


class Decoupled(SGD):
    """Planted: decay beside the momentum, as in AdamW."""

    def step(self, rate):
        with torch.no_grad():
            for weight in self._weights:
                if weight.grad is not None:
                    weight.sub_(rate * 5e-4 * weight)
        super().step(rate)


class Heavy(SGD):
    """Planted: the velocity starts at 0.1 of the first gradient, as with dampening."""

    def _velocities_after(self, places, slopes):
        new = [place for place in places if place not in self._velocities]
        velocities = super()._velocities_after(places, slopes)
        for place in new:
            self._velocities[place].mul_(0.1)
        return velocities


@pytest.mark.parametrize("planted", [Decoupled, Heavy])
def test_a_planted_optimiser_is_caught(planted):
    ours, theirs = trajectories(
        lambda weights: planted(weights, momentum=0.9, weight_decay=0.0), 0.9, 0.0, "one-cycle", 0
    )
    assert [bits(w) for w in ours] != [bits(w) for w in theirs]


def test_no_gradient_at_all_moves_nothing():
    weight = torch.ones(2, requires_grad=True)
    SGD([weight], momentum=0.9, weight_decay=0.1).step(1.0)
    assert weight.tolist() == [1.0, 1.0]


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 36, 3))


@pytest.mark.parametrize("averaging", [0.0, 0.3, 1.0])
def test_a_learner_and_its_average_are_torchs_to_the_last_bit(averaging):
    torch.manual_seed(0)
    learner = Learner(network, Recipe(averaging=averaging), torch.device("cpu"))
    torch.manual_seed(0)
    theirs = network().to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(theirs.parameters(), 0.1, 0.9, weight_decay=5e-4, nesterov=True)
    average = AveragedModel(theirs, multi_avg_fn=moved(averaging), use_buffers=True) if averaging else None

    inputs = torch.randn(6, 5, 1, 8, 8)
    labels = torch.tensor([0, 1, 2, 0, 1])
    for step, batch in enumerate(inputs):
        share = SCHEDULES["one-cycle"](step, len(inputs), 0.25)
        learner.update(nn.functional.cross_entropy(learner.logits(batch), labels), share)
        optimiser.param_groups[0]["lr"] = 0.1 * share
        optimiser.zero_grad()
        nn.functional.cross_entropy(theirs(batch), labels).backward()
        optimiser.step()
        if average is not None:
            average.update_parameters(theirs)

    expected = theirs if average is None else average.module
    ours = learner.judged.state_dict()
    assert all(torch.equal(ours[name], value) for name, value in expected.state_dict().items())


def moved(share: float):
    """How torch's average moves at each step but the first, when it copies."""

    def move(means, current, steps):
        weight = 1 / max(1.0, share * float(steps + 1))
        for mean, value in zip(means, current, strict=True):
            mean.lerp_(value, weight) if mean.is_floating_point() else mean.copy_(value)

    return move


def test_the_average_is_a_copy():
    """What the network does after an update does not reach it, and it has its own mode."""
    original = nn.Linear(2, 2)
    average = WeightAverage(original, 0.5)
    average.update(original)
    before = average.network.weight.clone()
    with torch.no_grad():
        original.weight.zero_()
    average.network.eval()
    assert torch.equal(average.network.weight, before) and original.training


TRAINING = """
import sys
from policysearch.child.recipe import Recipe
from policysearch.core.trial import Trial
from policysearch.policy.policy import Policy
from workers.evaluate import ChildSetup

policy = Policy.preset("flip-crop")
evaluate = ChildSetup("fashion-small", None, 0, "small-resnet", Recipe(averaging=0.5), "cpu")()
evaluate(Trial(0, policy.hash, policy.to_json(indent=None), 0, 5, 20, 1))
print(sorted(set(sys.modules) & set({compilers})))
"""


def test_a_training_imports_no_compiler():
    """`torch.optim` loads `torch._dynamo` at its first step: 1.4 s and 140 MB in every worker."""
    code = TRAINING.replace("{compilers}", repr(COMPILERS))
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
