"""Images as cameras, scanners and designers store them: orientation, 16 bits, transparency, and size limits."""

from __future__ import annotations

import io
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageOps

from policysearch.core.errors import UserError
from policysearch.datasets import image_file
from policysearch.datasets.config import DataSettings
from policysearch.datasets.image_file import read_image
from policysearch.datasets.load import load
from tests.support.image_files import some_images, write_folder

ORIENTATION = 0x0112


def oriented(image: np.ndarray, orientation: int, kind: str = "PNG") -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    out = io.BytesIO()
    Image.fromarray(image).save(out, kind, exif=exif)
    return out.getvalue()


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_images_are_turned_as_pillow_turns_them(self, orientation):
        data = oriented(some_images(1, 12)[0][:8], orientation)
        with Image.open(io.BytesIO(data)) as image:
            expected = np.asarray(ImageOps.exif_transpose(image))
        assert np.array_equal(np.asarray(read_image(io.BytesIO(data))), expected)

    def test_a_photograph_on_its_side_by_hand(self):
        """Stored turned by 90° to the left, with orientation 6: the bar that lies left belongs on top."""
        stored = np.zeros((12, 8), np.uint8)
        stored[:, 0] = 255
        upright = np.asarray(read_image(io.BytesIO(oriented(stored, 6))))
        assert upright.shape == (8, 12) and (upright[0] == 255).all() and not upright[1:].any()

    @pytest.mark.parametrize("exif", [None, b"Exif\0\0nonsense", b"", b"II*\0\xff\xff\xff\xff"])
    def test_without_a_readable_orientation_pixels_are_those_of_the_file(self, exif):
        image = some_images(1)[0]
        out = io.BytesIO()
        Image.fromarray(image).save(out, "PNG", **({} if exif is None else {"exif": exif}))
        assert np.array_equal(np.asarray(read_image(out)), image)

    def test_in_folders_and_in_parquet(self, tmp_path):
        stored = [image[:8] for image in some_images(30)]
        cells = [oriented(image, 6) for image in stored]
        for i, cell in enumerate(cells):
            path = tmp_path / "folder" / "abc"[i % 3] / f"{i:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(cell)
        pq.write_table(pa.table({"image": cells, "label": [i % 3 for i in range(30)]}), tmp_path / "a.parquet")
        expected = {np.rot90(image, -1).transpose(2, 0, 1).tobytes() for image in stored}
        for path in (tmp_path / "folder", tmp_path / "a.parquet"):
            dataset = load(str(path))
            assert dataset.shape == (3, 12, 8)
            assert {image.tobytes() for image in (*dataset.x_train, *dataset.x_test)} == expected


def write_deep(root: Path, values: np.ndarray) -> Path:
    """Grey images [N, H, W] uint16 in PNG, in three classes."""
    return write_folder(root, values.astype(np.uint16))


def everything(path: Path, **others: str) -> tuple[set[bytes], tuple[str, ...]]:
    dataset = load(DataSettings(data=str(path), **others))
    return {image.tobytes() for image in (*dataset.x_train, *dataset.x_test)}, dataset.warnings


