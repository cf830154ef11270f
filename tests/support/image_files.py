"""Small data sets on disk, in every layout that is read."""

from __future__ import annotations

import io
import pickle
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.io
from PIL import Image

NAMES = ("bird", "cat", "dog")


def some_images(count: int = 60, side: int = 12, channels: int = 3, seed: int = 0) -> np.ndarray:
    """[N, side, side, 3] or [N, side, side] uint8, all different."""
    shape = (count, side, side) if channels == 1 else (count, side, side, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write_folder(root: Path, images: np.ndarray, suffix: str = ".png", names: tuple[str, ...] = NAMES) -> Path:
    """Images in turn in CLASS/00000.png."""
    for i, image in enumerate(images):
        path = root / names[i % len(names)] / f"{i:05}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return root


def encoded(image: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG")
    return out.getvalue()


def write_parquet(path: Path, images: np.ndarray, labels, image="img", label="label", metadata=None, **columns) -> Path:
    cells = [{"bytes": image if isinstance(image, bytes) else encoded(image), "path": None} for image in images]
    table = pa.table({image: cells, label: list(labels), **columns})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata(metadata), path)
    return path


def write_idx(folder: Path, train: np.ndarray, test: np.ndarray, classes: int = 10) -> Path:
    """MNIST's format."""
    folder.mkdir(parents=True)
    for prefix, images in (("train", train), ("t10k", test)):
        head = struct.pack(">IIII", 0x803, *images.shape)
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(head + images.tobytes())
        labels = (np.arange(len(images)) % classes).astype(np.uint8)
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, len(images)) + labels.tobytes())
    return folder


def write_cifar10(folder: Path, train: np.ndarray, test: np.ndarray) -> Path:
    """Pickled batches; images [N, 32, 32, 3], as many in each of the five."""
    folder.mkdir(parents=True)
    parts = {f"data_batch_{i + 1}": images for i, images in enumerate(np.split(train, 5))} | {"test_batch": test}
    for name, images in parts.items():
        rows = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
        (folder / name).write_bytes(pickle.dumps({"data": rows, "labels": [i % 10 for i in range(len(images))]}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [f"class {k}" for k in range(10)]}))
    return folder


def write_svhn(root: Path, train: np.ndarray, test: np.ndarray) -> None:
    """MATLAB files, in which the digit 0 has label 10."""
    for name, images in (("train", train), ("test", test)):
        labels = np.array([i % 10 or 10 for i in range(len(images))])[:, None]
        scipy.io.savemat(root / f"{name}_32x32.mat", {"X": images.transpose(1, 2, 3, 0), "y": labels})


def write_stl10(folder: Path, train: np.ndarray, test: np.ndarray) -> None:
    """Binary files, columns first; images [N, 96, 96, 3]."""
    folder.mkdir(parents=True)
    for name, images in (("train", train), ("test", test)):
        (folder / f"{name}_X.bin").write_bytes(np.ascontiguousarray(images.transpose(0, 3, 2, 1)).tobytes())
        (folder / f"{name}_y.bin").write_bytes((np.arange(len(images)) % 10 + 1).astype(np.uint8).tobytes())
    (folder / "class_names.txt").write_text("\n".join(f"class {k}" for k in range(10)))
    (folder / "fold_indices.txt").write_text("0 1\n" * 10)


def write_gtsrb(folder: Path, tracks: int, frames: int) -> Path:
    """GTSRB/Training/00000/00000_00000.ppm (track, frame), and a test part with its table."""
    for k in range(3):
        for track in range(tracks):
            for frame in range(frames):
                path = folder / "GTSRB" / "Training" / f"{k:05}" / f"{track:05}_{frame:05}.ppm"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(some_images(1, seed=k * 10000 + track * 100 + frame)[0]).save(path)
    test = folder / "GTSRB" / "Final_Test" / "Images"
    test.mkdir(parents=True)
    rows = ["Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId"]
    for i, image in enumerate(some_images(6, seed=77)):
        Image.fromarray(image).save(test / f"{i:05}.ppm")
        rows.append(f"{i:05}.ppm;12;12;0;0;12;12;{i % 3}")
    (folder / "GT-final_test.csv").write_text("\n".join(rows))
    return folder
