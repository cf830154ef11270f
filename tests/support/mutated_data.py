"""Data files with random damage, and what reading them comes to."""

from __future__ import annotations

import io
import shutil
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from policysearch.core.errors import UserError
from policysearch.datasets.config import DataSettings
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.load import load
from policysearch.datasets.split import split
from tests.support.image_files import NAMES

COUNT = 24
"""Images of each set of data, before the damage."""
DAMAGED = 3
"""Files of one set that are damaged at most."""
_LABELS = np.arange(COUNT) % 3
_ORIENTATION = 0x0112

Rng = np.random.Generator


@dataclass(frozen=True)
class Outcome:
    """What became of one set of data.

    Attributes:
        kind: "right result", "sentence", "wrong result" or "traceback".
        text: the sentence, or what is wrong.
    """

    kind: str
    text: str = ""


def images(rng: Rng, channels: int = 3) -> np.ndarray:
    """[COUNT, 12, 12, channels] uint8, all different."""
    return rng.integers(0, 256, (COUNT, 12, 12, channels), dtype=np.uint8)


# Data as they are before the damage


def write_png(root: Path, rng: Rng) -> None:
    """A folder of PNG of several modes, 16 bits and transparency among them."""
    modes = ("RGB", "L", "RGBA", "P", "LA", "1")
    for i, image in enumerate(images(rng)):
        path = root / NAMES[i % 3] / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        deep = i % 7 == 6
        picture = Image.fromarray(image[..., 0].astype(np.uint16) * 16 if deep else image)
        picture = picture if deep else picture.convert(modes[i % 6])
        picture.save(path)


def write_photographs(root: Path, rng: Rng) -> None:
    """A folder with parts, of JPEG with EXIF, WebP, GIF, TIFF, BMP and AVIF."""
    kinds = (".jpg", ".jpg", ".webp", ".gif", ".tif", ".bmp", ".avif", ".jp2")
    for part in ("train", "val", "test"):
        for i, image in enumerate(images(rng)):
            path = root / part / NAMES[i % 3] / f"{i:02}{kinds[i % 8]}"
            path.parent.mkdir(parents=True, exist_ok=True)
            exif = Image.Exif()
            exif[_ORIENTATION] = i % 8 + 1
            with_exif = {"exif": exif} if path.suffix in (".jpg", ".webp", ".avif") else {}
            Image.fromarray(image).save(path, **with_exif)


def write_arrays(root: Path, rng: Rng) -> None:
    """An .npz file, packed or not, in our names or in MedMNIST's."""
    save = np.savez_compressed if rng.random() < 0.5 else np.savez
    pattern = ("x_{}", "y_{}") if rng.random() < 0.5 else ("{}_images", "{}_labels")
    arrays = {}
    for part in ("train", "val", "test"):
        arrays[pattern[0].format(part)] = images(rng)
        arrays[pattern[1].format(part)] = _LABELS.astype(np.uint8)[:, None]
    root.mkdir(parents=True)
    save(root / "a.npz", **arrays, classes=list(NAMES))


def write_parquet(root: Path, rng: Rng) -> None:
    """Shards of Parquet with class names beside them."""
    root.mkdir(parents=True)
    compression = str(rng.choice(["none", "snappy", "zstd", "gzip"]))
    for part in ("train", "validation", "test"):
        cells = [{"bytes": _encoded(image), "path": f"{part}{i}.png"} for i, image in enumerate(images(rng))]
        table = pa.table({"image": cells, "label": _LABELS, "track": [f"t{i // 4}" for i in range(COUNT)]})
        pq.write_table(table, root / f"{part}-0.parquet", compression=compression)
    (root / "classes.txt").write_text("\n".join(NAMES))


def _encoded(image: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG")
    return out.getvalue()


def write_grouped(root: Path, rng: Rng) -> None:
    """A folder with a file of groups."""
    write_png(root, rng)
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))
    rows = [f"{name},{rng.integers(8)}" for name in names]
    (root / "groups.csv").write_text("image,group\n" + "\n".join(rows) + "\n")


SOURCES: dict[str, Callable[[Path, Rng], None]] = {
    "png": write_png,
    "photographs": write_photographs,
    "npz": write_arrays,
    "parquet": write_parquet,
    "groups": write_grouped,
}


# Damage to the bytes of a file


def flip_bits(data: bytearray, rng: Rng) -> None:
    for _ in range(int(rng.integers(1, 9))):
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))


def overwrite(data: bytearray, rng: Rng) -> None:
    start, length = int(rng.integers(len(data))), int(rng.integers(1, 65))
    data[start : start + length] = rng.bytes(length)


