"""Small files that unpack to much are refused before they fill the memory."""

from __future__ import annotations

import io
import tracemalloc
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from policysearch.core.errors import UserError
from policysearch.datasets import limits
from policysearch.datasets.limits import must_fit
from policysearch.datasets.load import load
from tests.support.image_files import encoded, some_images


@pytest.fixture
def strict(monkeypatch):
    """Limits that small files of a test can break."""
    monkeypatch.setattr(limits, "_ALWAYS_UNPACKED", 2**16)


@pytest.mark.parametrize(
    ("unpacked", "packed", "sentence"),
    [
        (2**28, 1, None),
        (2**28 + 1, 1, "no images are packed more than 200 times"),
        (2**30, 2**23, None),
        (2**50, 2**49, "and this machine has .* MB of memory"),
    ],
)
def test_limits_by_hand(unpacked, packed, sentence, monkeypatch):
    monkeypatch.setattr(limits, "memory_of_machine", lambda: 2**40)
    if sentence is None:
        must_fit(unpacked, packed, "it is")
    else:
        with pytest.raises(UserError, match=sentence):
            must_fit(unpacked, packed, "it is")


def test_an_archive_of_zeros(tmp_path, strict, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", x_train=np.zeros((90, 64, 64), np.uint8), y_train=np.arange(90) % 3)
    monkeypatch.setattr(np.lib.format, "read_array", lambda *_, **__: pytest.fail("unpacked"))
    with pytest.raises(UserError, match=r"its arrays are 0 MB unpacked, but the file has 0\.0 MB"):
        load(str(tmp_path / "a.npz"))


def test_arrays_that_are_not_needed_are_not_read(tmp_path, strict):
    arrays = {"x_train": some_images(), "y_train": np.arange(60) % 3, "zeros": np.zeros(10**7, np.uint8)}
    np.savez_compressed(tmp_path / "a.npz", **arrays, objects=np.array([{}], dtype=object))
    assert len(load(str(tmp_path / "a.npz")).y_train) == 48


def test_a_header_that_promises_more_than_there_is(tmp_path):
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": "|u1", "fortran_order": False, "shape": (10**12, 28, 28)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x_train.npy", out.getvalue() + b"\0" * 100)
    with pytest.raises(UserError, match="damaged"):
        load(str(tmp_path / "a.npz"))


def test_a_header_that_unpacks_to_much(tmp_path, strict):
    head = b"\x93NUMPY\x02\x00" + (2**28).to_bytes(4, "little")
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x_train.npy", head + b" " * 10**7)
    tracemalloc.start()
    with pytest.raises(UserError, match="its arrays are 10 MB unpacked"):
        load(str(tmp_path / "a.npz"))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 10**6


def test_a_cell_that_is_repeated_without_end(tmp_path, strict):
    """A dictionary holds it once, whatever the number of rows."""
    cell = encoded(some_images(1, 60)[0])
    table = pa.table({"image": pa.array([cell] * 5000), "label": [i % 3 for i in range(5000)]})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(UserError, match=r"a.parquet is .* MB unpacked, but the file has"):
        load(str(tmp_path / "a.parquet"))


def test_columns_that_are_not_needed_are_not_read(tmp_path, strict):
    cells = [encoded(image) for image in some_images()]
    table = pa.table({"image": cells, "label": np.arange(60) % 3, "text": ["x" * 10**5] * 60})
    pq.write_table(table, tmp_path / "a.parquet")
    assert len(load(str(tmp_path / "a.parquet")).y_train) == 48
