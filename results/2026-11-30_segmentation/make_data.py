"""Draw the shipped data set of shapes with masks: python make_data.py OUT.npz

Every image has one to three discs, squares and triangles of any size and turn, some over others, on a background whose
shade changes; lines and noise lie over all. Discs are lighter than the background, squares darker, triangles striped.
The same version of NumPy gives the same file, byte for byte.
"""

import sys
import zipfile
from io import BytesIO

import numpy as np

SIDE, SCALE = 32, 4
"""Shapes are drawn this many times as large and averaged down, so that their edges lie anywhere within a pixel."""
IMAGES = {"train": 400, "validation": 200, "test": 300}
CLASSES = ("background", "disc", "square", "triangle")
SHADES = (0, 1, -1, 1)
"""By class: lighter or darker than the background."""
STRIPES = 10
"""In the width of an image."""
STAMP = (1980, 1, 1, 0, 0, 0)


def inside(kind: int, y: np.ndarray, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[H, W] bool: a shape of this class at a random place."""
    middle, reach, turn = rng.uniform(0.15, 0.85, 2), rng.uniform(0.16, 0.32), rng.uniform(0, 2 * np.pi)
    dy, dx = y - middle[0], x - middle[1]
    along, across = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
    if kind == 1:
        return along**2 + across**2 < reach**2
    if kind == 2:
        return np.maximum(abs(along), abs(across)) < 0.88 * reach
    sides = [along * np.cos(angle) + across * np.sin(angle) for angle in np.arange(3) * 2 * np.pi / 3]
    return np.max(sides, 0) < 0.62 * reach


def drawn(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """An image and its mask, [32, 32] uint8."""
    y, x = (np.mgrid[: SIDE * SCALE, : SIDE * SCALE] + 0.5) / (SIDE * SCALE)
    paper, slope = rng.uniform(60, 195), rng.uniform(-60, 60, 2)
    image = paper + slope[0] * (y - 0.5) + slope[1] * (x - 0.5)
    classes = np.zeros(image.shape, np.int64)
    for _ in range(rng.integers(1, 4)):
        kind = int(rng.integers(1, len(CLASSES)))
        where = inside(kind, y, x, rng)
        shade = rng.uniform(30, 90) * SHADES[kind]
        if kind == 3:
            turn, phase = rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
            shade = shade * np.sign(np.sin(2 * np.pi * STRIPES * (x * np.cos(turn) + y * np.sin(turn)) + phase))
        image = np.where(where, paper + shade + rng.uniform(-30, 30) * (y - x), image)
        classes = np.where(where, kind, classes)
    for _ in range(rng.integers(0, 3)):
        turn, place = rng.uniform(0, np.pi), rng.uniform(-0.3, 0.3)
        distance = (x - 0.5) * np.cos(turn) + (y - 0.5) * np.sin(turn) - place
        image = np.where(abs(distance) < 0.012, rng.uniform(0, 255), image)

    blocks = (SIDE, SCALE, SIDE, SCALE)
    small = image.reshape(blocks).mean((1, 3)) + rng.normal(0, rng.uniform(2, 10), (SIDE, SIDE))
    shares = np.stack([(classes == kind).reshape(blocks).mean((1, 3)) for kind in range(len(CLASSES))])
    return small.round().clip(0, 255).astype(np.uint8), shares.argmax(0).astype(np.uint8)


def main(path: str) -> None:
    """Write the file."""
    arrays: dict[str, np.ndarray] = {"classes": np.array(CLASSES)}
    for number, (part, count) in enumerate(IMAGES.items()):
        pairs = [drawn(np.random.default_rng([number, i])) for i in range(count)]
        for name, values in zip(("x", "masks"), zip(*pairs, strict=True), strict=True):
            arrays[f"{name}_{part}"] = np.stack(values)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, values in arrays.items():
            content = BytesIO()
            np.save(content, values)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", STAMP), content.getvalue(), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main(sys.argv[1])
