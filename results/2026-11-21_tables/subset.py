"""Cut a small data set from a large one: python subset.py DATA OUT.npz [IMAGES]. The test part stays whole."""

import sys

import numpy as np

from policysearch.datasets.load import load
from policysearch.datasets.split import stratified


def main(data: str, out: str, images: str = "9000") -> None:
    whole = load(data)
    rows = np.sort(stratified(np.asarray(whole.y_train), int(images), np.random.default_rng(0)))
    parts = {"x_train": whole.x_train[rows], "y_train": whole.y_train[rows]}
    np.savez(out, **parts, x_test=whole.x_test, y_test=whole.y_test, classes=np.array(whole.classes))


if __name__ == "__main__":
    main(*sys.argv[1:])
