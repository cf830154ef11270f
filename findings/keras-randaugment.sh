#!/usr/bin/env bash
# Keras 3.15.1: RandAugment turns and moves images to one side only, and posterizes hardest when it is weakest.
#
# Its factor f becomes the range (0, f) of a layer whose sign is never drawn: the paper's RandAugment, torchvision and timm
# draw the sign. Posterization gets 8 f bits at most, at least one, and few bits are the strongest: at factor 0.1 every
# image that is posterized has two grey values a channel.
#
# Seen at factor 0.3, of 256 images with a mark above their centre: turned, the mark moves left in 98 %, right in none;
# moved, right in 95 %, left in none. Grey values after posterization of 256: 2 at factor 0.1, 2 to 32 at factor 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 keras==3.15.1 jax==0.10.2
cd "$folder"
KERAS_BACKEND=jax JAX_PLATFORMS=cpu "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import keras
import numpy as np

images = np.zeros((256, 41, 41, 3), np.float32)
images[:, 4:9, 18:23] = 255
layers = keras.layers.RandAugment(factor=0.3, seed=0)


def shifts(layer):
    out = np.asarray(layer(images, training=True))[..., 0] > 100
    return np.array([np.nonzero(image)[1].mean() - 20 for image in out if image.any()])


for name in ("random_rotation", "random_translation"):
    shift = shifts(getattr(layers, name))
    sides = (shift < -0.7).mean(), (shift > 0.7).mean()
    print(name, "left:", sides[0].round(2), "right:", sides[1].round(2))
    assert max(sides) > 0.8 and min(sides) == 0

ramp = np.tile(np.arange(256, dtype=np.float32)[None, :, None, None], (1, 2, 1, 3)).reshape(1, -1, 2, 3)
values = {}
for factor in (0.1, 1.0):
    posterize = keras.layers.RandAugment(factor=factor, seed=0).random_posterization
    values[factor] = [len(np.unique(np.asarray(posterize(ramp, training=True)))) for _ in range(8)]
print("grey values after posterization:", values)
assert max(values[0.1]) == 2 and max(values[1.0]) > 16
PYTHON
