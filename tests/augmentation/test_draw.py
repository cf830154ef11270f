"""What is drawn and how often: against the policy, and against torchvision's own sampling.

Every test has one fixed seed; a right sampler fails a test once in a million seeds (p-values below 1e-6), a planted
bias must fail it.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
import torchvision.transforms.v2 as T
from scipy.stats import beta, chi2_contingency, chisquare, kstest, norm

from policysearch.augmentation import Draw, draw
from policysearch.augmentation.kernels.registry import KERNELS
from policysearch.policy.mixes import Mix
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.policy import Policy
from policysearch.policy.steps import Normal, SomeOf, Step, SubPolicy, Uniform
from tests.support.pictures import policy_of

FALSE_ALARM = 1e-6


def drawn(policy: Policy, batch: int, seed: int = 11) -> Draw:
    return draw(policy, batch, torch.Generator().manual_seed(seed))


def of(found: Draw, name: str, step: int = 0) -> torch.Tensor:
    return found.magnitudes[found.operations[:, step] == found.names.index(name), step]


def test_operations_levels_and_signs_are_drawn_evenly():
    found = drawn(Policy.preset("trivialaugment-wide"), 140_000)
    assert chisquare(np.unique(found.operations[:, 0], return_counts=True)[1]).pvalue > FALSE_ALARM
    rotated = of(found, "rotate")
    seen, n = np.unique(rotated.abs().round(decimals=3), return_counts=True)
    assert len(seen) == 31 and chisquare(n).pvalue > FALSE_ALARM
    turned = rotated[rotated != 0]
    assert chisquare([(turned > 0).sum(), (turned < 0).sum()]).pvalue > FALSE_ALARM


def test_probabilities_and_weights_are_kept_and_a_planted_bias_is_caught():
    def policy(probability: float) -> Policy:
        half = Step(operation="equalize", probability=probability)
        return Policy(sub_policies=(SubPolicy(steps=(half,), weight=3), SubPolicy(steps=(), weight=1)))

    for probability, right in ((0.5, True), (0.52, False)):
        applied = int((drawn(policy(probability), 80_000).operations != 0).sum())
        assert (chisquare([applied, 80_000 - applied], [30_000, 50_000]).pvalue > FALSE_ALARM) == right


def test_shares_take_the_place_of_evenly_drawn_magnitudes_and_of_nothing_else():
    """0, 1 and a half of 0..30, of the levels 0, 10, 20 and 30 (four intervals of [0, 1)), and nan, which draws."""
    turn = {"operation": "rotate", "signed": False}
    steps = [
        {**turn, "magnitude": {"start": 0.0, "stop": 30.0}},
        {**turn, "magnitude": {"start": 0.0, "stop": 30.0, "levels": 4}},
        {**turn, "magnitude": {"mean": 9.0, "std": 2.0}},
        {**turn, "magnitude": 7.0},
        {"operation": "shear-x", "probability": 0.5, "magnitude": {"start": 0.3, "stop": 0.1}},
    ]
    policy = Policy.from_dict({"sub_policies": [{"steps": steps}], "adaptive": {"rule": "entaugment"}})
    shares = torch.tensor([0.0, 0.25, 0.5, 1.0, torch.nan])
    free = draw(policy, 5, torch.Generator().manual_seed(11))
    taken = draw(policy, 5, torch.Generator().manual_seed(11), shares)
    assert torch.equal(free.operations, taken.operations) and torch.equal(free.numbers, taken.numbers)
    assert taken.magnitudes[:4, 0].tolist() == [0.0, 7.5, 15.0, 30.0]
    assert taken.magnitudes[:4, 1].tolist() == pytest.approx([0.0, 10.0, 20.0, 30.0])
    assert torch.equal(taken.magnitudes[:, 2:4], free.magnitudes[:, 2:4])
    assert taken.magnitudes[:4, 4].abs().tolist() == pytest.approx([0.3, 0.25, 0.2, 0.1])
    assert torch.equal(taken.magnitudes[4], free.magnitudes[4])
    assert torch.equal(taken.magnitudes.sign()[:, 4], free.magnitudes.sign()[:, 4])


# torchvision's names and units in ours.

_SAME = {"AutoContrast": "autocontrast", "ShearX": "shear-x", "ShearY": "shear-y"}
_WIDE = {"TranslateX": "translate-x-pixels", "TranslateY": "translate-y-pixels"}
_SHARE = {"TranslateX": "translate-x", "TranslateY": "translate-y"}


def of_torchvision(transform: T.Transform, number: int, names: dict[str, str], side: int) -> Counter:
    """(operation, magnitude) of `number` calls, caught where torchvision would apply them."""
    found: Counter = Counter()

    def catch(image, transform_id, magnitude, **_):
        name = names.get(transform_id, _SAME.get(transform_id, transform_id.lower()))
        unit = {"solarize": 255, "translate-x": 1 / side, "translate-y": 1 / side}.get(name, 1)
        found[name, round(magnitude * unit if OPERATIONS[name].has_magnitude else 0, 3) + 0.0] += 1
        return image

    transform._apply_image_or_video_transform = catch
    torch.manual_seed(5)
    image = torch.zeros(3, side, side, dtype=torch.uint8)
    for _ in range(number):
        transform(image)
    return found


def of_ours(found: Draw) -> Counter:
    pairs = zip(found.operations.flatten().tolist(), found.magnitudes.flatten().tolist(), strict=True)
    out: Counter = Counter()
    for index, magnitude in pairs:
        name = found.names[index]
        value = round(magnitude) if name == "posterize" else round(magnitude, 3)
        out[name, (value if OPERATIONS[name].has_magnitude else 0) + 0.0] += 1
    return out


def alike(ours: Counter, theirs: Counter) -> float:
    """The p-value of a chi-square test that two samples have one distribution."""
    keys = sorted(set(ours) | set(theirs))
    return chi2_contingency([[ours[key] for key in keys], [theirs[key] for key in keys]]).pvalue


def test_trivialaugment_is_drawn_as_torchvision_draws_it_and_a_bias_is_caught():
    theirs = of_torchvision(T.TrivialAugmentWide(), 20_000, _WIDE, 32)
    policy = Policy.preset("trivialaugment-wide")
    assert alike(of_ours(drawn(policy, 60_000)), theirs) > FALSE_ALARM
    (sub,) = policy.sub_policies
    (choice,) = sub.steps
    biased = policy_of(choice.model_copy(update={"one_of": (*choice.one_of, choice.one_of[3])}))
    assert alike(of_ours(drawn(biased, 60_000)), theirs) < FALSE_ALARM


def test_randaugment_is_drawn_as_torchvision_draws_it_and_a_bias_is_caught():
    theirs = of_torchvision(T.RandAugment(2, 9), 10_000, _SHARE, 32)
    assert alike(of_ours(drawn(Policy.preset("randaugment:2,9"), 30_000)), theirs) > FALSE_ALARM
    assert alike(of_ours(drawn(Policy.preset("randaugment:2,10"), 30_000)), theirs) < FALSE_ALARM


@pytest.mark.parametrize("name", ["CIFAR10", "IMAGENET", "SVHN"])
def test_autoaugment_is_drawn_as_torchvision_draws_it(name):
    theirs = of_torchvision(T.AutoAugment(T.AutoAugmentPolicy[name]), 8_000, _SHARE, 32)
    found = drawn(Policy.preset(f"autoaugment-{name.lower()}"), 24_000)
    ours = of_ours(found)
    ours["identity", 0.0] = theirs["identity", 0.0] = 0  # steps that were not applied, which torchvision does not tell
    ours, theirs = +ours, +theirs
    assert alike(ours, theirs) > FALSE_ALARM
    applied, steps = sum(ours.values()), found.operations.numel()
    expected = sum(theirs.values()) / 16_000
    assert abs(applied / steps - expected) < 5 * (0.25 / 16_000) ** 0.5 * 1.2


def test_normal_magnitudes_follow_the_normal_cut_at_the_range():
    policy = policy_of(Step(operation="cutout", magnitude=Normal(mean=0.3, std=0.1)))
    magnitudes = drawn(policy, 20_000).magnitudes[:, 0]
    assert kstest(magnitudes.numpy(), norm(0.3, 0.1).cdf).pvalue > FALSE_ALARM
    assert kstest(magnitudes.numpy(), norm(0.3, 0.105).cdf).pvalue < FALSE_ALARM
    near = drawn(policy_of(Step(operation="cutout", magnitude=Normal(mean=0.9, std=0.3))), 20_000).magnitudes
    assert near.max() == 1 and (near == 1).float().mean().item() == pytest.approx(1 - norm.cdf(1 / 3), abs=0.02)


def test_randaugments_mstd_is_in_levels():
    found = of(drawn(Policy.preset("randaugment:1,9,0.5"), 200_000), "rotate").abs()
    assert found.mean().item() == pytest.approx(9, abs=0.02) and found.std().item() == pytest.approx(0.5, abs=0.02)


def test_uniform_magnitudes_are_even():
    policy = policy_of(Step(operation="cutout", magnitude=Uniform(start=0.2, stop=0.6)))
    assert kstest((drawn(policy, 20_000).magnitudes[:, 0].numpy() - 0.2) / 0.4, "uniform").pvalue > FALSE_ALARM


def test_some_of_applies_as_many_as_drawn_in_random_order():
    """Population Based Augmentation's algorithm 1, counts (0.2, 0.3, 0.5), by brute force in plain Python."""
    steps = (
        Step(operation="equalize", probability=0.5),
        Step(operation="invert", probability=1.0),
        Step(operation="rotate", probability=0.2, magnitude=9),
    )
    found = drawn(policy_of(Step(operation="flip-vertical"), SomeOf(some_of=steps)), 60_000)
    assert found.operations.shape == (60_000, 3)
    names = [tuple(found.names[i] for i in row if i) for row in found.operations.tolist()]
    rng = np.random.default_rng(0)

    def once(wrong: bool) -> tuple[str, ...]:
        n, out = rng.choice(3, p=(0.2, 0.3, 0.5)), []
        for i in (0, 1, 2) if wrong else rng.permutation(3):
            if len(out) < n and rng.random() < steps[i].probability:
                out.append(steps[i].operation)
        return ("flip-vertical", *out)

    assert alike(Counter(names), Counter(once(False) for _ in range(40_000))) > FALSE_ALARM
    assert alike(Counter(names), Counter(once(True) for _ in range(40_000))) < FALSE_ALARM


