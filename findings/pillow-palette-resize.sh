#!/usr/bin/env bash
# Pillow 13.0.0: a palette image is resized by nearest neighbour whatever filter is asked for.
#
# PNG and GIF files with a palette open in mode "P". resize(size, LANCZOS) then takes single pixels, as NEAREST does, and
# says nothing; convert("RGB") before resizing gives the filter that was asked for. A folder in which some files have a
# palette is a folder with two kinds of resizing.
#
# Seen: LANCZOS before the conversion equals NEAREST to the last bit, and is up to 138 grey levels off LANCZOS after it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 pillow==13.0.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from PIL import Image

rng = np.random.default_rng(0)
image = Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).quantize(64)


def pixels(picture):
    return np.asarray(picture.convert("RGB")).astype(int)


asked = pixels(image.resize((16, 16), Image.Resampling.LANCZOS))
converted = pixels(image.convert("RGB").resize((16, 16), Image.Resampling.LANCZOS))
nearest = pixels(image.convert("RGB").resize((16, 16), Image.Resampling.NEAREST))
print("off nearest:", abs(asked - nearest).max(), "off what was asked for:", abs(asked - converted).max())
assert (asked == nearest).all() and abs(asked - converted).max() > 50
PYTHON
