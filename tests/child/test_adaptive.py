"""Magnitudes that the network gives: each rule by hand, what it leaves alone, and what it remembers."""

from __future__ import annotations

import io
import math
from functools import partial

import pytest
import torch
from torch import nn

from policysearch.child.adaptive.actor_critic import DISCOUNT, RATE, ActorCritic, beta_log_density
from policysearch.child.adaptive.adaaugment import reward
from policysearch.child.adaptive.adam import Adam
from policysearch.child.adaptive.adaptation import RULES, Adaptation
from policysearch.child.adaptive.entaugment import certainty
from policysearch.child.adaptive.sample_aware import nearness
from policysearch.child.adaptive.situation import Observation, Situation
from policysearch.child.device_data import on_device
from policysearch.child.networks import build
from policysearch.child.recipe import Recipe
from policysearch.child.training import train
from policysearch.datasets.load import load
from policysearch.datasets.split import split
from policysearch.policy.adaptive import ADAPTIVE_RULES, Adaptive
from policysearch.policy.policy import Policy
from policysearch.policy.presets import ADAPTIVE
from tests.support.quick import write_npz

NETWORK = partial(build, "small-resnet", (1, 8, 8), 3)
ROWS = torch.arange(12)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    dataset = load(str(write_npz(tmp_path_factory.mktemp("data") / "small.npz")))
    return on_device(dataset, split(dataset, 30, 0), torch.device("cpu"))


def child(policy: Policy, data, **changes):
    torch.set_num_threads(1)
    sizes = {"images": 40, "epochs": 2, "seed": 3} | changes
    metrics = train(policy, data, NETWORK, recipe=Recipe(batch=10), **sizes)
    times = ("peak_memory_mb", "images_per_second")
    return {name: value for name, value in metrics.items() if "seconds" not in name and name not in times}


def network() -> nn.Module:
    torch.manual_seed(0)
    return NETWORK().train()


def situation(name: str, step: int = 0, rows: torch.Tensor = ROWS, seed: int = 5) -> Situation:
    return Situation(Policy.preset(name), rows, step, 100, torch.Generator().manual_seed(seed))


def trained_on(logits: torch.Tensor, data, rows: torch.Tensor = ROWS, progress: float = 0.5) -> Observation:
    return Observation(rows, data.images[rows], logits, progress)


def adaptation(data, net: nn.Module, seed: int = 0) -> Adaptation:
    return Adaptation(net, data, "float32", seed)


def actor_of(rule: Adaptation) -> list[torch.Tensor]:
    return rule.state()["rules"]["adaaugment"]["actor"]


def test_every_rule_by_name_and_every_preset_has_one():
    assert set(RULES) == set(ADAPTIVE_RULES) == {Policy.preset(name).adaptive.rule for name in ADAPTIVE}


# Scores, by hand.


def test_certainty_is_one_minus_the_share_of_the_largest_entropy():
    """p = (3/4, 1/4): H = 0.5623 nats of ln 2. Even predictions give 0, sure ones 1, for any number of classes."""
    logits = torch.tensor([[math.log(3.0), 0.0], [1.0, 1.0], [80.0, 0.0]])
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert certainty(logits).tolist() == pytest.approx([1 - entropy / math.log(2), 0, 1], abs=1e-6)
    assert certainty(torch.zeros(1, 10)).item() == pytest.approx(0, abs=1e-6)


def test_nearness_is_that_of_a_loop_over_images():
    logits = torch.randn(20, 10, generator=torch.Generator().manual_seed(1)) * 3
    labels = torch.arange(20) % 10
    for row, label, score in zip(logits.tolist(), labels.tolist(), nearness(logits, labels).tolist(), strict=True):
        total = sum(math.exp(value) for value in row)
        p = [math.exp(value) / total for value in row]
        cosine = p[label] / math.sqrt(sum(share * share for share in p))
        assert score == pytest.approx(cosine ** (2 / math.log(10)), rel=1e-5)
    assert nearness(torch.zeros(1, 7), torch.tensor([3])).item() == pytest.approx(math.exp(-1), rel=1e-5)


