"""What an upload must not be. The guards run here in the test's process, with limits that small files exceed."""

from __future__ import annotations

import io
import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from policysearch.core.errors import UserError
from policysearch.datasets.load import load
from policysearch.service.limits import Limits
from policysearch.service.uploads.checker import Task, checked
from tests.support.upload_files import (
    changed,
    good_arrays,
    images,
    npy_of,
    npz,
    plain_png,
    png,
    table,
    with_link,
    zipped,
)

LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
MB = 1_000_000
SMALL = replace(Limits(), unpacked_bytes=MB, members=40, image_pixels=100_000)


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Checks the bytes of an upload."""
    monkeypatch.setenv("POLICYSEARCH_CACHE", str(tmp_path / "cache"))

    def run(data, kind="zip", limits=SMALL, name="animals"):
        upload = tmp_path / "upload"
        upload.write_bytes(data)
        return checked(Task(upload, kind, name, tmp_path / "images", tmp_path / "sheet.png"), limits)

    return run


def test_a_good_zip_is_read_as_the_same_folder_on_a_disk(check, tmp_path):
    files = {
        **images(("dög", "cat", "a<script>")),
        "test/cat/0.png": b"",
    }
    del files["test/cat/0.png"]
    files |= {"cat/notes.txt": b"x", "__MACOSX/cat/._0.png": b"x", "cat/.DS_Store": b"x"}
    summary = check(zipped(files))
    assert summary["classes"] == ["a<script>", "cat", "dög"] and summary["resize"] is False
    assert summary["train"] + summary["test"] == 18
    assert any("1 .txt" in text for text in summary["warnings"])

    folder = tmp_path / "animals"
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    ours, theirs = load(str(tmp_path / "images")), load(str(folder))
    assert ours.digest == theirs.digest and ours.classes == theirs.classes
    names = [path.name for path in (tmp_path / "images").rglob("*")]
    assert not any(word in name for name in names for word in ("cat", "script", "dög"))
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_parts_and_sizes(check):
    files = {f"my/{part}/{name}": data for part in ("train", "val", "test") for name, data in images().items()}
    files["my/train/cat/0.png"] = png(size=(20, 31), kind="JPEG")
    summary = check(zipped(files))
    assert (summary["train"], summary["validation"], summary["test"]) == (24, 12, 12)
    assert summary["resize"] is True and summary["sizes"] == {"height": [16, 20], "width": [16, 31]}


HOSTILE_ZIPS = {
    "no zip at all": (b"GIF89a" + b"\0" * 100, "no zip file"),
    "its end is missing": (zipped(images())[:-30], "no zip file|damaged"),
    "a name that leads out": (zipped({**images(), "../../x.png": png()}), r"leads out of it"),
    "an absolute name": (zipped({**images(), "/etc/x.png": png()}), r"leads out of it"),
    "a name of Windows that leads out": (zipped({**images(), "..\\..\\x.png": png()}), r"leads out of it"),
    "a drive": (zipped({**images(), "C:/x.png": png()}), r"leads out of it"),
    "a link": (with_link(), "a link or a device"),
    "an archive in it": (zipped({**images(), "cat/more.zip": zipped(images())}), "an archive itself"),
    "a tar in it": (zipped({**images(), "x.TAR.GZ": b"x"}), "an archive itself"),
    "encrypted": (changed(changed(zipped(images()), CENTRAL, 8, "<H", 1), LOCAL, 6, "<H", 1), "encrypted"),
    "a method of its own": (changed(zipped(images()), CENTRAL, 10, "<H", 14), "other than deflate"),
    "too many files": (zipped({f"cat/{i}.png": b"" for i in range(60)}), "60 files, and 40 are allowed"),
    "fewer files in the directory's end": (changed(zipped(images()), END, 10, "<H", 60), "60 files"),
    "a size that is a lie": (changed(zipped(images()), CENTRAL, 24, "<I", 10), "damaged|lie over"),
    "a size of more than there is": (changed(zipped(images()), CENTRAL, 20, "<I", 10**6), "lie over|damaged"),
    "files over each other": (zipped(images()), None),
    "a file that the directory does not name": (None, "does not name"),
    "a bomb": (zipped({"cat/0.png": b"\0" * 2 * MB}, zipfile.ZIP_DEFLATED), "more than 1,000,000 bytes"),
    "an image that is none": (zipped({**images(), "cat/x.png": b"#!/bin/sh"}), "cat/x.png is damaged, or no image"),
    "an image of another kind": (zipped({**images(), "cat/x.png": png(kind="GIF")}), "PNG, JPEG, WEBP or BMP"),
    "an image that is too large": (zipped({**images(), "cat/x.png": plain_png(400)}), "160,000|400×400"),
    "an image that ends early": (
        zipped({**images(), "cat/x.png": png()[:-60]}),
        "1 of 13 images cannot be read: cat/x.png",
    ),
    "no images": (zipped({"readme.txt": b"x"}), "no images in sub-folders"),
    "one class": (zipped(images(("cat",))), "one class"),
    "images with masks": (
        zipped({f"{kind}/{i}.png": png(i) for kind in ("images", "masks") for i in range(6)}),
        "images and masks of their names: give --task segmentation",
    ),
    "no folders": (zipped({"a.png": png(), "b.png": png()}), "in no sub-folder"),
    "a class that train has not": (
        zipped({**{f"train/{n}": d for n, d in images().items()}, "test/cow/x.png": png()}),
        "which .*train has not",
    ),
}


def over_each_other():
    data = zipped(images())
    first = data.index(CENTRAL)
    second = data.index(CENTRAL, first + 1)
    return data[: second + 42] + data[first + 42 : first + 46] + data[second + 46 :]


def with_a_hidden_file():
    whole, more = zipped(images()), zipped({"cat/hidden.png": png(99)})
    hidden = more[: more.index(CENTRAL)]
    start = whole.index(CENTRAL)
    data = whole[:start] + hidden + whole[start:]
    return changed(data, END, 16, "<I", start + len(hidden))


HOSTILE_ZIPS["files over each other"] = (over_each_other(), "lie over each other")
HOSTILE_ZIPS["a file that the directory does not name"] = (with_a_hidden_file(), "does not name")


@pytest.mark.parametrize(("data", "sentence"), HOSTILE_ZIPS.values(), ids=HOSTILE_ZIPS)
def test_a_hostile_zip_is_refused_in_words(check, tmp_path, data, sentence):
    with pytest.raises(UserError, match=sentence) as refusal:
        check(data)
    assert str(tmp_path) not in str(refusal.value) and len(str(refusal.value)) < 500


def test_a_file_that_unpacks_to_more_than_it_says(check, monkeypatch):
    """The directory may lie to the guard that looks at it first: what comes is counted, too."""
    data = zipped({**images(), "cat/x.png": b"\0" * 2 * MB}, zipfile.ZIP_DEFLATED)
    monkeypatch.setattr("policysearch.service.uploads.archive.sum", lambda sizes: 0, raising=False)
    with pytest.raises(UserError, match="more than 1,000,000 bytes"):
        check(data)


def test_more_than_a_hundred_times_its_size(check, monkeypatch):
    monkeypatch.setattr("policysearch.service.uploads.archive.ALWAYS_UNPACKED", 1_000)
    data = zipped({**images(), "cat/x.bmp": b"BM" + b"\0" * 800_000}, zipfile.ZIP_DEFLATED)
    with pytest.raises(UserError, match="10 times its size"):
        check(data, limits=replace(SMALL, expansion=10))


def test_a_directory_of_millions_is_not_read(check, monkeypatch):
    """The end of the directory says how large it is, before there are objects of it."""
    data = changed(zipped(images()), END, 10, "<H", 0xFFFE)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(UserError, match="65,534 files"):
        check(data)


def test_a_good_npz_keeps_only_what_is_needed(check, tmp_path):
    summary = check(npz(**good_arrays(), secret=np.zeros(10), more=np.ones((3, 3))), "npz")
    assert summary["classes"] == ["a", "b", "c"] and summary["file"] == "images.npz"
    with np.load(tmp_path / "images.npz") as arrays:
        assert set(arrays) == {"x_train", "y_train", "classes"}


def test_an_npz_of_large_images_needs_a_size(check):
    arrays = {"x_train": np.zeros((12, 100, 600), np.uint8), "y_train": np.arange(12) % 2}
    assert check(npz(**arrays), "npz")["resize"] is True


def pickled():
    out = io.BytesIO()
    np.lib.format.write_array(out, np.array([{"a": 1}], object), allow_pickle=True)
    return out.getvalue()


class Malice:
    def __reduce__(self):
        return (exec, ("raise SystemExit('it was run')",))


HOSTILE_NPZ = {
    "pickled objects": (zipped({"x_train.npy": pickled(), "y_train.npy": npy_of((1,), "<i8", b"\0" * 8)}), "pickled"),
    "a pickle": (zipped({"x_train.npy": pickle.dumps(Malice()), "y_train.npy": b"x"}), "no NumPy array"),
    "a header of more than allowed": (zipped({"x_train.npy": npy_of((10**9,), "|u1")}), "1,000,000,000 bytes"),
    "a header of more than there is": (zipped({"x_train.npy": npy_of((900_000,), "|u1")}), "its place in the file"),
    "a negative shape": (zipped({"x_train.npy": npy_of((-5, 3), "|u1")}), "bytes"),
    "an endless header": (zipped({"x_train.npy": b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65_535}), "no NumPy array"),
    "a bomb": (
        zipped({"x_train.npy": npy_of((2 * MB,), "|u1", b"\0" * 2 * MB)}, zipfile.ZIP_DEFLATED),
        "1,000,000 bytes",
    ),
    "no images": (npz(a=np.zeros(3)), "there is no x_train"),
    "floats": (npz(x_train=np.zeros((4, 8, 8)), y_train=np.arange(4) % 2), "uint8"),
    "no zip": (b"\x93NUMPY" + b"\0" * 100, "no zip file"),
    "a link": (with_link(), "a link or a device"),
}


@pytest.mark.parametrize(("data", "sentence"), HOSTILE_NPZ.values(), ids=HOSTILE_NPZ)
def test_a_hostile_npz_is_refused_in_words(check, tmp_path, data, sentence):
    with pytest.raises(UserError, match=sentence) as refusal:
        check(data, "npz")
    assert str(tmp_path) not in str(refusal.value)


def test_a_good_table_keeps_only_images_and_labels(check, tmp_path):
    summary = check(table(more=list("abcdefghijkl")), "parquet")
    assert summary["classes"] == ["0", "1"] and summary["train"] + summary["test"] == 12
    from pyarrow import parquet

    assert parquet.read_schema(tmp_path / "images.parquet").names == ["image", "label"]


HOSTILE_TABLES = {
    "no table": (b"PAR1" + b"\0" * 100, "cannot read"),
    "too many rows": (table(60), "60 rows, and 40 are allowed"),
    "an image that is none": (table(12, image=[b"x"] * 12), "row 0 is damaged, or no image"),
    "an image that is missing": (table(12, image=[{"bytes": None, "path": "/etc/passwd"}] * 12), "has no image"),
    "an image that is too large": (table(12, image=[plain_png(400)] * 12), "400×400"),
    "no column of images": (table(12, image=list(range(12))), "must be encoded|has no"),
    "more bytes than allowed": (table(12, image=[png(i, (200, 200)) for i in range(12)]), "1,000,000 bytes"),
    "values that are repeated": (table(40, image=[png(0, (120, 120))] * 40), "1,000,000 bytes"),
}


@pytest.mark.parametrize(("data", "sentence"), HOSTILE_TABLES.values(), ids=HOSTILE_TABLES)
def test_a_hostile_table_is_refused_in_words(check, tmp_path, data, sentence):
    with pytest.raises(UserError, match=sentence) as refusal:
        check(data, "parquet")
    assert str(tmp_path) not in str(refusal.value)
