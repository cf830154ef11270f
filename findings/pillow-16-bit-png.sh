#!/usr/bin/env bash
# Pillow 13.0.0 and OpenCV 5.0.0: the same 16-bit grey PNG read as 8 bits.
#
# OpenCV's imread scales to 8 bits; Pillow opens the file in mode "I;16", and convert("L") or convert("RGB") clips at 255
# instead of scaling, so that nearly all of a medical or satellite picture becomes white, without a warning. A data set
# that one part of a pipeline decodes with OpenCV and another with Pillow is not one data set.
#
# Seen: a ramp of 256 grey values has 256 values by OpenCV, mean 127.5, and 2 by Pillow, mean 254.0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 pillow==13.0.0 opencv-python-headless==5.0.0.93
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import io

import cv2
import numpy as np
from PIL import Image

ramp = np.tile(np.linspace(0, 65535, 256).astype(np.uint16), (4, 1))
file = io.BytesIO()
Image.fromarray(ramp).save(file, "PNG")

by_opencv = cv2.imdecode(np.frombuffer(file.getvalue(), np.uint8), cv2.IMREAD_GRAYSCALE)
by_pillow = np.asarray(Image.open(file).convert("L"))
for name, image in (("OpenCV", by_opencv), ("Pillow", by_pillow)):
    print(name, image.dtype, len(np.unique(image)), "values, mean", round(float(image.mean()), 1))
assert len(np.unique(by_opencv)) == 256 and abs(by_opencv.mean() - 127.5) < 1
assert len(np.unique(by_pillow)) == 2 and by_pillow.mean() > 250
PYTHON
