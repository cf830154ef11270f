#!/usr/bin/env bash
# albumentations 2.0.8: Equalize(mode="pil") and AutoContrast(method="pil") are not Pillow's equalize and autocontrast.
#
# AutoAugment, RandAugment and TrivialAugment are defined by Pillow's operations, and the modes named after it are the
# ones that people choose to repeat them.
#
# Seen on a colour image of noise of 60 to 179: equalize differs from Pillow in 94 % of the values, by up to 4 grey levels
# (mode "cv": 97 %, up to 15); autocontrast in 43 %, by 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 pillow==13.0.0 albumentations==2.0.8
cd "$folder"
NO_ALBUMENTATIONS_UPDATE=1 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import albumentations as A
import numpy as np
from PIL import Image, ImageOps

image = np.random.default_rng(0).integers(60, 180, (64, 64, 3), dtype=np.uint8)
pairs = {
    "equalize": (A.Equalize(mode="pil", p=1), ImageOps.equalize),
    "autocontrast": (A.AutoContrast(method="pil", cutoff=0, p=1), ImageOps.autocontrast),
}
for name, (ours, pillow) in pairs.items():
    reference = np.asarray(pillow(Image.fromarray(image))).astype(int)
    off = abs(ours(image=image)["image"].astype(int) - reference)
    print(name, "differs in", round(float((off > 0).mean()), 3), "by up to", off.max())
    assert (off > 0).mean() > 0.3
PYTHON
