"""The function that is exported for JAX: pure, compiled, drawing what the policy says."""

from __future__ import annotations

import numpy as np
import pytest

from policysearch.policy.policy import Policy
from tests.support.exports import FALSE_ALARM, imported, policy, pvalue, real

jax = pytest.importorskip("jax")
IMAGES = real(3, 8).permute(0, 2, 3, 1).numpy()


def test_the_same_key_gives_the_same_images_and_others_do_not():
    augment = jax.jit(Policy.preset("trivialaugment-wide").to_jax())
    first, again, other = (np.asarray(augment(jax.random.key(seed), IMAGES)) for seed in (1, 1, 2))
    assert first.dtype == np.uint8 and first.shape == IMAGES.shape
    assert (first == again).all() and (first != other).any() and len(np.unique(first - IMAGES, axis=0)) == 8


def test_one_image_and_a_scan_over_keys():
    augment = policy({"operation": "flip-horizontal"}).to_jax()
    one = augment(jax.random.key(0), IMAGES[0])
    assert (np.asarray(one) == IMAGES[0][:, ::-1]).all()
    _, out = jax.lax.scan(lambda carry, key: (carry, augment(key, IMAGES)), 0, jax.random.split(jax.random.key(0), 2))
    assert (np.asarray(out) == IMAGES[None, :, :, ::-1]).all()


def test_frequencies_of_operations_and_signs():
    """Chi-square at 1e-6 over what 2000 draws did to one image."""
    image = IMAGES[:1]
    looks = {
        "left": np.roll(image, -3, 2) * (np.arange(28) < 25)[:, None],
        "right": np.roll(image, 3, 2) * (np.arange(28) >= 3)[:, None],
        "inverted": 255 - image,
        "as it was": image,
    }
    names = {look.astype("uint8").tobytes(): name for name, look in looks.items()}
    expected = {"left": 0.3, "right": 0.3, "inverted": 0.1, "as it was": 0.3}
    drawn = Policy.from_dict(
        {
            "sub_policies": [
                {"steps": [{"operation": "translate-x-pixels", "magnitude": 3.0}], "weight": 3},
                {"steps": [{"operation": "invert", "probability": 0.25}], "weight": 2},
            ]
        }
    )
    out = np.asarray(drawn.to_jax()(jax.random.key(0), np.repeat(image, 2000, 0)))
    assert pvalue((names[one[None].tobytes()] for one in out), expected) > FALSE_ALARM
    assert pvalue((names[one[None].tobytes()] for one in out), {**expected, "left": 0.5, "right": 0.1}) < FALSE_ALARM


def test_targets_and_weights_of_a_batch():
    soft = jax.jit(Policy.preset("soft-crop").to_jax(num_classes=5))
    images, targets, weights = soft(jax.random.key(0), IMAGES, np.arange(8) % 5)
    assert images.dtype == np.uint8 and targets.shape == (8, 5)
    np.testing.assert_allclose(np.asarray(targets).sum(1), 1, rtol=1e-5)
    assert 0.2 <= np.asarray(targets).max(1).min() < 0.99 and (np.asarray(weights) > 0).all()


def test_the_file_runs_as_its_docstring_says(tmp_path):
    from policysearch.export.registry import export_to

    path, _ = export_to(Policy.preset("randaugment:2,9"), "jax", tmp_path / "learned.py", False, False)
    module = imported(path, "learned")
    assert jax.jit(module.augment)(jax.random.key(0), IMAGES).shape == IMAGES.shape
    assert "import augment" in module.__doc__ and "key, of_batch = jax.random.split(key)" in module.__doc__


@pytest.mark.parametrize(
    ("images", "error", "sentence"),
    [
        (IMAGES / 255, TypeError, "must be uint8 .* got ndarray float64"),
        (IMAGES.transpose(0, 3, 1, 2), ValueError, "channels come last"),
        (np.zeros((2, 8, 8, 4), "uint8"), ValueError, "drop the transparency"),
        (np.zeros((8, 8), "uint8"), ValueError, r"with 1 or 3 channels, got ndarray uint8 \[8, 8\]"),
    ],
)
def test_other_images_are_refused_in_a_sentence(images, error, sentence):
    with pytest.raises(error, match=sentence):
        policy({"operation": "invert"}).to_jax()(jax.random.key(0), images)


def test_labels_that_are_none_are_refused():
    soft = Policy.preset("soft-crop").to_jax(num_classes=5)
    for labels in (np.eye(8)[:, :5], np.zeros(7, "int32"), np.zeros(8)):
        with pytest.raises(ValueError, match=r"whole numbers \[B\] as labels, got"):
            soft(jax.random.key(0), IMAGES, labels)


@pytest.mark.parametrize("label", [4, -1])
def test_labels_that_are_no_classes_are_refused(label):
    soft = Policy.preset("soft-crop").to_jax(4)
    with pytest.raises(ValueError, match="classes from 0 to 3"):
        soft(jax.random.key(0), np.zeros((1, 8, 8, 3), np.uint8), np.array([label]))
