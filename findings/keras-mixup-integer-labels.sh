#!/usr/bin/env bash
# Keras 3.15.1: MixUp of integer labels returns a matrix of numbers that are no labels, without an error.
#
# The weights, one per image in a column, are multiplied with a row of class numbers: 64 labels become 64x64 mixed class
# numbers. A loss that takes sparse labels fails later or, where shapes happen to fit, trains on it. Other libraries ask
# for one-hot labels in an error or make them.
#
# Seen: labels of shape (64,) become (64, 64), with values such as 28.76.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 keras==3.15.1 jax==0.10.2
cd "$folder"
KERAS_BACKEND=jax JAX_PLATFORMS=cpu "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import keras
import numpy as np

images = np.zeros((64, 8, 8, 3), np.float32)
out = keras.layers.MixUp(alpha=0.2, seed=1)({"images": images, "labels": np.arange(64)}, training=True)
labels = np.asarray(out["labels"])
print(labels.shape, labels[0, :3].round(2))
assert labels.shape == (64, 64) and (labels % 1 > 0).any()
PYTHON
