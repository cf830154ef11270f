"""Exports to JAX and Keras, and the NumPy that both are written in: pixels, draws, targets and mixes against our own.

A library that is not installed is skipped; with it, its compiler runs the same tests.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from policysearch.augmentation import replay
from policysearch.augmentation.batch import applied
from policysearch.augmentation.mixing import mix
from policysearch.augmentation.sampling import draw, mix_draw
from policysearch.augmentation.visibility import visibility
from policysearch.core.errors import UserError
from policysearch.export import to_jax, to_keras
from policysearch.export.array_replay import exported, in_arrays
from policysearch.policy.mixes import MIXES
from policysearch.policy.operations import OPERATIONS, SHIPPED_OPERATIONS
from policysearch.policy.policy import Policy
from tests.support.array_draws import BY_NAME, NUMPY, channels_last
from tests.support.exports import FALSE_ALARM, policy, pvalue, real

ROOT = Path(__file__).parents[2]
os.environ.setdefault("KERAS_BACKEND", "torch")
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # of torch, met by NumPy


@dataclass(frozen=True)
class Arrays:
    """How a library takes arrays in and out, and makes a function faster."""

    library: Any
    array: Callable[[Any], Any]
    back: Callable[[Any], Any]
    key: Callable[[int], Any]
    compiled: Callable[[Callable[..., Any]], Callable[..., Any]] = lambda function: function


def of_numpy() -> Arrays:
    return Arrays(NUMPY, np.asarray, np.asarray, np.random.default_rng)


def of_jax() -> Arrays:
    jax = pytest.importorskip("jax")
    return Arrays(BY_NAME["jax"], jax.numpy.asarray, np.asarray, jax.random.key, jax.jit)


def of_keras() -> Arrays:
    keras = pytest.importorskip("keras")
    return Arrays(BY_NAME["keras"], keras.ops.array, keras.ops.convert_to_numpy, keras.random.SeedGenerator)


LIBRARIES = {"numpy": of_numpy, "jax": of_jax, "keras": of_keras}


@pytest.fixture(params=LIBRARIES)
def arrays(request) -> Arrays:
    return LIBRARIES[request.param]()


def step_of(name: str) -> dict[str, Any]:
    row = OPERATIONS[name]
    span = {"start": min(row.standard), "stop": max(row.standard)} if row.standard else None
    return {"operation": name, **({"magnitude": {k: float(v) for k, v in span.items()}} if span else {})}


WRITTEN = sorted(name for name in SHIPPED_OPERATIONS if not name.startswith(("line-", "hide-character")))
EVERYTHING = policy(*[{"one_of": [step_of(name) for name in WRITTEN]}] * 2, softening={"k": 2})
"""Two of all operations, each at any magnitude of its standard range."""
BY_A_ROUNDING = {"perspective": 0.01, "resized-crop": 0.03, "soft-resized-crop": 0.03}
"""The share of values that may differ in an image of these, by 1, or where a place falls between two pixels."""


def pictures(channels: int, batch: int) -> torch.Tensor:
    """Images with sides that differ, one of a single grey value."""
    images = F.interpolate(real(channels, batch).float(), (20, 23)).to(torch.uint8)
    images[3] = 77
    return images


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_and_visibility_of_every_operation(arrays, channels):
    images = pictures(channels, 120)
    ours = draw(EVERYTHING, 120, torch.Generator().manual_seed(channels))
    module = exported(EVERYTHING, arrays.library)

    def both(theirs: Any, pixels: Any) -> Any:
        return module.applied(module.TABLE, theirs, pixels), module.visibility(module.TABLE, theirs, pixels)

    pixels = arrays.array(channels_last(images))
    out, seen = map(arrays.back, arrays.compiled(both)(in_arrays(module, ours, arrays.array), pixels))
    expected = channels_last(applied(ours, images))
    assert out.dtype == np.float32 and {ours.names[i] for i in ours.operations.unique().tolist()} == set(WRITTEN)
    gaps = np.abs(out - expected)
    for row, gap in enumerate(gaps):
        names = {ours.names[i] for i in ours.operations[row].tolist()}
        allowed = max((BY_A_ROUNDING.get(name, 0) for name in names), default=0)
        assert (gap > 1).mean() <= allowed and (gap > 0).mean() <= max(allowed, 0.002), names
    assert np.abs(seen - visibility(ours, images).numpy()).max() < 0.01
    assert np.median(np.abs(seen - visibility(ours, images).numpy())) < 1e-6


def test_another_sign_or_magnitude_would_be_seen():
    images = pictures(3, 12)
    turning = policy({"operation": "rotate", "magnitude": 20.0}, {"operation": "solarize", "magnitude": 99.0})
    ours = draw(turning, 12, torch.Generator().manual_seed(0))
    module = exported(turning, NUMPY)
    for wrong in (replace(ours, magnitudes=-ours.magnitudes), replace(ours, magnitudes=ours.magnitudes * 1.05)):
        out = module.applied(module.TABLE, in_arrays(module, wrong, np.asarray), channels_last(images))
        assert (out != channels_last(applied(ours, images))).mean() > 0.02


class SameNumbers:
    """A key of NumPy that gives the numbers that torch draws from a seed."""

    def random(self, shape: tuple[int, ...], dtype: str) -> Any:
        return torch.rand(shape, generator=torch.Generator().manual_seed(7)).numpy()


DRAWN = Policy.from_dict(
    {
        "sub_policies": [
            {"steps": [step_of("rotate"), {"one_of": [step_of("solarize"), step_of("invert"), step_of("noise")]}]},
            {"steps": [{"operation": "posterize", "magnitude": {"start": 2.0, "stop": 8.0, "levels": 4}}], "weight": 2},
            {"steps": [{**step_of("brightness"), "magnitude": {"mean": 0.3, "std": 0.4}, "probability": 0.6}]},
        ]
    }
)


def test_the_same_numbers_give_the_same_draws():
    """Sub-policies by weight, one of several, probabilities, levels, intervals, noisy magnitudes and signs."""
    ours = draw(DRAWN, 300, torch.Generator().manual_seed(7))
    module = exported(DRAWN, NUMPY)
    theirs = module.draw(module.TABLE, SameNumbers(), 300)
    names = [getattr(one, "__name__", "identity").replace("_", "-") for one in module.TABLE.operations]
    assert [[names[i] for i in row] for row in theirs.operations] == [
        [ours.names[i] for i in row] for row in ours.operations.tolist()
    ]
    taken = ours.operations.numpy() > 0
    np.testing.assert_allclose(theirs.magnitudes[taken], ours.magnitudes.numpy()[taken], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(theirs.numbers, ours.numbers.numpy())


SHUFFLED = policy(
    {
        "some_of": [{"operation": "invert", "probability": 0.5}, {"operation": "grayscale"}, {"operation": "equalize"}],
        "counts": [0.2, 0.3, 0.5],
    }
)


def test_several_steps_in_random_order_are_as_frequent_as_ours(arrays):
    """Which steps follow each other: chi-square at 1e-6, and a planted fault that it sees."""
    ours = draw(SHUFFLED, 40000, torch.Generator().manual_seed(0))
    rows = [tuple(ours.names[i] for i in row if i) for row in ours.operations.tolist()]
    expected = {row: rows.count(row) / len(rows) for row in set(rows)}
    module = exported(SHUFFLED, arrays.library)
    names = [getattr(one, "__name__", "") for one in module.TABLE.operations]
    theirs = arrays.back(module.draw(module.TABLE, arrays.key(3), 2000).operations).tolist()
    sequences = [tuple(names[i] for i in row if i) for row in theirs]
    assert pvalue(sequences, expected) > FALSE_ALARM
    in_order = [tuple(sorted(row)) for row in sequences]
    assert pvalue(in_order, expected) < FALSE_ALARM, "always in one order"


CURVES = policy(
    {**step_of("cutout"), "probability": 0.7},
    step_of("gaussian-blur"),
    step_of("soft-crop"),
    softening={"k": 2, "mode": "both", "p_min": 0.2, "normalise": True, "operations": {"gaussian-blur": {"k": 3.0}}},
)
SOFT = {
    "one curve": policy(step_of("soft-crop"), step_of("posterize"), softening={"k": 2}),
    "curves of operations": CURVES,
    "weights": policy(step_of("resized-crop"), step_of("color"), softening={"k": 1.5, "mode": "weight"}),
    "a mixture": policy(step_of("rotate"), step_of("solarize"), mixture={"width": 2}, softening={"k": 3}),
}


@pytest.mark.parametrize("name", SOFT)
def test_softened_targets_and_weights(arrays, name):
    soft = SOFT[name]
    images, labels = pictures(3, 24), torch.arange(24) % 5
    ours = draw(soft, 24, torch.Generator().manual_seed(5))
    expected = replay(soft, ours, images, labels, num_classes=5)
    module, pixels = exported(soft, arrays.library), arrays.array(channels_last(images))
    theirs = in_arrays(module, ours, arrays.array)
    sure = module.SOFTENING.confidence(module.TABLE, theirs, pixels, 5)
    targets, weights = map(arrays.back, module.softened(module.SOFTENING, arrays.array(labels.numpy()), sure, 5))
    if soft.softening.normalise:
        weights = weights / weights.mean()
    np.testing.assert_allclose(targets, expected.targets, atol=2e-3)
    np.testing.assert_allclose(weights, expected.weights, atol=2e-3)
    assert float(np.std(targets if soft.softening.mode != "weight" else weights)) > 0.01
    out = arrays.back(module.applied(module.TABLE, theirs, pixels))
    assert (np.abs(out - channels_last(expected.images)) > 1).mean() < 1e-3


def test_targets_are_spread_by_confusion():
    spread = {"spread": "confusion", "confusion": {"0": {"1": 3, "2": 1}, "2": {"0": 5}}}
    soft = policy(step_of("cutout"), softening={"k": 1, **spread})
    images, labels = pictures(1, 12), torch.arange(12) % 3
    ours = draw(soft, 12, torch.Generator().manual_seed(5))
    module = exported(soft, NUMPY)
    sure = module.SOFTENING.confidence(module.TABLE, in_arrays(module, ours, np.asarray), channels_last(images), 3)
    targets, _ = module.softened(module.SOFTENING, labels.numpy(), sure, 3)
    np.testing.assert_allclose(targets, replay(soft, ours, images, labels, num_classes=3).targets, atol=1e-5)


@pytest.mark.parametrize("operation", [name for name in MIXES if name != "snapmix"])
def test_mixes(arrays, operation):
    mixed = policy(step_of("invert"), mix={"operation": operation, "probability": 0.7})
    module = exported(mixed, arrays.library)
    images, targets, weights = pictures(3, 24), torch.eye(24)[:, :6].softmax(1), torch.rand(24)
    ours = mix_draw(operation, 0.7, 1.0, 24, torch.Generator().manual_seed(2))
    theirs = SimpleNamespace(
        applied=arrays.array(ours.applied.numpy()),
        partners=arrays.array(ours.partners.int().numpy()),
        share=arrays.array(ours.shares[:, 0].numpy()),
        numbers=arrays.array(ours.numbers[:, :2].numpy()),
    )
    parts = map(arrays.array, (channels_last(images), targets.numpy(), weights.numpy()))
    results = map(arrays.back, module.MIXES[0].mixed(theirs, *parts))
    for result, expected in zip(results, mix(ours, images, targets, weights, None), strict=True):
        expected = channels_last(expected) if expected.ndim == 4 else expected.numpy()
        np.testing.assert_allclose(result, expected, atol=1 if expected.ndim == 4 else 1e-6)
        assert (np.abs(result - expected) > 1e-5).mean() < 1e-3


@pytest.mark.parametrize("alpha", [0.3, 1.0])
def test_shares_of_mixes_are_beta_and_partners_are_permutations(arrays, alpha):
    from scipy.stats import kstest

    module = exported(policy(step_of("invert"), mix={"operation": "mixup", "alpha": alpha}), arrays.library)
    draws = module.MixDraw(arrays.key(1), 400, 0.25, alpha)
    share, partners = arrays.back(draws.share), arrays.back(draws.partners)
    assert kstest(share, "beta", args=(alpha, alpha)).pvalue > FALSE_ALARM and np.isfinite(share).all()
    assert all(sorted(partners[:, i]) == list(range(400)) for i in range(3))
    assert pvalue(arrays.back(draws.applied).tolist(), {True: 0.25, False: 0.75}) > FALSE_ALARM
    assert kstest(share, "beta", args=(alpha * 3, alpha * 3)).pvalue < FALSE_ALARM, "another alpha"
    least = arrays.back(module.MixDraw(arrays.key(1), 400, 1.0, 0.01).share)
    assert np.isfinite(least).all() and 0.4 < least.mean() < 0.6


STAGED = policy(
    {"operation": "invert"},
    mix={"operation": "cutmix"},
    stages=[{"start": 0.5, "sub_policies": [{"steps": [step_of("flip-vertical")]}]}],
)


def test_stages_follow_the_progress_when_compiled(arrays):
    module, pixels = exported(STAGED, arrays.library), arrays.array(channels_last(pictures(3, 6)))
    labels = arrays.array(np.arange(6) % 3)
    compiled = arrays.compiled(lambda progress: module.of_a_batch(arrays.key(0), pixels, labels, 3, progress))
    early, late = (list(map(arrays.back, compiled(arrays.array(np.float32(at))))) for at in (0.4, 0.5))
    assert ((early[1] > 0).sum(1) > 1).any() and (late[1].max(1) == 1).all()
    np.testing.assert_array_equal(late[0], channels_last(pictures(3, 6))[:, ::-1])


REFUSED = {
    "line-distort, of lines": policy({"operation": "line-distort", "magnitude": 0.2}),
    "SnapMix needs": policy({"operation": "invert"}, mix={"operation": "snapmix"}),
    "two, and a weight for the pair": policy(step_of("soft-crop"), pair={"k": 2.0}),
    "augments all classes": policy(
        {"operation": "invert"}, classes={"3": {"sub_policies": [{"steps": [{"operation": "equalize"}]}]}}
    ),
    "loss it was found with": policy({"operation": "invert"}, about={"loss": {"kind": "focal"}}),
}


@pytest.mark.parametrize("to", ["jax", "keras"])
@pytest.mark.parametrize("reason", REFUSED)
def test_what_cannot_be_written_is_named_and_left_out(to, reason):
    exporter = {"jax": to_jax, "keras": to_keras}[to]
    expressed, losses = exporter.expressible(REFUSED[reason])
    assert any(reason in loss for loss in losses)
    assert exporter.expressible(expressed)[1] == [] or reason.startswith("loss")
    compile(exporter.write(expressed, "learned_policy"), "learned_policy", "exec")


@pytest.mark.parametrize("to", [to_jax, to_keras])
def test_files_need_the_library_alone_and_are_well_formatted(to, tmp_path):
    for name in ("soft-crop", "randaugment:2,9", "augmix", "autoaugment-imagenet"):
        expressed, losses = to.expressible(Policy.preset(name))
        (tmp_path / f"{name.partition(':')[0].replace('-', '_')}.py").write_text(to.write(expressed, "learned_policy"))
        assert losses == []
    (tmp_path / "mixed.py").write_text(to.write(STAGED, "learned_policy"))
    for command in (["check"], ["format", "--check"]):
        settings = ["--config", str(ROOT / "pyproject.toml")]
        done = subprocess.run([sys.executable, "-m", "ruff", *command, *settings, str(tmp_path)], capture_output=True)
        assert done.returncode == 0, done.stdout.decode()
    for path in tmp_path.iterdir():
        assert "policysearch" not in path.read_text().partition('"""\n\n')[2], path


@pytest.mark.parametrize("to", ["jax", "keras"])
def test_a_missing_library_is_named(to, monkeypatch):
    monkeypatch.setitem(sys.modules, to, None)
    with pytest.raises(UserError, match=rf"pip install 'policysearch\[{to}\]'"):
        getattr(policy({"operation": "invert"}), f"to_{to}")()
