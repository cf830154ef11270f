"""The layers that are exported for Keras 3, on the backend that KERAS_BACKEND names (torch unless it does)."""

from __future__ import annotations

import os

import numpy as np
import pytest

from policysearch.policy.policy import Policy
from tests.support.exports import FALSE_ALARM, imported, policy, pvalue, real

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")
BACKEND = os.environ["KERAS_BACKEND"]
IMAGES = real(3, 8).permute(0, 2, 3, 1).numpy()
LABELS = np.arange(8, dtype="int32") % 5
pytestmark = pytest.mark.filterwarnings("ignore")


def array(values) -> np.ndarray:
    return keras.ops.convert_to_numpy(values)


def test_a_seed_repeats_the_draws_and_each_batch_has_others():
    make = Policy.preset("trivialaugment-wide").to_keras
    layer, same = make(seed=1), make(seed=1)
    first, second = array(layer(IMAGES)), array(layer(IMAGES))
    assert first.dtype == np.uint8 and (first == array(same(IMAGES))).all() and (first != second).any()
    assert (array(layer(IMAGES, training=False)) == IMAGES).all()


def test_floats_stay_floats_and_one_image_stays_one():
    layer = policy({"operation": "flip-horizontal"}).to_keras()
    out = layer(IMAGES.astype("float32"))
    assert keras.backend.standardize_dtype(out.dtype) == "float32" and (array(out) == IMAGES[:, :, ::-1]).all()
    assert (array(layer(IMAGES[0])) == IMAGES[0][:, ::-1]).all()


def test_channels_first():
    layer = policy({"operation": "flip-horizontal"}).to_keras()
    layer.data_format = "channels_first"
    assert (array(layer(IMAGES.transpose(0, 3, 1, 2))) == IMAGES.transpose(0, 3, 1, 2)[..., ::-1]).all()


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
    out = array(drawn.to_keras(seed=0)(np.repeat(image, 2000, 0)))
    assert pvalue((names[one[None].tobytes()] for one in out), expected) > FALSE_ALARM


def small_model(layer) -> keras.Model:
    parts = [keras.Input((28, 28, 3)), layer, keras.layers.Rescaling(1 / 255), keras.layers.Flatten()]
    model = keras.Sequential([*parts, keras.layers.Dense(5)])
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), optimizer="sgd")
    return model


def test_it_trains_in_a_model_that_is_saved_and_read_again(tmp_path):
    model = small_model(Policy.preset("randaugment:2,9").to_keras(seed=3))
    before = array(model.trainable_weights[0]).copy()
    model.fit(IMAGES, LABELS, batch_size=4, epochs=1, verbose=0)
    assert (array(model.trainable_weights[0]) != before).any()
    first, again = (model.predict(IMAGES, verbose=0) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    model.save(tmp_path / "model.keras")
    np.testing.assert_allclose(
        keras.models.load_model(tmp_path / "model.keras").predict(IMAGES, verbose=0), first, 1e-5
    )


def test_targets_and_weights_train_a_model():
    layer = Policy.preset("soft-crop").to_keras(num_classes=5, seed=0)
    images, targets, weights = layer((IMAGES, LABELS))
    np.testing.assert_allclose(array(targets).sum(1), 1, rtol=1e-5)
    assert 0.2 <= array(targets).max(1).min() < 0.99
    model = small_model(keras.layers.Identity())
    model.compile(loss=keras.losses.CategoricalCrossentropy(from_logits=True), optimizer="sgd")
    assert np.isfinite(model.train_on_batch(images, targets, sample_weight=weights))
    plain, hard, ones = map(array, layer((IMAGES, LABELS), training=False))
    assert (plain == IMAGES).all() and (hard == np.eye(5)[LABELS]).all() and (ones == 1).all()


def test_the_progress_changes_the_stage_inside_of_a_fit():
    late = [{"start": 0.5, "sub_policies": [{"steps": [{"operation": "flip-vertical"}]}]}]
    layer = policy({"operation": "identity"}, stages=late).to_keras()
    model = keras.Sequential([keras.Input((28, 28, 3)), layer])
    model.compile(loss="mse")
    upside_down = IMAGES[:, ::-1].astype("float32")
    losses = []
    for progress in (0.0, 0.5):
        layer.progress.assign(progress)
        losses.append(model.fit(IMAGES.astype("float32"), upside_down, verbose=0).history["loss"][0])
    assert losses[0] > 1 and losses[1] == 0


@pytest.mark.skipif(BACKEND != "torch", reason="workers of a torch DataLoader take what runs on torch")
def test_workers_and_epochs_draw_apart():
    from torch.utils.data import DataLoader

    layer = policy({"operation": "brightness", "magnitude": {"start": 0.1, "stop": 0.9}}).to_keras(seed=0)
    loader = DataLoader(Copies(layer), batch_size=None, num_workers=2)
    values = [round(float(value), 4) for _ in range(2) for value in loader]
    assert len(set(values)) == len(values) == 16, "copies of one generator"


class Copies:
    """One image again and again, and how bright the layer makes it."""

    def __init__(self, layer) -> None:
        self.layer = layer

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> float:
        ramp = np.tile(np.linspace(1, 120, 2048, dtype="float32").round()[None, :, None], (2, 1, 3))
        return float(array(self.layer(ramp)).mean())


def test_the_file_runs_as_its_docstring_says(tmp_path):
    from policysearch.export.registry import export_to

    path, _ = export_to(Policy.preset("soft-crop"), "keras", tmp_path / "learned.py", False, False)
    module = imported(path, "learned")
    parts = module.SoftLearnedPolicy(num_classes=5)((IMAGES, LABELS))
    assert [tuple(part.shape) for part in parts] == [IMAGES.shape, (8, 5), (8,)]
    assert module.LearnedPolicy(seed=0)(IMAGES).shape == IMAGES.shape
    assert "import SoftLearnedPolicy" in module.__doc__


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.data maps what runs on TensorFlow")
def test_it_maps_the_batches_of_tf_data():
    import tensorflow as tf

    layer = Policy.preset("soft-crop").to_keras(num_classes=5, seed=0)
    data = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).repeat(4).batch(8)
    batches = list(data.map(lambda images, labels: layer((images, labels))))
    assert len({batch[0].numpy().tobytes() for batch in batches}) == 4


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (IMAGES.transpose(0, 3, 1, 2), "channels come last"),
        (np.zeros((2, 8, 8, 4), "uint8"), "drop the transparency"),
        (np.zeros((8, 8), "uint8"), "with 1 or 3 channels"),
        (IMAGES / np.float32(255), "put the layer before rescaling"),
    ],
)
def test_other_images_are_refused_in_a_sentence(images, sentence):
    with pytest.raises(ValueError, match=sentence):
        policy({"operation": "invert"}).to_keras()(images)


@pytest.mark.parametrize(("labels", "sentence"), [([0, 4], "classes from 0 to 3"), ([0], "2 images and 1 labels")])
def test_labels_that_do_not_fit_are_refused(labels, sentence):
    soft = Policy.preset("soft-crop").to_keras(4, seed=0)
    with pytest.raises(ValueError, match=sentence):
        soft((np.zeros((2, 8, 8, 3), np.uint8), np.array(labels)))