def test_the_reward_turns_from_easier_than_the_largest_to_harder_than_none():
    plain, adapted, full = torch.tensor([0.5]), torch.tensor([1.5]), torch.tensor([2.0])
    assert [reward(plain, adapted, full, t).item() for t in (0.0, 0.25, 1.0)] == pytest.approx([0.5, 0.625, 1.0])


# EntAugment.


def test_entaugment_warms_up_then_takes_what_it_saw_last(data):
    rule = adaptation(data, network())
    adaptive = Adaptive(rule="entaugment")
    logits = torch.randn(12, 3)
    rule.observe(adaptive, trained_on(logits, data, progress=0.0))
    assert rule.shares(situation("entaugment", step=4)).isnan().all() and rule.mean_share is None
    shares = rule.shares(situation("entaugment", step=5, rows=torch.tensor([3, 1, 30])))
    assert torch.equal(shares[:2], certainty(logits)[[3, 1]]) and shares[2].isnan()
    assert rule.mean_share == pytest.approx(shares[:2].mean().item())


def test_entaugment_still_warming_up_is_trivialaugment_to_the_last_bit(data):
    plain = Policy.preset("trivialaugment")
    late = plain.model_copy(update={"adaptive": Adaptive(rule="entaugment", warmup=0.999)})
    assert child(late, data) == child(plain, data)
    assert child(Policy.preset("entaugment"), data)["loss"] != child(plain, data)["loss"]


# Sample-aware RandAugment.


def test_sample_aware_explores_in_even_steps_and_scores_in_odd_ones(data):
    net = network()
    rule = adaptation(data, net)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    assert rule.shares(situation("sample-aware-randaugment", step=6)).isnan().all()
    shares = rule.shares(situation("sample-aware-randaugment", step=7))
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items()) and net.training
    expected = nearness(net(data.normalise(data.images[ROWS])).detach(), data.labels[ROWS])
    assert torch.allclose(shares, expected, atol=1e-6)


# AdaAugment.


def test_the_density_is_that_of_a_beta_distribution():
    alpha, beta, action = torch.rand(50) * 4 + 1, torch.rand(50) * 4 + 1, torch.rand(50) * 0.98 + 0.01
    expected = torch.distributions.Beta(alpha, beta).log_prob(action)
    assert torch.allclose(beta_log_density(action, alpha, beta), expected, atol=1e-4)


def test_adam_is_that_of_a_loop_over_numbers():
    """Kingma and Ba 2015, algorithm 1; the loss is (w - t)², t the step, and decay is part of the gradient."""
    weight, mean, square = 2.0, 0.0, 0.0
    tensor = torch.tensor([weight], dtype=torch.float64, requires_grad=True)
    adam = Adam([tensor], eps=1e-5, weight_decay=0.01)
    for t in range(1, 6):
        slope = 2 * (weight - t) + 0.01 * weight
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        weight -= 0.1 * (mean / (1 - 0.9**t)) / (math.sqrt(square / (1 - 0.999**t)) + 1e-5)
        adam.step(((tensor - t) ** 2).sum(), 0.1)
        assert tensor.item() == pytest.approx(weight, rel=1e-9)


def test_the_losses_are_those_of_an_advantage_actor_critic():
    """Against torch's own distribution; the advantage is a constant to the actor, the target one to the critic."""
    agent = ActorCritic(4, 0, torch.device("cpu"))
    states, later = torch.randn(6, 4), torch.randn(6, 4)
    actions, rewards = torch.rand(6) * 0.9 + 0.05, torch.randn(6)
    actor_loss, critic_loss = agent.losses(states, actions, rewards, later)

    target = rewards + DISCOUNT * agent.values(later).detach()
    gap = target - agent.values(states)
    density = torch.distributions.Beta(*agent.distributions(states)).log_prob(actions)
    assert actor_loss.item() == pytest.approx(-(gap.detach() * density).sum().item(), rel=1e-4)
    assert critic_loss.item() == pytest.approx(gap.square().mean().item(), rel=1e-5)

    weights = [*agent._critic.parameters()]
    slopes = torch.autograd.grad(critic_loss, weights, retain_graph=True)
    expected = torch.autograd.grad(gap.square().mean(), weights)
    assert all(torch.allclose(slope, other, atol=1e-6) for slope, other in zip(slopes, expected, strict=True))
    assert all(slope is None for slope in torch.autograd.grad(actor_loss, weights, allow_unused=True))