def test_some_of_twice_in_a_sub_policy_and_beside_others():
    group = SomeOf(some_of=(Step(operation="invert"),), counts=(0.0, 1.0))
    policy = Policy(sub_policies=(SubPolicy(steps=(group, group)), SubPolicy(steps=(Step(operation="equalize"),))))
    rows = {tuple(drawn(policy, 500).names[i] for i in row) for row in drawn(policy, 500).operations.tolist()}
    assert rows == {("invert", "invert"), ("equalize", "identity")}


def test_soft_crop_offsets_follow_the_truncated_normal():
    """σ 0.3 at 32 pixels: P(t) is the normal's mass of [t - ½, t + ½] given |t| <= 32."""
    found = drawn(policy_of(Step(operation="soft-crop", magnitude=0.3)), 40_000)
    shape = torch.zeros(1, 1, 32, 32)
    moves = KERNELS["soft-crop"](shape, found.magnitudes[:, 0], found.numbers[:, 0])[:, 0, 1].int().numpy()
    ts = np.arange(-32, 33)
    n = np.array([(moves == t).sum() for t in ts])
    edges = np.clip(np.arange(-32.5, 33), -32, 32)
    assert n.sum() == 40_000
    for sigma, right in ((9.6, True), (9.0, False)):
        mass = np.diff(norm.cdf(edges, scale=sigma))
        assert (chisquare(n, 40_000 * mass / mass.sum()).pvalue > FALSE_ALARM) == right