class TestSixteenBits:
    @pytest.mark.parametrize("bits", [8, 9, 10, 12, 14, 15, 16])
    def test_the_upper_eight_of_the_bits_in_use_are_kept(self, tmp_path, bits):
        grey = some_images(30, channels=1).astype(np.uint16)
        grey[0, 0, 0] = 255
        noise = np.random.default_rng(0).integers(0, 2 ** (bits - 8), grey.shape)
        pixels, warnings = everything(write_deep(tmp_path, (grey << (bits - 8)) + noise))
        assert pixels == {image.astype(np.uint8).tobytes() for image in grey}
        assert any(f"only: read as images of {bits} bits" in text for text in warnings) is (bits < 16)

    def test_all_images_are_scaled_alike(self, tmp_path):
        values = np.full((30, 12, 12), 100) + np.arange(30)[:, None, None]
        values[0] = 4095
        pixels, _ = everything(write_deep(tmp_path, values))
        assert pixels == {np.full((1, 12, 12), v >> 4, np.uint8).tobytes() for v in values[:, 0, 0]}

    def test_images_of_eight_bits_beside_them_stay(self, tmp_path):
        write_deep(tmp_path, some_images(30, channels=1).astype(np.uint16) * 16)
        plain = some_images(1, channels=1, seed=3)[0]
        Image.fromarray(plain).save(tmp_path / "cat" / "plain.png")
        pixels, _ = everything(tmp_path)
        assert plain.tobytes() in pixels

    def test_one_bright_image_among_dark_ones_is_said(self, tmp_path):
        values = some_images(30, channels=1).astype(np.uint16) * 16
        values[0] = 65535
        _, warnings = everything(write_deep(tmp_path, values))
        assert any("most images of 16 bits have values up to 4,080 only, one up to 65,535" in text for text in warnings)

    def test_portable_grey_maps(self, tmp_path):
        deep = (some_images(30, channels=1).astype(np.uint16) << 8) + 9
        pixels, _ = everything(write_folder(tmp_path, deep, ".pgm"))
        assert pixels == {(image >> 8).astype(np.uint8).tobytes() for image in deep}

    def test_images_that_are_nearly_black_are_said(self, tmp_path):
        _, warnings = everything(write_folder(tmp_path, some_images(30) // 32))
        assert any("no pixel is brighter than 7 of 255" in text for text in warnings)


class TestTransparency:
    @pytest.mark.parametrize(("background", "value"), [("white", 255), ("black", 0)])
    @pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
    def test_transparent_places_show_the_background(self, tmp_path, mode, background, value):
        images = [Image.fromarray(image).convert("RGBA") for image in some_images(30)]
        for i, image in enumerate(images):
            alpha = np.full((12, 12), 255, np.uint8)
            alpha[:6] = 0
            image.putalpha(Image.fromarray(alpha))
            path = tmp_path / "abc"[i % 3] / f"{i}.png"
            path.parent.mkdir(exist_ok=True)
            (image.quantize(32) if mode == "P" else image.convert(mode)).save(path)
        dataset = load(DataSettings(data=str(tmp_path), background=background))
        assert (dataset.x_train[:, :, :6] == value).all() and dataset.x_train[:, :, 6:].std() > 20
        assert len(dataset.x_train[0]) == (1 if mode == "LA" else 3)
        assert f"30 images are transparent in places: a {background} background is put behind" in str(dataset.warnings)

    def test_half_transparent_by_hand(self, tmp_path):
        image = np.zeros((30, 12, 12, 4), np.uint8)
        image[..., 0], image[..., 3] = 200, 51  # a fifth of 200 and four fifths of 255
        pixels, _ = everything(write_folder(tmp_path, image))
        assert {tuple(np.frombuffer(p, np.uint8).reshape(3, -1)[:, 0]) for p in pixels} == {(244, 204, 204)}

    def test_a_transparent_colour(self, tmp_path):
        write_folder(tmp_path, some_images(30, channels=1))
        grey = np.zeros((12, 12), np.uint8)
        grey[6:] = 90
        Image.fromarray(grey).save(tmp_path / "cat" / "t.png", transparency=0)
        pixels, _ = everything(tmp_path)
        assert np.where(grey == 0, 255, grey).astype(np.uint8).tobytes() in pixels

    def test_an_opaque_image_has_the_pixels_of_the_file(self, tmp_path):
        images = some_images(30)
        opaque = np.concatenate([images, np.full((30, 12, 12, 1), 255, np.uint8)], 3)
        pixels, warnings = everything(write_folder(tmp_path, opaque))
        assert pixels == {image.transpose(2, 0, 1).tobytes() for image in images}
        assert "transparent" not in str(warnings)


class TestFrames:
    @pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".tiff"])
    def test_the_first_is_read_and_the_others_are_counted(self, tmp_path, suffix):
        write_folder(tmp_path, some_images(30))
        frames = [Image.fromarray(image) for image in some_images(3, seed=5)]
        lossless = {"lossless": True} if suffix == ".webp" else {}
        path = tmp_path / "cat" / f"a{suffix}"
        frames[0].save(path, save_all=True, append_images=frames[1:], **lossless)
        with Image.open(path) as image:
            first = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
        pixels, warnings = everything(tmp_path)
        assert first.tobytes() in pixels and len(pixels) == 31
        assert "1 image has several frames or pages: the first of each is read" in warnings


def bomb(height: int, width: int) -> bytes:
    """A PNG that says it has so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


class TestLimits:
    @pytest.mark.parametrize(("height", "width"), [(10_000, 9_000), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
    def test_too_many_pixels_are_refused_before_they_are_decoded(self, monkeypatch, height, width):
        monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("decoded"))
        monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda *_: pytest.fail("decoded"))
        with pytest.raises(ValueError, match="89,478,485"), pytest.warns(Image.DecompressionBombWarning):
            if width > 10_000:
                import warnings

                warnings.warn("beyond Pillow's own limit", Image.DecompressionBombWarning, stacklevel=1)
            read_image(io.BytesIO(bomb(height, width)))

    def test_large_images_are_decoded_one_at_a_time(self, monkeypatch):
        monkeypatch.setattr(image_file, "_LARGE", 100)
        lock = threading.Lock()
        monkeypatch.setattr(image_file, "_ONE_LARGE_IMAGE", lock)
        held = []
        upright = image_file._upright
        monkeypatch.setattr(image_file, "_upright", lambda image: held.append(lock.locked()) or upright(image))
        for side in (12, 8):
            out = io.BytesIO()
            Image.fromarray(some_images(1, side)[0]).save(out, "PNG")
            read_image(out)
        assert held == [True, False] and not lock.locked()

    def test_pixels_of_a_forbidden_size_are_not_kept(self, tmp_path):
        write_folder(tmp_path, some_images(30, 600, 1))
        with pytest.raises(UserError, match="600×600 pixels; sides must be 8 to 512: give --resize 32"):
            load(str(tmp_path))

    def test_a_file_that_would_start_a_program_is_not_opened(self, tmp_path):
        write_folder(tmp_path, some_images(30))
        (tmp_path / "cat" / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 12 12\n")
        with pytest.raises(UserError, match=r"1 of 31 images cannot be read: cat/a.png \(UnidentifiedImageError"):
            load(str(tmp_path))


def test_grey_of_16_bits_in_either_order_of_bytes_is_grey(tmp_path):
    """ImageJ writes big-endian TIFFs, which Pillow opens in a mode of their own."""
    values = some_images(45, channels=1).astype(np.uint16) * 257
    for number, image in enumerate(values):
        path = tmp_path / "data" / "train" / f"c{number % 3}" / f"{number}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        big = Image.frombytes("I;16B", image.shape[::-1], image.astype(">u2").tobytes())
        big.save(path, format="TIFF")
        with Image.open(path) as opened:
            assert opened.mode == "I;16B"
    assert load(str(tmp_path / "data")).x_train.shape[1] == 1