def test_an_actor_learns_which_actions_pay():
    """Actions near 1 in states of 1, near 0 in states of -1: rewards say so at once, and later states are all alike."""
    agent = ActorCritic(1, 0, torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    states = torch.tensor([[1.0], [-1.0]]).repeat(32, 1)
    sign, nowhere = states[:, 0], torch.zeros_like(states)
    for _ in range(150):
        actions = agent.act(states, generator)
        agent.learn(states, actions, sign * (actions - 0.5), nowhere, share=5e-3 / RATE)
    alpha, beta = agent.distributions(states[:2])
    high, low = (alpha / (alpha + beta)).tolist()
    assert high > 0.6 and low < 0.4


def test_adaaugment_leaves_the_network_as_it_was_and_learns_once_per_batch(data):
    net = network()
    rule = adaptation(data, net)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    shares = rule.shares(situation("adaaugment"))
    assert ((shares > 0) & (shares < 1)).all() and shares.std() > 0.01
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    first = actor_of(rule)
    logits = net(data.normalise(data.images[ROWS])).detach()
    adaptive = Adaptive(rule="adaaugment")
    rule.observe(adaptive, trained_on(logits, data))
    second = actor_of(rule)
    assert any(not torch.equal(old, new) for old, new in zip(first, second, strict=True))
    assert not any(module._forward_pre_hooks for module in net.modules())
    rule.observe(adaptive, trained_on(logits, data))  # nothing was chosen for it
    assert all(torch.equal(old, new) for old, new in zip(second, actor_of(rule), strict=True))


def test_a_network_without_a_linear_head_has_its_logits_as_state(data):
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    rule = adaptation(data, net)
    rule.shares(situation("adaaugment"))
    rule.observe(Adaptive(rule="adaaugment"), trained_on(net(data.normalise(data.images[ROWS])).detach(), data))
    assert actor_of(rule)[0].shape == (128, 3)


# All of them.


@pytest.mark.parametrize("name", ADAPTIVE)
def test_a_child_repeats_to_the_last_bit_and_reports_its_mean_share(name, data):
    policy = Policy.preset(f"flip+{name}")
    first = child(policy, data)
    assert first == child(policy, data) and 0 < first["magnitude_share"] < 1
    assert first["loss"] != child(policy.model_copy(update={"adaptive": None}), data)["loss"]


@pytest.mark.parametrize("name", ADAPTIVE)
def test_what_a_rule_remembers_is_taken_and_put_back(name, data):
    """Through a file that holds no code, into a rule that began otherwise; both then go on alike."""
    net = network()
    logits = net(data.normalise(data.images[ROWS])).detach()
    policy = Policy.preset(name)
    rule, other = adaptation(data, net), adaptation(data, net, seed=9)

    def go_on(rule: Adaptation, step: int) -> torch.Tensor:
        shares = rule.shares(situation(name, step=step))
        rule.observe(policy.adaptive, trained_on(logits, data, progress=step / 100))
        return shares

    for step in (30, 31):
        go_on(rule, step)
    file = io.BytesIO()
    torch.save(rule.state(), file)
    file.seek(0)
    other.restore(torch.load(file, weights_only=True))
    for step in (32, 33):
        shares, others = go_on(rule, step), go_on(other, step)
        assert torch.equal(shares.nan_to_num(2), others.nan_to_num(2))
        assert step % 2 == 0 or not shares.isnan().any()


def test_which_rules_depend_on_the_length_of_the_training():
    assert {rule for rule in ADAPTIVE_RULES if Adaptive(rule=rule).depends_on_end} == {"adaaugment", "entaugment"}
    assert not Adaptive(rule="entaugment", warmup=0.0).depends_on_end
