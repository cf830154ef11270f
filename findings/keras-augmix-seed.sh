#!/usr/bin/env bash
# Keras 3.15.1: AugMix(seed=...) is not repeatable, RandAugment(seed=...) is.
#
# Part of what AugMix draws does not come from its seed: two layers of the same seed, given the same images, answer with
# other pictures. An experiment that says "seed 3" cannot be repeated.
#
# Seen: two AugMix layers of seed 3 differ, two RandAugment layers of seed 3 are equal.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 keras==3.15.1 jax==0.10.2
cd "$folder"
KERAS_BACKEND=jax JAX_PLATFORMS=cpu "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import keras
import numpy as np

images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.float32)


def repeats(kind):
    first, second = (np.asarray(kind(seed=3)(images, training=True)) for _ in range(2))
    return np.allclose(first, second)


print("AugMix repeats:", repeats(keras.layers.AugMix), "RandAugment repeats:", repeats(keras.layers.RandAugment))
assert not repeats(keras.layers.AugMix) and repeats(keras.layers.RandAugment)
PYTHON
