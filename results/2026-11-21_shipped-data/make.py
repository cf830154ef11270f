"""Cut the shipped data set from Fashion-MNIST: python make.py FOLDER_WITH_IDX_GZ_FILES OUT.npz

6,000 images of the official training part (600 a class) and 2,000 of the official test part (200 a class),
chosen by seed; the validation part is cut from the 6,000 by the program itself.
"""

import gzip
import sys
from pathlib import Path

import numpy as np

from policysearch.datasets.split import stratified

CLASSES = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]


def idx(path: Path, header: int) -> np.ndarray:
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


def part(folder: Path, prefix: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    images = idx(folder / f"{prefix}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    labels = idx(folder / f"{prefix}-labels-idx1-ubyte.gz", 8)
    rng = np.random.default_rng(2026)
    chosen = rng.permutation(stratified(labels.astype(np.int64), size, rng))
    return images[chosen], labels[chosen]


folder, out = Path(sys.argv[1]), Path(sys.argv[2])
x_train, y_train = part(folder, "train", 6000)
x_test, y_test = part(folder, "t10k", 2000)
np.savez_compressed(out, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test, classes=CLASSES)
print(out, out.stat().st_size, "bytes", np.bincount(y_train), np.bincount(y_test))
