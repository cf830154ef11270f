#!/usr/bin/env bash
# Pillow 13.0.0: ImageFilter.GaussianBlur is three box blurs, and at a small radius far from a Gaussian.
#
# SciPy's gaussian_filter and OpenCV's GaussianBlur agree within 2 grey levels at equal sigma. Pillow is up to 33 off on
# noise at radius 0.3, and up to 18 at radius 2: the range in which SimCLR and its successors blur (0.1 to 2). A network
# trained on one of them and judged, or a policy exported to, another sees other pictures.
#
# Seen, largest difference from SciPy: radius 0.3: Pillow 33.5, OpenCV 0.5; radius 2: Pillow 17.8, OpenCV 1.2.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 pillow==13.0.0 scipy==1.17.1 opencv-python-headless==5.0.0.93
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import cv2
import numpy as np
from PIL import Image, ImageFilter
from scipy.ndimage import gaussian_filter

noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
for radius, least in ((0.3, 30), (2, 15)):
    reference = gaussian_filter(noise.astype(float), radius, mode="nearest")
    by_pillow = np.asarray(Image.fromarray(noise).filter(ImageFilter.GaussianBlur(radius)))
    by_opencv = cv2.GaussianBlur(noise, (0, 0), radius, borderType=cv2.BORDER_REPLICATE)
    off = [float(abs(image - reference).max()) for image in (by_pillow, by_opencv)]
    print("radius", radius, "Pillow", round(off[0], 1), "OpenCV", round(off[1], 1))
    assert off[0] > least and off[1] < 2
PYTHON
