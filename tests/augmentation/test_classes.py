"""Policies that differ by class, at work: every image is drawn from its class's policy, and from no other."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from policysearch.augmentation import augment, class_groups, draw, replay, sampling
from policysearch.augmentation.soft_targets import shares
from policysearch.core.errors import UserError
from policysearch.policy.adaptive import Adaptive
from policysearch.policy.classes import with_classes
from policysearch.policy.mixes import Mix, Mixture
from policysearch.policy.policy import Policy
from policysearch.policy.softening import Softening
from policysearch.policy.steps import Step, Uniform
from tests.support.backends import BACKENDS, kernels
from tests.support.pictures import pictures, policy_of
from tests.support.random_policies import policies_by_class, sub_policies

FLIP = policy_of(Step(operation="flip-horizontal", probability=0.5))
CROP, IDENTITY = Policy.preset("soft-crop"), Policy.preset("identity")
WIDE = Policy.preset("flip+trivialaugment-wide")
IMAGES = pictures(3, 12, 12, batch=60)
LABELS = torch.arange(60) % 5


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def run(policy: Policy, images=IMAGES, labels=LABELS, **options):
    options = {"num_classes": 5, "generator": generator(), **options}
    return augment(policy, images, labels, **options)


def same(left, right) -> bool:
    return all(torch.equal(getattr(left, name), getattr(right, name)) for name in ("images", "targets", "weights"))


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_class_is_augmented_as_by_its_own_policy_to_the_last_bit(backend):
    """The same generator, asked class by class, gives what the policies alone give."""
    with kernels(backend):
        out, random = run(with_classes(WIDE, {1: CROP, 3: IDENTITY, 4: CROP})), generator()
        for policy, classes in ((WIDE, (0, 2)), (CROP, (1, 4)), (IDENTITY, (3,))):
            rows = torch.isin(LABELS, torch.tensor(classes)).nonzero().flatten()
            alone = run(policy, IMAGES[rows], LABELS[rows], generator=random)
            assert torch.equal(out.images[rows], alone.images)
            assert torch.equal(out.targets[rows], alone.targets) and torch.equal(out.weights[rows], alone.weights)


@given(st.lists(st.tuples(sub_policies, sub_policies), min_size=1, max_size=2), st.integers(0, 4))
@settings(max_examples=15)
def test_any_policy_of_a_class_is_what_it_is_alone(pairs, label):
    first, second = (Policy(sub_policies=subs, softening=Softening(mode="both")) for subs in zip(*pairs, strict=True))
    labels = torch.full((60,), label)
    assert same(run(with_classes(first, {label: second}), labels=labels), run(second, labels=labels))
    assert same(run(with_classes(first, {(label + 1) % 5: second}), labels=labels), run(first, labels=labels))


@given(policies_by_class)
@settings(max_examples=15)
def test_any_policy_by_class_is_replayed(policy):
    """Whatever a class has of its own, with a mix and a mixture: sizes, sums and the replay are as ever."""
    images, labels = IMAGES[:6], LABELS[:6] % 3
    out = run(policy, images, labels, num_classes=3)
    assert out.images.shape == images.shape and torch.allclose(out.targets.sum(1), torch.ones(6), atol=1e-5)
    assert same(out, replay(policy, out.draw, images, labels, num_classes=3))


def test_a_draw_is_replayed_and_the_backends_agree():
    policy = with_classes(WIDE, {1: CROP, 3: IDENTITY})
    results = []
    for backend in BACKENDS:
        with kernels(backend):
            out = run(policy)
            assert same(out, replay(policy, out.draw, IMAGES, LABELS, num_classes=5))
            results.append(out)
    assert same(*results)


def share_flipped(policy: Policy, label: int) -> float:
    """Of 4,000 images of a class, the share that is flipped."""
    images = torch.arange(8, dtype=torch.uint8).view(1, 1, 1, 8).expand(4000, 1, 2, 8)
    labels = torch.full((4000,), label)
    out = run(policy, images, labels, generator=generator(label))
    return float((out.images[:, 0, 0, 0] == 7).float().mean())


def test_classes_are_flipped_as_often_as_their_policies_say():
    """Binomial: within four deviations of 4,000 images, 0.032 at 0.5; a true policy fails once in 3,000 seeds."""
    rarely = policy_of(Step(operation="flip-horizontal", probability=0.1))
    policy = with_classes(FLIP, {2: rarely, 3: IDENTITY})
    reference = {0: 0.5, 1: 0.5, 2: 0.1, 3: 0.0, 4: 0.5}
    shares_flipped = {label: share_flipped(policy, label) for label in reference}
    for label, expected in reference.items():
        assert shares_flipped[label] == pytest.approx(expected, abs=4 * (expected * (1 - expected) / 4000) ** 0.5)


def test_a_planted_mistake_of_classes_is_seen(monkeypatch):
    """Classes shifted by one place: the frequencies above no longer hold."""
    right = class_groups.class_groups
    monkeypatch.setattr(sampling, "class_groups", lambda policy, labels: right(policy, (labels + 1) % 5))
    policy = with_classes(FLIP, {3: IDENTITY})
    assert share_flipped(policy, 3) > 0.4 and share_flipped(policy, 2) == 0


def test_mixes_mixtures_and_shares_are_those_of_the_whole_batch():
    turned = policy_of(Step(operation="rotate", magnitude=Uniform(start=0, stop=90)))
    mixed = with_classes(turned, {1: IDENTITY}).model_copy(update={"mix": Mix(operation="cutmix")})
    out = run(mixed)
    assert out.draw.mix is not None and len(out.draw.mix.partners) == 60
    assert same(out, replay(mixed, out.draw, IMAGES, LABELS, num_classes=5))

    averaged = with_classes(turned, {1: IDENTITY}).model_copy(update={"mixture": Mixture(width=2)})
    out = run(averaged)
    assert torch.equal(out.images[LABELS == 1], IMAGES[LABELS == 1])
    assert not torch.equal(out.images, IMAGES)

    adaptive = with_classes(turned, {1: policy_of(Step(operation="rotate", magnitude=Uniform(start=0, stop=10)))})
    adaptive = adaptive.model_copy(update={"adaptive": Adaptive(rule="entaugment")})
    out = run(adaptive, shares=torch.full((60,), 0.5))
    assert out.draw.magnitudes[LABELS == 1].abs().unique().tolist() == [5.0]
    assert out.draw.magnitudes[LABELS != 1].abs().unique().tolist() == [45.0]


def test_softening_is_that_of_the_class():
    shift = Step(operation="translate-x", magnitude=0.5)
    policy = with_classes(
        policy_of(shift, softening=Softening(k=1, p_min=0)),
        {1: policy_of(shift), 2: policy_of(shift, softening=Softening(k=2, p_min=0))},
    )
    labels = torch.tensor([0, 1, 2])
    out = run(policy, pictures(1, 8, 8, batch=3), labels)
    assert out.targets.gather(1, labels[:, None]).flatten().tolist() == pytest.approx([0.5, 1.0, 0.75])


def test_what_a_target_loses_is_spread_by_the_confusion():
    """Half of the image is seen, k 1, p_min 0: the target keeps 0.5, and 3 of 4 mistakes of class 0 were class 1."""
    counted = Softening(k=1, p_min=0, spread="confusion", confusion={"0": {"1": 3, "2": 1}})
    policy = policy_of(Step(operation="translate-x", magnitude=0.5), softening=counted)
    out = run(policy, pictures(1, 8, 8, batch=3), torch.tensor([0, 1, 2]), num_classes=3)
    expected = [[0.5, 0.375, 0.125], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5]]
    assert torch.allclose(out.targets, torch.tensor(expected))


def test_shares_of_confusion_are_its_rows_without_the_diagonal():
    by_hand = [[0.0, 0.75, 0.25], [0.5, 0.0, 0.5], [1.0, 0.0, 0.0]]
    assert shares({0: {1: 3, 2: 1}, 2: {0: 2}}, 3).tolist() == by_hand


def test_even_confusion_is_even():
    even = policy_of(Step(operation="translate-x", magnitude=0.5), softening=Softening())
    alike = Softening(spread="confusion", confusion=[[5, 1, 1], [2, 0, 2], [3, 3, 1]])
    images, labels = pictures(1, 8, 8, batch=3), torch.tensor([0, 1, 2])
    spread = run(even.model_copy(update={"softening": alike}), images, labels, num_classes=3)
    assert torch.allclose(spread.targets, run(even, images, labels, num_classes=3).targets)


def test_what_is_missing_is_named():
    policy = with_classes(FLIP, {"six": IDENTITY})
    with pytest.raises(UserError, match=r"calls a class 'six', and labels are indices: .* policy.for_classes"):
        run(policy)
    with pytest.raises(UserError, match=r"has a part for class 7, and there are classes 0\.\.4"):
        run(with_classes(FLIP, {7: IDENTITY}))
    with pytest.raises(UserError, match=r"differs by class, .* give their labels"):
        draw(with_classes(FLIP, {1: IDENTITY}), 4, generator())
    with pytest.raises(UserError, match="has not been measured"):
        run(policy_of(Step(operation="invert"), softening=Softening(spread="confusion")))
    beyond = Softening(spread="confusion", confusion={"0": {"9": 1}})
    with pytest.raises(UserError, match=r"the confusion has a class 9, and there are classes 0\.\.4"):
        run(policy_of(Step(operation="invert"), softening=beyond))