def test_the_imagenet_crop_follows_its_normals():
    """B.3 at 224: Δ from |N(0, 0.3·112)| within 112, the centre from N(0, 0.3·(224 + l)) within (224 + l)/2."""
    found = drawn(policy_of(Step(operation="soft-resized-crop", magnitude=0.3)), 20_000)
    boxes = KERNELS["soft-resized-crop"](torch.zeros(1, 1, 224, 224), found.magnitudes[:, 0], found.numbers[:, 0])
    for axis in (0, 1):
        length = boxes[:, axis + 2]
        jitter = torch.rand(20_000, generator=torch.Generator().manual_seed(2)) - 0.5
        delta = (224 - length + jitter).abs().numpy()
        low = norm.cdf(112 / 33.6) - 0.5
        assert kstest(delta, lambda d, low=low: (norm.cdf(np.clip(d, 0, 112) / 33.6) - 0.5) / low).pvalue > FALSE_ALARM
        offset = (boxes[:, axis] + length / 2 - 112 + jitter) / (224 + length)
        inside = norm.cdf(0.5 / 0.3) - norm.cdf(-0.5 / 0.3)
        below = norm.cdf(-0.5 / 0.3)
        assert kstest(offset.numpy(), lambda o, a=below, b=inside: (norm.cdf(o / 0.3) - a) / b).pvalue > FALSE_ALARM


def test_mixing_shares_follow_the_beta_distribution():
    for alpha in (0.3, 1.0, 4.0):
        policy = policy_of().model_copy(update={"mix": Mix(operation="mixup", alpha=alpha)})
        found = drawn(policy, 20_000).mix
        assert kstest(found.shares[:, 0].numpy(), beta(alpha, alpha).cdf).pvalue > FALSE_ALARM
        assert kstest(found.shares[:, 0].numpy(), beta(alpha * 1.15, alpha * 1.15).cdf).pvalue < FALSE_ALARM
        assert torch.equal(found.partners[:, 0].sort()[0], torch.arange(20_000))


def test_augmix_shares_are_dirichlet_and_its_chains_one_to_three_deep():
    found = drawn(Policy.preset("augmix"), 20_000)
    assert found.mixture.shape == (20_000, 4) and len(found) == 60_000
    assert torch.allclose(found.mixture.sum(1), torch.ones(20_000), atol=1e-5)
    assert kstest(found.mixture[:, 0].numpy(), "uniform").pvalue > FALSE_ALARM
    chains = found.mixture[:, 1:] / found.mixture[:, 1:].sum(1, keepdim=True)
    assert kstest(chains[:, 1].numpy(), beta(1, 2).cdf).pvalue > FALSE_ALARM
    depth = np.unique((found.operations != 0).sum(1), return_counts=True)[1]
    assert chisquare(depth).pvalue > FALSE_ALARM


def test_a_draw_hangs_on_the_generators_state_alone():
    for name in ("trivialaugment-wide", "augmix", "autoaugment-svhn"):
        first, second = (drawn(Policy.preset(name), 50) for _ in range(2))
        assert torch.equal(first.operations, second.operations) and torch.equal(first.numbers, second.numbers)
        assert not torch.equal(first.operations, drawn(Policy.preset(name), 50, seed=12).operations)