def extreme_number(data: bytearray, rng: Rng) -> None:
    start = int(rng.integers(len(data)))
    length = int(rng.choice([1, 2, 4, 8]))
    data[start : start + length] = bytes([int(rng.choice([0, 0x7F, 0x80, 0xFF]))]) * length


def cut(data: bytearray, rng: Rng) -> None:
    del data[int(rng.integers(len(data))) :]


def remove(data: bytearray, rng: Rng) -> None:
    start = int(rng.integers(len(data)))
    del data[start : start + int(rng.integers(1, 65))]


def repeat(data: bytearray, rng: Rng) -> None:
    start, length = int(rng.integers(len(data))), int(rng.integers(1, 257))
    data[start:start] = data[start : start + length]


def append(data: bytearray, rng: Rng) -> None:
    data += rng.bytes(int(rng.integers(1, 257)))


def nothing_left(data: bytearray, rng: Rng) -> None:
    data.clear()


BYTES: tuple[Callable[[bytearray, Rng], None], ...] = (
    *(flip_bits, flip_bits, overwrite, extreme_number, extreme_number),
    *(cut, remove, repeat, append, nothing_left),
)


def damage_bytes(root: Path, rng: Rng) -> None:
    """Damage one to three files, often at their beginning or end, where the structure is."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    if (root / "groups.csv").exists():
        files = [root / "groups.csv"]
    for _ in range(int(rng.integers(1, DAMAGED + 1))):
        path = files[int(rng.integers(len(files)))]
        data = bytearray(path.read_bytes())
        start = int(rng.choice([0, 0, max(0, len(data) - 200)]))
        region = data[start : start + 200] if rng.random() < 0.6 else data
        if region:
            BYTES[int(rng.integers(len(BYTES)))](region, rng)
        path.write_bytes(region if region is data else data[:start] + region + data[start + 200 :])


# Damage to what the data say


def damage_layout(root: Path, rng: Rng) -> None:
    """Rename, move, empty, link or add folders and files."""
    paths = sorted(root.rglob("*"))
    path = paths[int(rng.integers(len(paths)))]
    folders = [p for p in paths if p.is_dir()] or [root]
    folder = folders[int(rng.integers(len(folders)))]
    names = ["train", "test", "VALID", "seg_train", "a.png", ".hidden", "__MACOSX", "[bold]", "x\ny", "\udcff", "a b"]
    name = names[int(rng.integers(len(names)))]
    steps: list[Callable[[], object]] = [
        lambda: path.rename(path.with_name(name)),
        lambda: folder.rename(folder.with_name(name)),
        lambda: shutil.rmtree(folder),
        lambda: path.rename(folder / name),
        lambda: (root / name).symlink_to(folder),
        lambda: (folder / name).symlink_to(root),
        lambda: (folder / name).symlink_to(root / "nowhere"),
        lambda: (folder / name).mkdir(),
        lambda: (folder / name).write_bytes(rng.bytes(20)),
    ]
    with suppress(OSError):  # the name is taken, or the folder would be moved into itself
        steps[int(rng.integers(len(steps)))]()


def damage_arrays(root: Path, rng: Rng) -> None:
    """Change shapes, types, labels and names of arrays."""
    path = root / "a.npz"
    arrays = dict(np.load(path))
    name = list(arrays)[int(rng.integers(len(arrays)))]
    array = arrays[name]
    changes: list[Callable[[], object]] = [
        lambda: array.astype(rng.choice(["float32", "int64", "uint16", "bool", "complex64", "S3"])),
        lambda: array[: int(rng.integers(len(array) + 1))],
        lambda: array[None],
        lambda: array.reshape(-1),
        lambda: array.T,
        lambda: np.asarray(array.flat[0] if array.size else 0),
        lambda: np.where(rng.random(array.shape) < 0.1, int(rng.choice([-1, 3, 255, 2**31])), array),
        lambda: np.where(rng.random(array.shape) < 0.5, array, array.flat[0]),
        lambda: np.array([{}], dtype=object),
        lambda: np.zeros(len(array), [("a", "u1"), ("b", "f4")]),
    ]
    try:
        changed = changes[int(rng.integers(len(changes)))]()
    except (ValueError, TypeError):
        changed = array
    renamed = str(rng.choice([name, name, name.upper(), "extra", "x_train", "classes", "test_labels"]))
    del arrays[name]
    arrays[renamed] = np.asarray(changed)
    np.savez(path, **arrays)


def damage_columns(root: Path, rng: Rng) -> None:
    """Change types, values and names of columns."""
    files = sorted(root.glob("*.parquet"))
    path = files[int(rng.integers(len(files)))]
    table = pq.read_table(path)
    name = table.column_names[int(rng.integers(3))]
    values = table[name].to_pylist()
    odd = [None, -1, 10**18, "cat", b"", 1.5, True, {"bytes": None, "path": None}, [1], {"path": "a"}]
    value = odd[int(rng.integers(len(odd)))]
    share = float(rng.choice([0.1, 1.0]))
    try:
        column = pa.array([value if rng.random() < share else v for v in values])
    except (pa.ArrowException, ValueError, TypeError):
        column = pa.array([value] * len(values))
    metadata = {
        b"huggingface": rng.choice([b"{", b'{"info": {"features": {"label": {"names": [1, null]}}}}', b"[" * 5000])
    }
    renamed = str(rng.choice([name, name, "img", "labels", "a.b", ""]))
    columns = {(renamed if n == name else n): (column if n == name else table[n]) for n in table.column_names}
    table = pa.table(columns)
    table = table.replace_schema_metadata(metadata) if rng.random() < 0.3 else table
    pq.write_table(table.slice(0, int(rng.choice([0, 5, COUNT, COUNT]))), path)


MEANING: dict[str, Callable[[Path, Rng], None]] = {
    "png": damage_layout,
    "photographs": damage_layout,
    "npz": damage_arrays,
    "parquet": damage_columns,
    "groups": damage_layout,
}


def read_damaged(source: str, seed: int, folder: Path) -> Outcome:
    """Write data, damage them, and read them.

    Args:
        source: a key of `SOURCES`.
        seed: which damage.
        folder: where the data are written, an empty or missing folder; POLICYSEARCH_CACHE must be a folder to throw
            away.
    """
    rng = np.random.default_rng([seed, list(SOURCES).index(source)])
    SOURCES[source](folder, rng)
    damage = damage_bytes if rng.random() < 0.6 else MEANING[source]
    resize = "10" if rng.random() < 0.3 else None
    one_file_per_image = source in ("png", "photographs") and damage is damage_bytes
    before = contents(load(DataSettings(data=str(folder), resize=resize))) if one_file_per_image else None
    damage(folder, rng)

    given = folder / "a.npz" if source == "npz" else folder
    group = {"groups": str(folder / "groups.csv"), "parquet": "track" if rng.random() < 0.3 else None}.get(source)
    settings = DataSettings(
        data=str(given),
        group=group,
        skip_damaged=bool(rng.random() < 0.5),
        resize=resize,
    )
    try:
        dataset = load(settings)
        wrong = what_is_wrong(dataset)
        if before is not None and (before - contents(dataset)).total() > DAMAGED:
            wrong += "images of files without damage are others than before"
    except UserError as error:
        text = str(error)
        is_sentence = text.startswith("data ") and "\n" not in text and len(text) < 2000
        return Outcome("sentence", text) if is_sentence else Outcome("wrong result", f"not one sentence: {text[:300]}")
    except Exception:
        return Outcome("traceback", traceback.format_exc())
    return Outcome("wrong result", wrong) if wrong else Outcome("right result")


def contents(dataset: Dataset) -> Counter[tuple[str, bytes]]:
    """How often each image is there, with its class, in whatever part."""
    parts = ((dataset.x_train, dataset.y_train), (dataset.x_test, dataset.y_test))
    return Counter(
        (dataset.classes[label], image.tobytes()) for x, y in parts for image, label in zip(x, y, strict=True)
    )


def what_is_wrong(dataset: Dataset) -> str:
    """What of a data set contradicts itself, or its size; "" where nothing does."""
    x, y = (dataset.x_train, dataset.x_test), (dataset.y_train, dataset.y_test)
    total = sum(map(len, y))
    faults = {
        "images are not uint8 [N, C, H, W]": any(part.dtype != np.uint8 or part.ndim != 4 for part in x),
        "images are not as many as labels": any(len(a) != len(b) for a, b in zip(x, y, strict=True)),
        "labels are not those of the classes": any(
            part.size and not 0 <= part.min() <= part.max() < len(dataset.classes) for part in y
        ),
        "a class has no training images": len(np.unique(dataset.y_train)) != len(dataset.classes),
        "there are more images than were written": total > 3 * COUNT + 3,
        "a class cannot be shown": any(not name.isprintable() for name in dataset.classes),
    }
    wrong = [text for text, holds in faults.items() if holds]
    try:
        sides = split(dataset, None, 0)
        if np.intersect1d(sides.train, sides.validation).size:
            wrong.append("the sides of the split overlap")
    except UserError:  # too few images of a class for two sides
        pass
    return "; ".join(wrong)
